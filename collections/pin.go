package collections

import (
	"context"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// PinIn makes a request one for a directory of a collection, where it gets its
// name, or else its CID: pin and reference are there both, or neither. What is
// there it replaces if overwrite is set, at once in a collection, and in a bucket
// when it is pinned; without, that is ErrExists, of which buckets.Pin tells.
func (c *Collections) PinIn(ctx context.Context, owner uint64, id, dir string, overwrite bool, r buckets.PinRequest) (buckets.PinRequest, error) {
	col, err := c.Collection(ctx, owner, id)
	if err != nil {
		return r, err
	}
	name := r.Name
	if name == "" {
		name = r.CID.String()
	}
	path, err := Join(dir, name)
	if err != nil {
		return r, err
	}
	if b, ok := col.Bucket(); ok {
		r.Bucket, r.Key = b.UUID, path[1:]
		return r, c.free(ctx, b, path, overwrite)
	}
	now := time.Now().UTC()
	also := r.Also
	r.Also = func(tx kv.Tx, p buckets.Pin) error {
		if _, err := collectionAt(tx, id); err != nil {
			return err
		}
		err := add(tx, col, path, ref{ID: p.ID, Pin: true, Added: now}, overwrite)
		if err != nil || also == nil {
			return err
		}
		return also(tx, p)
	}
	return r, nil
}

// Pin is PinIn, and then the pin.
func (c *Collections) Pin(ctx context.Context, owner uint64, id, dir string, overwrite bool, r buckets.PinRequest) (buckets.Pin, error) {
	r, err := c.PinIn(ctx, owner, id, dir, overwrite, r)
	if err != nil {
		return buckets.Pin{}, err
	}
	p, err := c.buckets.Pin(ctx, owner, r)
	if err != nil {
		return buckets.Pin{}, fmt.Errorf("in collection %q: %w", id, err)
	}
	return p, nil
}

// Replace puts a new pin in the place of another, also wherever that, or the
// content that it has become, is in collections; see buckets.Replace.
func (c *Collections) Replace(ctx context.Context, owner, id uint64, r buckets.PinRequest) (buckets.Pin, error) {
	old, err := c.buckets.PinByID(ctx, owner, id)
	if err != nil {
		return buckets.Pin{}, err
	}
	now := time.Now().UTC()
	also := r.Also
	r.Also = func(tx kv.Tx, p buckets.Pin) error {
		err := follow(tx, id, p.ID, now)
		if err == nil && old.Content != 0 {
			err = follow(tx, old.Content, p.ID, now)
		}
		if err != nil || also == nil {
			return err
		}
		return also(tx, p)
	}
	return c.buckets.Replace(ctx, owner, id, r)
}

// follow makes the entries of a pin or content those of a new pin.
func follow(tx kv.Tx, id, pin uint64, now time.Time) error {
	places, err := placesOf(tx, 0, id)
	if err != nil {
		return err
	}
	for _, at := range places {
		old, found, err := refAt(tx, at.uuid, at.path)
		if err == nil && found {
			err = putRef(tx, at.uuid, at.path, ref{ID: pin, Pin: true, Added: now}, &old)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
