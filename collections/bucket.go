package collections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// free is ErrExists if a bucket has something at a path that may not be replaced.
func (c *Collections) free(ctx context.Context, b buckets.Bucket, path string, overwrite bool) error {
	if overwrite {
		return nil
	}
	_, err := c.buckets.Head(ctx, b, path[1:], "")
	switch {
	case err == nil:
		return fmt.Errorf("%q: %w", path, ErrExists)
	case errors.Is(err, buckets.ErrNoObject):
		return nil
	}
	return err
}

// copyAll copies contents into a bucket, by reference.
func (c *Collections) copyAll(ctx context.Context, b buckets.Bucket, contents []uint64, overwrite bool, place func(int, Entry) (string, error)) error {
	var list []Entry
	err := c.store.View(ctx, func(tx kv.Tx) (err error) {
		list, err = resolveAll(tx, b.Owner, contents)
		return err
	})
	if err != nil {
		return fmt.Errorf("copy into bucket %q: %w", b.Name, err)
	}
	paths := make([]string, len(list))
	for i, e := range list {
		if e.Content.ID == 0 {
			return fmt.Errorf("copy into bucket %q: %w", b.Name, &MissingError{[]uint64{e.Pin.ID}}) // there is nothing to copy yet
		}
		if paths[i], err = place(i, e); err == nil {
			err = c.freeFor(ctx, b, paths[i], e, overwrite)
		}
		if err != nil {
			return err
		}
	}
	for i, e := range list {
		if err := c.copy(ctx, b, paths[i], e.Content, overwrite); err != nil {
			return err
		}
	}
	return nil
}

// freeFor is free, but for the same bytes.
func (c *Collections) freeFor(ctx context.Context, b buckets.Bucket, path string, e Entry, overwrite bool) error {
	err := c.free(ctx, b, path, overwrite)
	if errors.Is(err, ErrExists) && c.same(ctx, b, path, e.Content) {
		return nil
	}
	return err
}

func (c *Collections) same(ctx context.Context, b buckets.Bucket, path string, of buckets.Content) bool {
	o, err := c.buckets.Head(ctx, b, path[1:], "")
	return err == nil && o.CID.Equals(of.CID)
}

// copy makes a content the object at a path. The same bytes there are no error.
func (c *Collections) copy(ctx context.Context, b buckets.Bucket, path string, content buckets.Content, overwrite bool) error {
	if c.same(ctx, b, path, content) {
		return nil
	}
	src, err := c.buckets.ObjectOf(ctx, content)
	if err != nil {
		return err
	}
	var cond buckets.Conditions
	if !overwrite {
		cond.IfNoneMatch = "*"
	}
	// What it is goes with it; who may do what with it, and for how long, does not.
	attr := buckets.Attributes{
		Headers: src.Headers, Meta: src.Meta, Tags: src.Tags,
		Checksums: src.Checksums, ChecksumType: src.ChecksumType,
	}
	_, err = c.buckets.Copy(ctx, src, b, path[1:], b.Owner, attr, cond)
	if errors.Is(err, buckets.ErrPrecondition) {
		err = fmt.Errorf("%q: %w", path, ErrExists)
	}
	return err
}

// objects are a page of a bucket as entries.
func (c *Collections) objects(ctx context.Context, list []buckets.Object) ([]Entry, error) {
	entries := make([]Entry, 0, len(list))
	err := c.store.View(ctx, func(tx kv.Tx) error {
		entries = entries[:0]
		for _, o := range list {
			content, err := buckets.ContentAt(tx, o.Content)
			if errors.Is(err, buckets.ErrNoContent) {
				continue // it was replaced or deleted since the page was read
			}
			if err != nil {
				return err
			}
			entries = append(entries, Entry{Path: "/" + o.Key, Content: content, Added: o.Modified})
		}
		return nil
	})
	return entries, err
}

// keysBelow is what the keys below a directory begin with. As it is not cleaned
// it can name every prefix that keys have.
func keysBelow(dir string) string {
	dir = strings.TrimPrefix(dir, "/")
	if dir == "" {
		return ""
	}
	return below(dir)
}
