package collections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// RemovePath removes what is at a path and below it; what is not there is
// removed. Of a bucket it deletes the objects, all that locks let it, and then
// returns the first error.
func (c *Collections) RemovePath(ctx context.Context, owner uint64, id, path string) error {
	col, err := c.Collection(ctx, owner, id)
	if err != nil {
		return err
	}
	if b, ok := col.Bucket(); ok {
		return c.deleteBelow(ctx, b, path)
	}
	if path, err = clean(path); err != nil {
		return err
	}
	from, to := kv.Prefix(tabEntry, id, below(path))
	for more := true; more && err == nil; {
		err = c.store.Update(ctx, func(tx kv.Tx) error {
			r, found, err := refAt(tx, id, path)
			if err == nil && found {
				err = dropRef(tx, id, path, r.ID)
			}
			if err == nil {
				more, err = removeRange(tx, id, from, to)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("remove %q from collection %q: %w", path, id, err)
	}
	return nil
}

// deleteBelow deletes the object at a path, and those below it.
func (c *Collections) deleteBelow(ctx context.Context, b buckets.Bucket, path string) error {
	prefix := keysBelow(path)
	var first error
	drop := func(key string) error {
		if _, err := c.buckets.Delete(ctx, b, key, buckets.DeleteOptions{}); first == nil {
			first = err
		}
		return ctx.Err()
	}
	if key := strings.TrimSuffix(prefix, "/"); key != "" {
		// Not without a look: in a bucket with versions it would leave a marker.
		_, err := c.buckets.Head(ctx, b, key, "")
		if err == nil {
			err = drop(key)
		}
		if err != nil && !errors.Is(err, buckets.ErrNoObject) {
			return err
		}
	}
	for q := (buckets.Query{Prefix: prefix, Max: batch}); ; {
		page, err := c.buckets.List(ctx, b, q)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			if err := drop(o.Key); err != nil {
				return err
			}
		}
		if !page.More {
			return first
		}
		q.After = page.Next
	}
}

// RemoveContent removes every entry of a content, or of a pin; what is not there
// is removed. Of a bucket it deletes the object whose content it is.
func (c *Collections) RemoveContent(ctx context.Context, owner uint64, id string, content uint64) error {
	col, err := c.Collection(ctx, owner, id)
	if err != nil {
		return err
	}
	if b, ok := col.Bucket(); ok {
		return c.deleteContent(ctx, b, content)
	}
	for more := true; more && err == nil; {
		err = c.store.Update(ctx, func(tx kv.Tx) (err error) {
			more, err = removeOf(tx, id, content)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("remove content %d from collection %q: %w", content, id, err)
	}
	return nil
}

// removeOf removes up to batch entries of a content, and of each pin that has
// become it, and says whether there may be more.
func removeOf(tx kv.Tx, id string, content uint64) (more bool, err error) {
	pins, err := buckets.PinsOf(tx, content)
	if err != nil {
		return false, err
	}
	ids := []uint64{content}
	for _, p := range pins {
		ids = append(ids, p.ID)
	}
	for _, of := range ids {
		places, err := placesOf(tx, batch, of, id)
		if err != nil {
			return false, err
		}
		for _, p := range places {
			if err := dropRef(tx, p.uuid, p.path, of); err != nil {
				return false, err
			}
		}
		more = more || len(places) == batch
	}
	return more, nil
}

// placesOf returns up to max entries, 0 for all, of a content or pin, in one
// collection or in all.
func placesOf(tx kv.Tx, max int, id uint64, in ...any) (places []place, err error) {
	for row, err := range tx.Scan(kv.Range(append([]any{tabOf, id}, in...)...)) {
		if err != nil {
			return nil, err
		}
		if max > 0 && len(places) == max {
			break
		}
		var p place
		if err := kv.Unkey(row.Key, nil, nil, &p.uuid, &p.path); err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	return places, nil
}

// deleteContent deletes the object that has that content. An older version is no entry.
func (c *Collections) deleteContent(ctx context.Context, b buckets.Bucket, id uint64) error {
	content, err := c.buckets.Content(ctx, id)
	if errors.Is(err, buckets.ErrNoContent) || err == nil && content.Bucket != b.UUID {
		return nil
	}
	if err != nil {
		return err
	}
	o, err := c.buckets.Head(ctx, b, content.Key, "")
	if err == nil && o.Content == id {
		_, err = c.buckets.Delete(ctx, b, o.Key, buckets.DeleteOptions{Conditions: buckets.Conditions{IfMatch: o.ETag}})
	}
	if errors.Is(err, buckets.ErrNoObject) || errors.Is(err, buckets.ErrPrecondition) {
		return nil // somebody else has deleted or replaced it
	}
	return err
}
