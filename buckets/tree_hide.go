package buckets

import (
	"context"
	"errors"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// treeFollows is called when a bucket was made public or private.
func (b *Buckets) treeFollows(tx kv.Tx, bucket Bucket) error {
	if !bucket.Tree {
		return nil
	}
	row, _, err := treeAt(tx, bucket.UUID)
	if err == nil && row.Root.Defined() {
		b.announcer.changed(tx, row.Root)
	}
	return errors.Join(err, b.queue.Add(tx, jobTree, bucket.UUID, time.Time{}))
}

// hideTree makes a tree private that was public until now, with all its roots.
// What the trees of publishing buckets have too stays public, and so does what
// entries name: an object is hidden, or not, with its content.
func (b *Buckets) hideTree(ctx context.Context, root cid.Cid, was treeRow) error {
	b.hiding.Lock()
	defer b.hiding.Unlock()
	var public []cid.Cid
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		public, err = publicTrees(tx)
		return err
	})
	if err != nil {
		return err
	}
	isObject := func(c cid.Cid) (found bool, err error) {
		err = b.view(ctx, func(tx kv.Tx) (err error) {
			from, to := kv.Range(tabCID, rootKey(c))
			found, err = anyRow(tx, from, to)
			return err
		})
		return found, err
	}
	return b.node.HideDirs(ctx, append(was.roots(time.Time{}), root), public, isObject)
}

// publicTrees are the roots of the trees of publishing buckets, earlier ones too.
func publicTrees(tx kv.Tx) (roots []cid.Cid, err error) {
	err = eachPublicTree(tx, func(row treeRow) { roots = append(roots, row.roots(time.Time{})...) })
	return roots, err
}

// shownTrees are those that they show.
func shownTrees(tx kv.Tx) (roots []cid.Cid, err error) {
	err = eachPublicTree(tx, func(row treeRow) {
		if row.Root.Defined() {
			roots = append(roots, row.Root)
		}
	})
	return roots, err
}

func eachPublicTree(tx kv.Tx, fn func(treeRow)) error {
	for kvRow, err := range tx.Scan(kv.Range(tabTree)) {
		if err != nil {
			return err
		}
		var uuid string
		if err := kv.Unkey(kvRow.Key, nil, &uuid); err != nil {
			return err
		}
		row, bucket, err := treeAt(tx, uuid)
		if err != nil {
			return err
		}
		if bucket.Policy.Publish {
			fn(row)
		}
	}
	return nil
}
