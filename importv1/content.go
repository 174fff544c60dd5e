package importv1

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

const (
	contentsTable = "contents"
	batchSize     = 500 // rows of one transaction

	maxPinName = 255      // characters, of the Pinning Service API
	maxMeta    = 16 << 10 // bytes
	maxOrigins = 20
)

// errNoOwner says that a row belongs to a user who is not here.
var errNoOwner = errors.New("its user was not imported")

// contents imports contents as pins, some hundreds in a transaction.
func (r *run) contents(src *Source) error {
	var batch []buckets.ImportedPin
	members := map[uint64]uint64{}
	flush := func() error {
		err := r.pins(batch)
		if err == nil && !r.opt.DryRun {
			err = r.Deals.ImportAggregates(r.ctx, members)
		}
		batch = batch[:0]
		clear(members)
		return err
	}
	err := each(r, src.Contents, &r.report.Contents, func(c Content) error {
		if c.Aggregate || c.SplitFrom != 0 || c.Replace || c.Failed && !c.Active && !r.opt.Failed {
			r.report.Contents.Skipped++
			return nil
		}
		pin, err := r.pin(c, src.Users == nil)
		if err != nil {
			return RowError{contentsTable, c.ID, err}
		}
		batch = append(batch, pin)
		if c.AggregatedIn != 0 {
			members[c.ID] = c.AggregatedIn
		}
		if len(batch) == batchSize {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush())
}

// pin is a content as buckets takes it.
func (r *run) pin(c Content, export bool) (buckets.ImportedPin, error) {
	if !export && !r.owners[c.User] {
		return buckets.ImportedPin{}, errNoOwner
	}
	if !c.CID.Defined() {
		return buckets.ImportedPin{}, errors.New("it has no CID")
	}
	p := buckets.ImportedPin{ID: c.ID, Owner: c.User, Created: c.Created}
	p.CID, p.Name, p.Meta = c.CID, fit(c.Name), c.Meta
	if meta, err := json.Marshal(c.Meta); err != nil || len(meta) > maxMeta {
		p.Meta = nil
		r.report.problem(RowError{contentsTable, c.ID, fmt.Errorf("its meta is larger than %d bytes, and left out", maxMeta)})
	}
	for _, o := range append(append([]string(nil), r.opt.Origins...), c.Origins...) {
		// As V1 does, what is no address is passed over.
		if len(p.Origins) < maxOrigins && node.CheckPeerAddrs([]string{o}) == nil {
			p.Origins = append(p.Origins, o)
		}
	}
	return p, nil
}

// fit is a name as pins may have it.
func fit(name string) string {
	name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "\uFFFD")
	for utf8.RuneCountInString(name) > maxPinName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// pins imports a batch. One that cannot be taken stops none of the others.
func (r *run) pins(batch []buckets.ImportedPin) error {
	if len(batch) == 0 {
		return nil
	}
	if r.opt.DryRun {
		return r.wouldPin(batch)
	}
	added, err := r.Buckets.ImportPins(r.ctx, batch)
	switch {
	case err == nil:
		r.report.Contents.New += added
		r.report.Contents.Had += len(batch) - added
		return nil
	case !isOwn(err, buckets.ErrPinTaken, buckets.ErrInvalidPin):
		return err
	case len(batch) == 1:
		r.report.Contents.Bad++
		r.report.problem(RowError{contentsTable, batch[0].ID, err})
		return nil
	}
	half := len(batch) / 2
	return errors.Join(r.pins(batch[:half]), r.pins(batch[half:]))
}

// wouldPin counts what ImportPins would do.
func (r *run) wouldPin(batch []buckets.ImportedPin) error {
	for _, p := range batch {
		old, err := r.Buckets.PinByID(r.ctx, 0, p.ID)
		switch {
		case errors.Is(err, buckets.ErrNoPin):
			r.report.Contents.New++
		case err != nil:
			return err
		case old.Owner == p.Owner && old.CID.Equals(p.CID):
			r.report.Contents.Had++
		default:
			r.report.Contents.Bad++
			r.report.problem(RowError{contentsTable, p.ID, buckets.ErrPinTaken})
		}
	}
	return nil
}
