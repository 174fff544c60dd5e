package importv1

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

const (
	contentsTable = "contents"
	batchSize     = 500 // rows of one transaction
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
	if meta, err := json.Marshal(c.Meta); err != nil || len(meta) > buckets.MaxPinMeta {
		p.Meta = nil
		r.report.problem(RowError{contentsTable, c.ID, fmt.Errorf("its meta is larger than %d bytes, and left out", buckets.MaxPinMeta)})
	}
	for _, o := range append(append([]string(nil), r.opt.Origins...), c.Origins...) {
		// As V1 does, what is no address is passed over.
		if len(p.Origins) < buckets.MaxPinOrigins && node.CheckPeerAddrs([]string{o}) == nil {
			p.Origins = append(p.Origins, o)
		}
	}
	return p, nil
}

// fit is a name as pins may have it.
func fit(name string) string {
	name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "\uFFFD")
	n := 0
	for end := range name { // at the first byte of each character
		if n++; n > buckets.MaxPinName {
			return name[:end]
		}
	}
	return name
}

// pins imports a batch, or counts what it would do.
func (r *run) pins(batch []buckets.ImportedPin) error {
	if r.opt.DryRun {
		return r.wouldPin(batch)
	}
	return inHalves(batch, func(part []buckets.ImportedPin) error {
		added, err := r.Buckets.ImportPins(r.ctx, part)
		if err == nil {
			r.report.Contents.New += added
			r.report.Contents.Had += len(part) - added
		}
		return err
	}, func(err error) bool {
		return isOwn(err, buckets.ErrPinTaken, buckets.ErrInvalidPin)
	}, func(p buckets.ImportedPin, err error) {
		r.report.refuse(&r.report.Contents, RowError{contentsTable, p.ID, err})
	})
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
			r.report.refuse(&r.report.Contents, RowError{contentsTable, p.ID, buckets.ErrPinTaken})
		}
	}
	return nil
}
