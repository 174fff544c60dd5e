package node

import (
	"context"

	"github.com/ipfs/go-cid"
)

// keep stores a block that a peer gave back, as public as root is now: it may
// have become private while the peer was asked.
func (r *repairer) keep(ctx context.Context, b Block, root cid.Cid) error {
	kept := false
	put := func() error {
		kept = true
		return r.n.PutBlocks(ctx, []Block{b}, false)
	}
	if err := r.whilePublished(ctx, root, put); err != nil || kept {
		return err
	}
	if err := r.n.PutBlocks(ctx, []Block{b}, true); err != nil {
		return err
	}
	// Who made root public in between may have come by before the block was here.
	return r.whilePublished(ctx, root, func() error {
		batch := r.n.blocks.Batch(false)
		if err := batch.Publish(ctx, b.Cid); err != nil {
			return err
		}
		return batch.Sync(ctx)
	})
}

// whilePublished is Config.WhilePublished. Without it nothing holds off a
// change, and Config.Published is asked.
func (r *repairer) whilePublished(ctx context.Context, root cid.Cid, fn func() error) error {
	cfg := r.n.cfg
	if cfg.WhilePublished != nil {
		return cfg.WhilePublished(ctx, root, fn)
	}
	if cfg.Published != nil && !cfg.Published(ctx, root) {
		return nil
	}
	return fn()
}
