package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/buckets"
)

// pins are the settings of fetching what is pinned by CID.
type pins struct {
	PinWorkers int
	PinTimeout time.Duration
	PinMaxSize size
}

func (p *pins) flags(fs *pflag.FlagSet) {
	fs.IntVar(&p.PinWorkers, "pin-workers", 32, "pins fetched at once, 16 of one user at most")
	fs.DurationVar(&p.PinTimeout, "pin-timeout", 72*time.Hour, "a pin of which no block came for that long fails")
	p.PinMaxSize = 1 << 40
	fs.Var(&p.PinMaxSize, "pin-max-size", "largest DAG that is pinned")
}

func (p *pins) check(bad func(format string, args ...any)) {
	if p.PinWorkers < 1 || p.PinWorkers > 1024 {
		bad("--pin-workers is 1 to 1024")
	}
	if p.PinTimeout <= 0 || p.PinMaxSize <= 0 {
		bad("--pin-timeout and --pin-max-size are more than 0")
	}
}

func (p *pins) options() buckets.PinOptions {
	return buckets.PinOptions{Workers: p.PinWorkers, Timeout: p.PinTimeout, MaxBytes: int64(p.PinMaxSize)}
}
