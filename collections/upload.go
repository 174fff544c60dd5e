package collections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// Place is where an upload goes.
type Place struct {
	// Collection is the uuid of one of the owner's; "": none.
	Collection string
	// Bucket is the name of one of the owner's buckets. "": the collection, if it
	// is a bucket, or else the owner's global bucket.
	Bucket    string
	Dir       string // in the collection, or else in the bucket; "": its root
	Overwrite bool   // what is there; else it is ErrExists
}

// A Target is a Place that was found to exist.
type Target struct {
	Bucket     buckets.Bucket
	collection *Collection // not nil: one that is no bucket
	place      Place
}

// Find looks a place up, so that a body that has nowhere to go need not be read.
func (c *Collections) Find(ctx context.Context, owner uint64, p Place) (Target, error) {
	t := Target{place: p}
	if _, err := clean(p.Dir); err != nil {
		return t, err
	}
	named, err := c.namedBucket(ctx, owner, p.Bucket)
	if err != nil {
		return t, err
	}
	if p.Collection != "" {
		col, err := c.Collection(ctx, owner, p.Collection)
		if err != nil {
			return t, err
		}
		b, is := col.Bucket()
		switch {
		case is && named != nil && named.UUID != b.UUID:
			return t, fmt.Errorf("%w: it names two buckets, %q and %q", ErrInvalid, b.Name, named.Name)
		case is:
			named = &b
		default:
			t.collection = &col
		}
	}
	if named != nil {
		t.Bucket = *named
		return t, nil
	}
	t.Bucket, err = c.buckets.GlobalBucket(ctx, owner)
	return t, err
}

func (c *Collections) namedBucket(ctx context.Context, owner uint64, name string) (*buckets.Bucket, error) {
	if name == "" {
		return nil, nil
	}
	b, err := c.buckets.Bucket(ctx, name)
	if err == nil && b.Owner != owner {
		err = fmt.Errorf("bucket %q: %w", name, ErrNotOwner)
	}
	return &b, err
}

// Upload stores a body at a target under a name that may be known only once
// Check has passed. Object, content and reference are one transaction.
func (c *Collections) Upload(ctx context.Context, owner uint64, t Target, name func(root cid.Cid) string, up buckets.Upload, attr buckets.Attributes) (buckets.Object, error) {
	var path string
	var bad error
	key := func(root cid.Cid) string {
		if path, bad = Join(t.place.Dir, name(root)); bad != nil {
			return ""
		}
		return path[1:]
	}
	if t.collection != nil {
		up.Also = c.reference(t, func(root cid.Cid) (string, error) {
			if path == "" { // in the global bucket, where it has a key of another kind
				key(root)
			}
			return path, bad
		}, up.Also)
	}
	var o buckets.Object
	var err error
	if t.Bucket.Global {
		up.Name = name
		o, err = c.buckets.Add(ctx, t.Bucket, "", owner, up, attr)
	} else {
		var cond buckets.Conditions
		if !t.place.Overwrite {
			cond.IfNoneMatch = "*"
		}
		up.Key = key
		o, err = c.buckets.Put(ctx, t.Bucket, "", owner, up, attr, cond)
	}
	switch {
	case errors.Is(err, buckets.ErrKey) && bad != nil:
		err = bad
	case errors.Is(err, buckets.ErrPrecondition):
		err = ErrExists
	}
	if err != nil {
		return buckets.Object{}, fmt.Errorf("upload: %w", err)
	}
	return o, nil
}

// reference adds an upload to its collection in the upload's own transaction.
func (c *Collections) reference(t Target, path func(cid.Cid) (string, error), also func(kv.Tx, buckets.Object) error) func(kv.Tx, buckets.Object) error {
	now := time.Now().UTC()
	return func(tx kv.Tx, made buckets.Object) error {
		if _, err := collectionAt(tx, t.collection.UUID); err != nil {
			return err
		}
		p, err := path(made.CID)
		if err != nil {
			return err
		}
		if err := add(tx, *t.collection, p, ref{ID: made.Content, Added: now}, t.place.Overwrite); err != nil {
			return err
		}
		if also == nil {
			return nil
		}
		return also(tx, made)
	}
}
