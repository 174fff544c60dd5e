package collections

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// Collection is a set of names for contents of its owner.
type Collection struct {
	UUID        string
	Name        string // not unique, and may be empty
	Description string `json:",omitempty"`
	Owner       uint64
	Created     time.Time
	CID         cid.Cid `json:",omitzero"`  // of the directory that the last commit made; undefined: there was none
	Pin         uint64  `json:",omitempty"` // that commit's

	bucket *buckets.Bucket // not nil: it is that bucket
}

// Bucket says whether the collection is a bucket, and which.
func (c Collection) Bucket() (buckets.Bucket, bool) {
	if c.bucket == nil {
		return buckets.Bucket{}, false
	}
	return *c.bucket, true
}

func ofBucket(b buckets.Bucket) Collection {
	return Collection{UUID: b.UUID, Name: b.Name, Owner: b.Owner, Created: b.Created, bucket: &b}
}

// Bounds of what a client names a collection, in characters.
const (
	maxName        = 255
	maxDescription = 4096
)

// Create makes an empty collection.
func (c *Collections) Create(ctx context.Context, owner uint64, name, description string) (Collection, error) {
	switch {
	case !utf8.ValidString(name) || !utf8.ValidString(description):
		return Collection{}, fmt.Errorf("%w: its name or description is not UTF-8", ErrInvalid)
	case utf8.RuneCountInString(name) > maxName || utf8.RuneCountInString(description) > maxDescription:
		return Collection{}, fmt.Errorf("%w: a name has at most %d characters, a description %d", ErrInvalid, maxName, maxDescription)
	}
	col := Collection{
		UUID: uuid.NewString(), Name: name, Description: description, Owner: owner,
		Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	err := c.store.Update(ctx, func(tx kv.Tx) error {
		return errors.Join(kv.PutJSON(tx, keyCollection(col.UUID), col), tx.Put(keyOwned(col), present))
	})
	if err != nil {
		return Collection{}, fmt.Errorf("create collection %q: %w", name, err)
	}
	return col, nil
}

// Collection returns a collection of the owner's, which may be a bucket, or
// ErrNotFound or ErrNotOwner.
func (c *Collections) Collection(ctx context.Context, owner uint64, id string) (Collection, error) {
	var col Collection
	err := c.store.View(ctx, func(tx kv.Tx) (err error) {
		col, err = collectionAt(tx, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		b, noBucket := c.buckets.BucketByUUID(ctx, id)
		switch {
		case noBucket == nil && !b.Global:
			col, err = ofBucket(b), nil
		case noBucket != nil && !errors.Is(noBucket, buckets.ErrNoBucket):
			err = noBucket
		}
	}
	if err == nil && col.Owner != owner {
		err = ErrNotOwner
	}
	if err != nil {
		return Collection{}, fmt.Errorf("collection %q: %w", id, err)
	}
	return col, nil
}

func collectionAt(tx kv.Tx, id string) (Collection, error) {
	col, err := kv.GetJSON[Collection](tx, keyCollection(id))
	if errors.Is(err, kv.ErrNotFound) {
		err = ErrNotFound
	}
	return col, err
}

// List returns the owner's collections, oldest first, then the buckets by name.
func (c *Collections) List(ctx context.Context, owner uint64) ([]Collection, error) {
	var list []Collection
	err := c.store.View(ctx, func(tx kv.Tx) error {
		list = nil
		for row, err := range tx.Scan(kv.Range(tabOwned, owner)) {
			var id string
			if err == nil {
				err = kv.Unkey(row.Key, nil, nil, nil, &id)
			}
			if err != nil {
				return err
			}
			col, err := collectionAt(tx, id)
			if err != nil {
				return err
			}
			list = append(list, col)
		}
		return nil
	})
	var own buckets.BucketPage
	if err == nil {
		own, err = c.buckets.ListBuckets(ctx, buckets.BucketQuery{Owner: owner})
	}
	if err != nil {
		return nil, fmt.Errorf("collections of user %d: %w", owner, err)
	}
	for _, b := range own.Buckets {
		list = append(list, ofBucket(b))
	}
	return list, nil
}

// Delete removes a collection. Its contents stay. A bucket has to be empty, or
// it is buckets.ErrNotEmpty.
func (c *Collections) Delete(ctx context.Context, owner uint64, id string) error {
	col, err := c.Collection(ctx, owner, id)
	if err != nil {
		return err
	}
	if b, ok := col.Bucket(); ok {
		return c.buckets.DeleteBucket(ctx, b)
	}
	err = c.store.Update(ctx, func(tx kv.Tx) error {
		if _, err := collectionAt(tx, id); err != nil {
			return err
		}
		return errors.Join(
			tx.Delete(keyCollection(id)), tx.Delete(keyOwned(col)),
			// It may have more entries than one transaction takes.
			c.queue.Add(tx, jobForget, id, time.Time{}))
	})
	if err != nil {
		return fmt.Errorf("delete collection %q: %w", id, err)
	}
	return nil
}

// batch bounds how many rows one transaction removes.
const batch = 500

// forget is the job that removes the entries of a collection that is gone.
func (c *Collections) forget(ctx context.Context, id string) error {
	for more := true; more; {
		err := c.store.Update(ctx, func(tx kv.Tx) (err error) {
			from, to := kv.Range(tabEntry, id)
			more, err = removeRange(tx, id, from, to)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget the entries of collection %q: %w", id, err)
		}
	}
	return nil
}

// removeRange removes up to batch entries of a collection, and says whether
// there may be more.
func removeRange(tx kv.Tx, id string, from, to []byte) (more bool, err error) {
	gone := map[string]uint64{} // by path
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return false, err
		}
		if len(gone) == batch {
			more = true
			break
		}
		r, path, err := readEntry(row)
		if err != nil {
			return false, err
		}
		gone[path] = r.ID
	}
	for path, of := range gone {
		if err := dropRef(tx, id, path, of); err != nil {
			return false, err
		}
	}
	return more, nil
}
