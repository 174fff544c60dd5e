package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/freespace"
)

// offload is the settings of when local copies are given up.
type offload struct{ Above, To level }

func (o *offload) flags(fs *pflag.FlagSet) {
	fs.Var(&o.Above, "offload-above", "when more than this is taken, local copies of objects that Filecoin keeps are given up, the least recently read first: `LEVEL` of the disk (85%) or of what blocks take (500GiB); empty: never")
	fs.Var(&o.To, "offload-to", "`LEVEL` at which that ends, of the same kind; empty: a tenth below --offload-above")
}

func (o *offload) check(bad func(format string, args ...any)) {
	switch {
	case o.Above.unset() && !o.To.unset():
		bad("--offload-to needs --offload-above")
	case o.Above.unset() || o.To.unset():
	case (o.Above.percent > 0) != (o.To.percent > 0):
		bad("--offload-above and --offload-to are both a share of the disk, or both a size")
	case o.To.percent > o.Above.percent || o.To.bytes > o.Above.bytes:
		bad("--offload-to is above --offload-above")
	}
}

// options bounds what is taken: of the disk, or by blocks.
func (o *offload) options(data string, blocks func() int64) (buckets.OffloadOptions, error) {
	above, to := o.Above, o.To
	if above.unset() {
		return buckets.OffloadOptions{}, nil
	}
	if to.unset() {
		to = level{percent: above.percent * 0.9, bytes: above.bytes / 10 * 9}
	}
	if above.percent == 0 {
		return buckets.OffloadOptions{Used: func() (int64, error) { return blocks(), nil }, Above: above.bytes, To: to.bytes}, nil
	}
	_, total, err := freespace.Of(data)
	if err != nil {
		return buckets.OffloadOptions{}, fmt.Errorf("--offload-above: %w", err)
	}
	used := func() (int64, error) {
		free, total, err := freespace.Of(data)
		return total - free, err
	}
	return buckets.OffloadOptions{Used: used, Above: above.of(total), To: to.of(total)}, nil
}

// level is a share of something, written 85%, or a size.
type level struct {
	percent float64
	bytes   int64
}

func (l level) unset() bool { return l == level{} }

// of is the level in bytes, as a share of a total.
func (l level) of(total int64) int64 { return int64(math.Round(float64(total) * l.percent / 100)) }

func (l *level) Set(v string) error {
	if v == "" {
		*l = level{}
		return nil
	}
	if share, ok := strings.CutSuffix(v, "%"); ok {
		p, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(p > 0 && p <= 100) {
			return fmt.Errorf("%q is not a share such as 85%%", v)
		}
		*l = level{percent: p}
		return nil
	}
	var s size
	if err := s.Set(v); err != nil || s <= 0 {
		return fmt.Errorf("%q is neither a share such as 85%% nor a size such as 500GiB", v)
	}
	*l = level{bytes: int64(s)}
	return nil
}

func (l *level) String() string {
	switch {
	case l.percent > 0:
		return strconv.FormatFloat(l.percent, 'f', -1, 64) + "%"
	case l.bytes > 0:
		s := size(l.bytes)
		return s.String()
	}
	return ""
}

func (l *level) Type() string { return "level" }
