package importv1

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

const (
	collectionsTable = "collections"
	entriesTable     = "collection_refs"
)

// collections imports collections with their entries.
func (r *run) collections(src *Source) error {
	return each(r, src.Collections, &r.report.Collections, func(c Collection) error {
		col, fresh, err := r.collection(c)
		if err != nil {
			return err
		}
		r.report.Collections.did(fresh)
		here := map[string]uint64{}
		if !fresh {
			if here, err = r.entries(col); err != nil {
				return err
			}
		}
		return r.refs(src, c, here)
	})
}

// collection imports one, without its entries.
func (r *run) collection(c Collection) (col collections.Collection, fresh bool, err error) {
	if !r.owners[c.User] {
		return col, false, RowError{collectionsTable, c.ID, errNoOwner}
	}
	old, err := r.Collections.Collection(r.ctx, c.User, c.UUID)
	switch {
	case err == nil:
		return old, false, nil
	case errors.Is(err, collections.ErrNotOwner):
		return col, false, RowError{collectionsTable, c.ID, err}
	case !errors.Is(err, collections.ErrNotFound):
		return col, false, err
	}
	col = collections.Collection{UUID: c.UUID, Name: fit(c.Name), Description: c.Description, Owner: c.User, Created: c.Created}
	if root, err := cid.Decode(c.CID); err == nil {
		col.CID = root
	}
	if r.opt.DryRun {
		return col, true, nil
	}
	err = r.Collections.Import(r.ctx, col)
	if isOwn(err, collections.ErrInvalid, collections.ErrExists) {
		err = RowError{collectionsTable, c.ID, err}
	}
	return col, true, err
}

// entries returns V1's ids of what is in a collection that is here, by path.
func (r *run) entries(col collections.Collection) (map[string]uint64, error) {
	here := map[string]uint64{}
	for after := ""; ; {
		page, err := r.Collections.Entries(r.ctx, col, after, pageSize)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			here[e.Path] = e.ID()
			if e.Pin.ID != 0 { // which has V1's id also when it has become a content
				here[e.Path] = e.Pin.ID
			}
		}
		if !page.More {
			return here, nil
		}
		after = page.Next
	}
}

// refs imports the entries of a collection.
func (r *run) refs(src *Source, c Collection, here map[string]uint64) error {
	if src.Refs == nil {
		return nil
	}
	var batch []collections.Named
	flush := func() error {
		err := r.add(c, batch)
		batch = batch[:0]
		return err
	}
	err := each(r, src.Refs(c.ID), &r.report.Entries, func(f Ref) error {
		n, content, err := r.named(c, f)
		if err != nil {
			return err
		}
		id, found := here[n.Path]
		switch {
		case found && (id == n.ID || id == content):
			r.report.Entries.Had++
			return nil
		case found:
			return RowError{entriesTable, f.ID, fmt.Errorf("%q in collection %s: %w", n.Path, c.UUID, collections.ErrExists)}
		}
		here[n.Path] = n.ID
		batch = append(batch, n)
		if len(batch) == batchSize {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush())
}

// named is an entry as collections takes it, and the content that its pin has
// become, if it has. One without a path has the name of its content.
func (r *run) named(c Collection, f Ref) (n collections.Named, content uint64, err error) {
	bad := func(err error) (collections.Named, uint64, error) {
		return collections.Named{}, 0, RowError{entriesTable, f.ID, fmt.Errorf("content %d in collection %s: %w", f.Content, c.UUID, err)}
	}
	n.ID = f.Content
	p, err := r.Buckets.PinByID(r.ctx, c.User, f.Content)
	switch {
	case errors.Is(err, buckets.ErrNoPin) && !r.opt.DryRun:
		return bad(errors.New("it was not imported"))
	case errors.Is(err, buckets.ErrNoPin): // it may be one that would be imported, too
		p.Name = fmt.Sprintf("content %d", f.Content)
	case err != nil:
		return n, 0, err
	case p.Name == "":
		p.Name = p.CID.String()
	}
	if n.Path, err = collections.Join("/", cmp.Or(f.Path, p.Name)); err != nil {
		return bad(err)
	}
	return n, p.Content, nil
}

// add stores entries, or counts them.
func (r *run) add(c Collection, batch []collections.Named) error {
	return inHalves(batch, func(part []collections.Named) error {
		var err error
		if !r.opt.DryRun {
			err = r.Collections.Add(r.ctx, c.User, c.UUID, part, false)
		}
		if err == nil {
			r.report.Entries.New += len(part)
		}
		return err
	}, func(err error) bool {
		return errors.As(err, new(*collections.MissingError)) || isOwn(err, collections.ErrExists, collections.ErrPath)
	}, func(n collections.Named, err error) {
		r.report.refuse(&r.report.Entries, RowError{entriesTable, n.ID, err})
	})
}
