package collections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// Entry is what is at a path of a collection.
type Entry struct {
	Path    string
	Content buckets.Content // its ID is 0: it is a pin that is no content yet
	Pin     buckets.Pin     // its ID is 0: it was not added as a pin
	Added   time.Time
}

// ID is that of the content, or of the pin that is none yet.
func (e Entry) ID() uint64 {
	if e.Content.ID == 0 {
		return e.Pin.ID
	}
	return e.Content.ID
}

// MissingError says which of some contents are not there, or not the owner's.
type MissingError struct{ IDs []uint64 }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%d specified content(s) were not found or user missing permissions", len(e.IDs))
}

// Named is a content, or a pin, and the path that it is to have.
type Named struct {
	Path string
	ID   uint64
}

// Add puts contents and pins of the owner's at paths. What else is there they
// replace if overwrite is set; without, that is ErrExists. If one is not there,
// which is a *MissingError, or in the way, none is added; only into a bucket
// some may be, if that comes up while they are.
func (c *Collections) Add(ctx context.Context, owner uint64, id string, list []Named, overwrite bool) error {
	ids := make([]uint64, len(list))
	for i, n := range list {
		p, err := clean(n.Path)
		if err == nil && p == "/" {
			err = fmt.Errorf("%w: it ends with no name", ErrPath)
		}
		if err != nil {
			return err
		}
		ids[i] = n.ID
	}
	return c.add(ctx, owner, id, ids, overwrite, func(i int, _ Entry) (string, error) { return clean(list[i].Path) })
}

// AddTo is Add into a directory, each under its name.
func (c *Collections) AddTo(ctx context.Context, owner uint64, id, dir string, contents []uint64, overwrite bool) error {
	if _, err := clean(dir); err != nil {
		return err
	}
	return c.add(ctx, owner, id, contents, overwrite, func(_ int, e Entry) (string, error) { return Join(dir, e.name()) })
}

func (c *Collections) add(ctx context.Context, owner uint64, id string, contents []uint64, overwrite bool, place func(int, Entry) (string, error)) error {
	col, err := c.Collection(ctx, owner, id)
	if err != nil {
		return err
	}
	if b, ok := col.Bucket(); ok {
		return c.copyAll(ctx, b, contents, overwrite, place)
	}
	now := time.Now().UTC()
	err = c.store.Update(ctx, func(tx kv.Tx) error {
		if _, err := collectionAt(tx, id); err != nil {
			return err
		}
		list, err := resolveAll(tx, owner, contents)
		if err != nil {
			return err
		}
		for i, e := range list {
			path, err := place(i, e)
			if err != nil {
				return err
			}
			r := ref{ID: e.ID(), Pin: e.Content.ID == 0, Added: now}
			if err := add(tx, col, path, r, overwrite); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add to collection %q: %w", id, err)
	}
	return nil
}

// name is what the entry is called by default.
func (e Entry) name() string {
	switch {
	case e.Content.ID != 0:
		return e.Content.Name
	case e.Pin.Name != "":
		return e.Pin.Name
	}
	return e.Pin.CID.String()
}

// add puts a reference at a path of a collection that is there. The same one
// again is no error.
func add(tx kv.Tx, col Collection, path string, r ref, overwrite bool) error {
	old, found, err := refAt(tx, col.UUID, path)
	if err != nil {
		return err
	}
	if !found {
		return putRef(tx, col.UUID, path, r, nil)
	}
	if old.ID == r.ID && old.Pin == r.Pin {
		return nil
	}
	if !overwrite {
		_, live, err := resolve(tx, col.Owner, old)
		if err != nil {
			return err
		}
		if live {
			return fmt.Errorf("%q: %w", path, ErrExists)
		}
	}
	return putRef(tx, col.UUID, path, r, &old)
}

// resolve returns what a reference is of, unless that is gone, or is not the owner's.
func resolve(tx kv.Tx, owner uint64, r ref) (e Entry, live bool, err error) {
	e.Added = r.Added
	content := r.ID
	if r.Pin {
		e.Pin, err = buckets.PinAt(tx, r.ID)
		if errors.Is(err, buckets.ErrNoPin) {
			return e, false, nil
		}
		if err != nil || e.Pin.Owner != owner {
			return e, false, err
		}
		if content = e.Pin.Content; content == 0 {
			return e, true, nil
		}
	}
	e.Content, err = buckets.ContentAt(tx, content)
	if errors.Is(err, buckets.ErrNoContent) {
		return e, false, nil
	}
	return e, err == nil && e.Content.Owner == owner, err
}

// entryAt reads the entry in a row, and says whether listings show it.
func entryAt(tx kv.Tx, owner uint64, row kv.Row) (e Entry, live bool, err error) {
	r, path, err := readEntry(row)
	if err == nil {
		e, live, err = resolve(tx, owner, r)
	}
	e.Path = path
	return e, live, err
}

// resolveAll returns what has those ids, of contents or pins, or *MissingError.
func resolveAll(tx kv.Tx, owner uint64, ids []uint64) ([]Entry, error) {
	var list []Entry
	var missing []uint64
	for _, id := range ids {
		e, live, err := resolve(tx, owner, ref{ID: id})
		if err == nil && !live {
			e, live, err = resolve(tx, owner, ref{ID: id, Pin: true})
		}
		if err != nil {
			return nil, err
		}
		if live {
			list = append(list, e)
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, &MissingError{missing}
	}
	return list, nil
}
