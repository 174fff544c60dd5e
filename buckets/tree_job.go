package buckets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	// treeChunk is how many touched keys are worked on at a time. So many are in
	// memory, with the nodes on the ways to them.
	treeChunk = 8192
	// maxPasses is how often the touched keys are gone over, while writers touch
	// more at a time than are worked on, before a tree is shown that is not of one moment.
	maxPasses = 4
	// touchedBatch bounds the touched keys that one transaction lets go of.
	touchedBatch = 500
)

// errTreeMoved says that someone else has changed a tree meanwhile.
var errTreeMoved = errors.New("the tree has changed meanwhile")

// runTree is the job that brings a bucket's tree up to date some time after the
// first change, and clears up after a tree that is gone.
func (b *Buckets) runTree(ctx context.Context, uuid string) error {
	idle := false
	err := b.view(ctx, func(tx kv.Tx) error {
		row, _, err := treeAt(tx, uuid)
		idle = err == nil && time.Since(row.Asked) > treeIdle
		return err
	})
	if err == nil && idle {
		err = b.forgetTree(ctx, uuid)
	}
	if err == nil && !idle {
		err = b.trees.do(ctx, uuid, func(ctx context.Context) error { return b.updateTree(ctx, uuid) })
	}
	if idle || errors.Is(err, ErrNoTree) || errors.Is(err, ErrNoBucket) {
		err = b.clearTouched(ctx, uuid)
	}
	if err != nil {
		return fmt.Errorf("tree of bucket %s: %w", uuid, err)
	}
	t, err := b.knownTree(ctx, uuid)
	if err == nil && t.Pending {
		return queue.Later(time.Now().Add(b.treeDelay), "objects have changed since; waiting for more")
	}
	if errors.Is(err, ErrNoTree) || errors.Is(err, ErrNoBucket) {
		err = nil
	}
	return err
}

// updateTree brings a tree up to date with the keys that are touched when it
// begins, and shows it. Where its nodes are lost it is built anew.
func (b *Buckets) updateTree(ctx context.Context, uuid string) error {
	lost := false
	for {
		err := b.updateOnce(ctx, uuid)
		switch {
		case errors.Is(err, errTreeMoved):
		case errors.Is(err, errTreeLost) && !lost:
			b.log.WarnContext(ctx, "tree is built anew", "bucket", uuid, "err", err)
			lost = true
			if err := b.rebuildTree(ctx, uuid); err != nil {
				return err
			}
		default:
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// updateOnce goes over the touched keys until it has seen all of them in one
// moment, and shows the tree of that moment.
func (b *Buckets) updateOnce(ctx context.Context, uuid string) error {
	row, bucket, err := b.loadTree(ctx, uuid)
	if err != nil {
		return err
	}
	if row.toBuild(bucket) {
		if err := b.buildInto(ctx, bucket, row); err != nil {
			return err
		}
	}
	for pass := 1; ; pass++ {
		shown, err := b.updatePass(ctx, uuid, pass == maxPasses)
		if err != nil || shown {
			return err
		}
	}
}

// updatePass goes over the touched keys once, and says whether it has shown the
// tree: whose keys it saw in one moment, or, if it must, in any case.
func (b *Buckets) updatePass(ctx context.Context, uuid string, must bool) (shown bool, err error) {
	began := time.Now().UTC()
	for after := ""; ; {
		next, err := b.updateChunk(ctx, uuid, after, began, must || after == "")
		if err != nil || next == "" {
			return must || after == "", err
		}
		after = next
	}
}

func (b *Buckets) loadTree(ctx context.Context, uuid string) (row treeRow, bucket Bucket, err error) {
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		row, bucket, err = treeAt(tx, uuid)
		return err
	})
	return row, bucket, err
}

// rebuildTree has the next update build a tree from all objects.
func (b *Buckets) rebuildTree(ctx context.Context, uuid string) error {
	return b.update(ctx, func(tx kv.Tx) error {
		row, _, err := treeAt(tx, uuid)
		if err != nil {
			return err
		}
		row.Work = cid.Undef
		return kv.PutJSON(tx, keyTree(uuid), row)
	})
}

// buildInto builds a bucket's tree anew, in the place of what there was.
func (b *Buckets) buildInto(ctx context.Context, bucket Bucket, was treeRow) error {
	lease := b.node.Lease()
	defer lease.Release()
	root, err := b.buildTree(ctx, bucket)
	if err == nil && was.Work.Defined() && !bucket.Policy.Publish {
		err = b.hideTree(ctx, root.Root, was)
	}
	if err != nil {
		return err
	}
	return b.update(ctx, func(tx kv.Tx) error {
		row, now, err := treeAt(tx, bucket.UUID)
		if err != nil {
			return err
		}
		if !row.same(was) || now.Policy.Publish != bucket.Policy.Publish {
			return errTreeMoved
		}
		row.Work, row.Private = root.Root, !bucket.Policy.Publish
		return kv.PutJSON(tx, keyTree(bucket.UUID), row)
	})
}

// updateChunk brings a tree up to date with the touched keys after one, as many
// as are worked on at a time, and returns the last. With the last of all it
// returns "", and shows the tree if it is to.
func (b *Buckets) updateChunk(ctx context.Context, uuid, after string, began time.Time, show bool) (next string, err error) {
	lease := b.node.Lease()
	defer lease.Release()
	var row treeRow
	var bucket Bucket
	var keys []touchedKey
	var changes []treeChange
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		if row, bucket, err = treeAt(tx, uuid); err == nil {
			keys, changes, err = touchedAfter(tx, uuid, after, b.treeChunk)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if row.toBuild(bucket) {
		return "", errTreeMoved
	}
	work, last := row.Work, len(keys) < b.treeChunk
	if len(keys) > 0 {
		// What is being hidden must not be counted on to be public.
		b.hiding.RLock()
		defer b.hiding.RUnlock()
		if work, err = b.changeTree(ctx, work, row.Private, changes); err != nil {
			return "", err
		}
	} else if row.Root.Equals(work) || !show {
		return "", nil // its time is told by there being no touched keys
	}
	if err := b.commitTree(ctx, uuid, row, work, keys, last && show, began); err != nil {
		return "", err
	}
	if !last {
		next = keys[len(keys)-1].key
	}
	return next, nil
}

// commitTree stores what has become of a tree, and lets go of touched keys
// whose objects are still what the tree has.
func (b *Buckets) commitTree(ctx context.Context, uuid string, was treeRow, work cid.Cid, keys []touchedKey, show bool, began time.Time) error {
	first := keys[:min(len(keys), touchedBatch)]
	err := b.update(ctx, func(tx kv.Tx) error {
		row, _, err := treeAt(tx, uuid)
		if err != nil {
			return err
		}
		if !row.same(was) {
			return errTreeMoved
		}
		row.Work = work
		if show {
			err = b.showTree(tx, uuid, &row, began, time.Now().UTC())
		}
		return errors.Join(err, kv.PutJSON(tx, keyTree(uuid), row), untouch(tx, uuid, first))
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(keys[len(first):], touchedBatch) {
		err := b.update(ctx, func(tx kv.Tx) error {
			row, _, err := treeAt(tx, uuid)
			if err != nil {
				return err
			}
			if row.Made != was.Made || !row.Work.Equals(work) {
				return errTreeMoved
			}
			return untouch(tx, uuid, batch)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func untouch(tx kv.Tx, uuid string, keys []touchedKey) error {
	for _, k := range keys {
		now, err := treeFileAt(tx, uuid, k.key)
		if err != nil {
			return err
		}
		if now != k.seen {
			continue
		}
		if err := tx.Delete(keyTouched(uuid, k.key)); err != nil {
			return err
		}
	}
	return nil
}

// clearTouched removes the touched keys of a bucket that has no tree any more.
func (b *Buckets) clearTouched(ctx context.Context, uuid string) error {
	for more := true; more; {
		err := b.update(ctx, func(tx kv.Tx) error {
			more = false
			if there, err := has(tx, keyTree(uuid)); err != nil || there {
				return err
			}
			var keys [][]byte
			for row, err := range tx.Scan(kv.Range(tabTouched, uuid)) {
				if err != nil {
					return err
				}
				if more = len(keys) == touchedBatch; more {
					break
				}
				keys = append(keys, slices.Clone(row.Key))
			}
			for _, key := range keys {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
