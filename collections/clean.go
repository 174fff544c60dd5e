package collections

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// Clean removes references to what is gone. It reads in pages, and writes only
// where there is something to remove.
func (c *Collections) Clean(ctx context.Context) error {
	from, to := kv.Range(tabEntry)
	for from != nil {
		var gone []place
		var err error
		if gone, from, err = c.findGone(ctx, from, to); err == nil && len(gone) > 0 {
			err = c.store.Update(ctx, func(tx kv.Tx) error { return dropGone(tx, gone) })
		}
		if err != nil {
			return fmt.Errorf("clean collections: %w", err)
		}
	}
	return nil
}

// A place is where an entry is.
type place struct{ uuid, path string }

// findGone looks at up to maxScan rows, and returns where to go on; nil is the end.
func (c *Collections) findGone(ctx context.Context, from, to []byte) (gone []place, next []byte, err error) {
	err = c.store.View(ctx, func(tx kv.Tx) error {
		gone, next = nil, nil
		scanned := 0
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			if scanned == maxScan || len(gone) == batch {
				next = append([]byte(nil), row.Key...)
				return nil
			}
			scanned++
			var p place
			if err := kv.Unkey(row.Key, nil, &p.uuid, &p.path); err != nil {
				return err
			}
			live, err := isLive(tx, p)
			if err != nil {
				return err
			}
			if !live {
				gone = append(gone, p)
			}
		}
		return nil
	})
	return gone, next, err
}

// isLive says whether an entry is one that listings show. Those of a collection
// that is gone are for the job that forgets it.
func isLive(tx kv.Tx, p place) (bool, error) {
	col, err := collectionAt(tx, p.uuid)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	r, found, err := refAt(tx, p.uuid, p.path)
	if err != nil || !found {
		return true, err
	}
	_, live, err := resolve(tx, col.Owner, r)
	return live, err
}

// dropGone removes entries that are still not live: others may have come to
// their paths.
func dropGone(tx kv.Tx, gone []place) error {
	for _, p := range gone {
		live, err := isLive(tx, p)
		if err != nil {
			return err
		}
		if live {
			continue
		}
		r, _, err := refAt(tx, p.uuid, p.path)
		if err == nil {
			err = dropRef(tx, p.uuid, p.path, r.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
