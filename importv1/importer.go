package importv1

import (
	"context"
	"errors"
	"iter"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
)

// Importer stores what a Source has.
type Importer struct {
	Accounts    *accounts.Accounts
	Buckets     *buckets.Buckets
	Collections *collections.Collections
	Deals       *deals.Deals
}

// Options of an import.
type Options struct {
	DryRun  bool     // write nothing, and tell what would be
	Failed  bool     // take the contents, too, that V1 had failed to get
	Origins []string // multiaddrs with /p2p/ of nodes that have the data
	// Told is called after every so many rows with what was done so far. nil: nobody is told.
	Told func(Report)
}

// Import stores everything that is not here yet. It returns what was done also
// with an error, after which it can be called again.
func (im *Importer) Import(ctx context.Context, src *Source, opt Options) (Report, error) {
	r := &run{Importer: im, ctx: ctx, opt: opt, owners: map[uint64]bool{}}
	for _, step := range []func(*Source) error{r.users, r.invites, r.contents, r.collections, r.deals} {
		if err := step(src); err != nil {
			return r.report, err
		}
		r.tell()
	}
	return r.report, nil
}

// run is one import.
type run struct {
	*Importer
	ctx    context.Context
	opt    Options
	report Report
	// owners are V1's users who are here, under the same ids. For an export it is
	// the one whom it is for.
	owners map[uint64]bool
}

func (r *run) tell() {
	if r.opt.Told != nil {
		r.opt.Told(r.report)
	}
}

// each calls fn with every row of a table until one fails with more than a
// RowError, which is told.
func each[T any](r *run, rows iter.Seq2[T, error], count *Count, fn func(T) error) error {
	if rows == nil {
		return nil
	}
	for v, err := range rows {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		count.Read++
		if err == nil {
			err = fn(v)
		}
		var bad RowError
		switch {
		case errors.As(err, &bad):
			r.report.refuse(count, bad)
		case err != nil:
			return err
		}
		if count.Read%pageSize == 0 {
			r.tell()
		}
	}
	return nil
}

// inHalves has a batch taken as a whole. If that fails because of a row, which
// ofRow says of the error, halves of it are tried, down to the rows that are
// refused: they stop none of the others.
func inHalves[T any](batch []T, take func([]T) error, ofRow func(error) bool, refuse func(T, error)) error {
	if len(batch) == 0 {
		return nil
	}
	err := take(batch)
	switch {
	case err == nil || !ofRow(err):
		return err
	case len(batch) == 1:
		refuse(batch[0], err)
		return nil
	}
	half := len(batch) / 2
	return errors.Join(inHalves(batch[:half], take, ofRow, refuse), inHalves(batch[half:], take, ofRow, refuse))
}

// did counts a row that was taken, or was there.
func (c *Count) did(fresh bool) {
	if fresh {
		c.New++
	} else {
		c.Had++
	}
}
