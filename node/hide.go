package node

import (
	"context"
	"fmt"
	"iter"

	"github.com/ipfs/go-cid"
)

// hideSync is how many roots are hidden between two syncs.
const hideSync = 1000

// Hide makes every block under the roots private: bitswap, the gateway and the
// routing API no longer have it from the moment that Hide has come to it, and
// for good once Hide returns nil. Blocks that are not here are hidden too, but
// what is under them is unknown. Other DAGs lose the blocks that they share with
// these; Publish gives them back. It returns how many were public.
func (n *Node) Hide(ctx context.Context, roots iter.Seq2[cid.Cid, error]) (were int, err error) {
	batch := n.blocks.Batch(true)
	hide := func(c cid.Cid, _ int) error {
		if _, public := n.blocks.Has(c, true); public {
			were++
		}
		return batch.Hide(ctx, c)
	}
	count := 0
	for root, err := range roots {
		if err == nil {
			err = n.walk(ctx, root, hide, func(c cid.Cid) error { return hide(c, 0) })
		}
		if count++; err == nil && count%hideSync == 0 {
			err = batch.Sync(ctx)
			batch = n.blocks.Batch(true)
		}
		if err != nil {
			return were, fmt.Errorf("hide: %w", err)
		}
	}
	if err := batch.Sync(ctx); err != nil {
		return were, fmt.Errorf("hide: %w", err)
	}
	return were, nil
}

// PublishDirs makes the nodes of directories public, but not what is no
// directory in them.
func (n *Node) PublishDirs(ctx context.Context, roots ...cid.Cid) error {
	batch := n.blocks.Batch(false)
	err := n.walkDirs(ctx, roots, func(c cid.Cid) (bool, error) { return true, batch.Publish(ctx, c) })
	if err != nil {
		return fmt.Errorf("publish directories: %w", err)
	}
	return batch.Sync(ctx)
}
