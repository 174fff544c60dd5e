package collections

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// ErrInconsistent says that rows contradict each other.
var ErrInconsistent = errors.New("collections are inconsistent")

// Check verifies that the rows agree with each other; where they do not it is
// ErrInconsistent. It reads all of them.
func (c *Collections) Check(ctx context.Context) error {
	err := c.store.View(ctx, func(tx kv.Tx) error {
		return errors.Join(checkCollections(tx), checkEntries(tx), checkIndex(tx))
	})
	if err != nil {
		return fmt.Errorf("check collections: %w", err)
	}
	return nil
}

// checkCollections: each collection is listed with its owner, and nothing else is.
func checkCollections(tx kv.Tx) error {
	var errs []error
	n := 0
	for row, err := range tx.Scan(kv.Range(tabCollection)) {
		var id string
		if err == nil {
			err = kv.Unkey(row.Key, nil, &id)
		}
		if err != nil {
			return err
		}
		col, err := collectionAt(tx, id)
		if err != nil {
			return err
		}
		if listed, err := has(tx, keyOwned(col)); err != nil {
			return err
		} else if !listed || col.UUID != id {
			errs = append(errs, wrong("collection %q is %+v, listed: %v", id, col, listed))
		}
		n++
	}
	for _, err := range tx.Scan(kv.Range(tabOwned)) {
		if err != nil {
			return err
		}
		n--
	}
	if n != 0 {
		errs = append(errs, wrong("%d collections more than are listed with owners", n))
	}
	return errors.Join(errs...)
}

// checkEntries: each entry is of a collection, or of one that is being
// forgotten, and is in the index.
func checkEntries(tx kv.Tx) error {
	var errs []error
	for row, err := range tx.Scan(kv.Range(tabEntry)) {
		var p place
		if err == nil {
			err = kv.Unkey(row.Key, nil, &p.uuid, &p.path)
		}
		var r ref
		if err == nil {
			r, err = decodeRef(row.Value)
		}
		if err != nil {
			return err
		}
		indexed, err := has(tx, keyOf(r.ID, p.uuid, p.path))
		if err != nil {
			return err
		}
		there, err := has(tx, keyCollection(p.uuid))
		if err == nil && !there {
			there, err = queue.Has(tx, jobForget, p.uuid)
		}
		if err != nil {
			return err
		}
		if want, err := Join("/", p.path); err != nil || want != p.path || !indexed || !there {
			errs = append(errs, wrong("entry %+v, cleaned %q: in the index %v, of a collection %v", p, want, indexed, there))
		}
	}
	return errors.Join(errs...)
}

// checkIndex: what the index says is so.
func checkIndex(tx kv.Tx) error {
	var errs []error
	for row, err := range tx.Scan(kv.Range(tabOf)) {
		var p place
		var id uint64
		if err == nil {
			err = kv.Unkey(row.Key, nil, &id, &p.uuid, &p.path)
		}
		if err != nil {
			return err
		}
		r, found, err := refAt(tx, p.uuid, p.path)
		if err != nil {
			return err
		}
		if !found || r.ID != id {
			errs = append(errs, wrong("the index says that %d is at %+v, where %+v is", id, p, r))
		}
	}
	return errors.Join(errs...)
}

func has(tx kv.Tx, key []byte) (bool, error) {
	_, err := tx.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// wrong is what Check has found.
func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInconsistent, fmt.Errorf(format, args...))
}
