package buckets

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// CheckTrees tells fn of the nodes of buckets' trees that are not here, or
// damaged. With rebuild the tree job makes such trees anew. Files that a tree
// names and that are not here, as they were offloaded, are no faults of it.
func (b *Buckets) CheckTrees(ctx context.Context, rebuild bool, fn func(where, what string)) error {
	var uuids []string
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		uuids, err = treeBuckets(tx)
		return err
	})
	for _, uuid := range uuids {
		var faults []string
		var name string
		if err == nil {
			name, faults, err = b.lostTreeNodes(ctx, uuid)
		}
		for _, what := range faults {
			fn(fmt.Sprintf("tree of bucket %q", name), what)
		}
		if err == nil && rebuild && len(faults) > 0 {
			err = b.renewTree(ctx, uuid)
		}
		if errors.Is(err, ErrNoTree) || errors.Is(err, ErrNoBucket) {
			err = nil // gone meanwhile; what is left of it is for Check to name
		}
		if err != nil {
			return fmt.Errorf("check trees: %w", err)
		}
	}
	return err
}

// treeBuckets are those that have a tree.
func treeBuckets(tx kv.Tx) (uuids []string, err error) {
	for row, err := range tx.Scan(kv.Range(tabTree)) {
		var uuid string
		if err == nil {
			err = kv.Unkey(row.Key, nil, &uuid)
		}
		if err != nil {
			return nil, err
		}
		uuids = append(uuids, uuid)
	}
	return uuids, nil
}

// lostTreeNodes looks at the tree that the next changes are made in. What is
// shown is the same, but for the time of an update.
func (b *Buckets) lostTreeNodes(ctx context.Context, uuid string) (name string, faults []string, err error) {
	// What another tree replaces meanwhile stays until the end of this.
	lease := b.node.Lease()
	defer lease.Release()
	row, bucket, err := b.loadTree(ctx, uuid)
	if err != nil || !row.Work.Defined() {
		return "", nil, err
	}
	name = bucket.Name
	if bucket.Global {
		name = uuid
	}
	told := cid.NewSet()
	err = b.node.LostNodes(ctx, row.Work, func(path []string, c cid.Cid) error {
		if told.Has(c) {
			return nil
		}
		is, err := b.isTreeDir(ctx, uuid, row, path)
		if err == nil && is && told.Visit(c) {
			faults = append(faults, fmt.Sprintf("node %s of directory %q is missing or damaged", c, "/"+strings.Join(path, "/")))
		}
		return err
	})
	return name, faults, err
}

// isTreeDir says whether a tree surely has a directory of its own at a path: an
// object is under it whose change, if there was one, the tree has. A path whose
// objects have all changed since leads to what the next update writes anew, or
// to a file that an object was.
func (b *Buckets) isTreeDir(ctx context.Context, uuid string, was treeRow, path []string) (is bool, err error) {
	var prefix strings.Builder
	for _, name := range path {
		segment, ok := treeSegment(name)
		if !ok {
			return false, nil
		}
		prefix.WriteString(segment + "/")
	}
	if len(path) == 0 {
		return true, nil
	}
	err = b.view(ctx, func(tx kv.Tx) error {
		is = false
		row, _, err := treeAt(tx, uuid)
		if err != nil || !row.same(was) {
			return err
		}
		from, to := prefixBounds(tabObject, uuid, prefix.String())
		for row, err := range tx.Scan(from, to) {
			var key string
			if err == nil {
				err = kv.Unkey(row.Key, nil, nil, &key)
			}
			var touched bool
			if err == nil {
				touched, err = has(tx, keyTouched(uuid, key))
			}
			if err != nil || !touched {
				is = err == nil
				return err
			}
		}
		return nil
	})
	return is, err
}

// treeSegment is the segment that treeName gave a name; ok is false for the name
// of a file beside a directory.
func treeSegment(name string) (segment string, ok bool) {
	segment = name
	if escaped, odd := strings.CutPrefix(name, escapeMark); odd {
		var err error
		if segment, err = url.PathUnescape(escaped); err != nil {
			return "", false
		}
	}
	return segment, treeName(segment) == name
}

// renewTree has the tree job build a tree from all objects.
func (b *Buckets) renewTree(ctx context.Context, uuid string) error {
	err := b.rebuildTree(ctx, uuid)
	if err != nil {
		return err
	}
	return b.update(ctx, func(tx kv.Tx) error { return b.queue.Add(tx, jobTree, uuid, time.Time{}) })
}
