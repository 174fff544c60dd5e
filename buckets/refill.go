package buckets

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// A Recaller is a Dealer that can bring a content back block by block.
type Recaller interface {
	// Recall begins to, and has what comes stored by put. An error of a block
	// that the content does not have is node.ErrNotFound.
	Recall(ctx context.Context, c Content, put func(context.Context, []node.Block) error) (Recall, error)
}

// A Recall is a content that comes back while it is read.
type Recall interface {
	node.Refill
	// Whole says whether all of it is here, which a lease makes last.
	Whole(ctx context.Context) (bool, error)
}

// Refill has the content under a root brought back block by block, while it is
// read; it is what node.Config.Refill should call. Once all of it has come the
// content is no longer offloaded; until then a sweep may take what came.
// node.ErrNotFound is as for Restore.
func (b *Buckets) Refill(ctx context.Context, root cid.Cid) (node.Refill, error) {
	recaller, ok := b.dealer.(Recaller)
	if !ok {
		return nil, node.ErrNotFound
	}
	sources, err := b.sources(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("refill %v: %w", root, err)
	}
	if len(sources) == 0 {
		return nil, node.ErrNotFound
	}
	return &refill{b: b, from: recaller, root: root, sources: sources}, nil
}

// refill is one reader's.
type refill struct {
	b    *Buckets
	from Recaller
	root cid.Cid

	mu      sync.Mutex // guards what follows
	sources []Content  // contents with this root, not asked yet
	recalls []Recall
}

// source returns the i-th content that the blocks can be had from, or nil.
func (r *refill) source(ctx context.Context, i int) (Recall, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i < len(r.recalls) {
		return r.recalls[i], nil
	}
	for len(r.sources) > 0 {
		c := r.sources[0]
		rec, err := r.from.Recall(ctx, c, func(ctx context.Context, blocks []node.Block) error {
			return r.b.putRefilled(ctx, r.root, blocks)
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.sources = r.sources[1:]
		if err != nil {
			return nil, fmt.Errorf("content %d: %w", c.ID, err)
		}
		r.recalls = append(r.recalls, rec)
		return rec, nil
	}
	return nil, nil
}

// Block implements node.Refill.
func (r *refill) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	var errs []error
	for i := 0; ; {
		rec, err := r.source(ctx, i)
		var data []byte
		if err == nil && rec != nil {
			i++
			if data, err = rec.Block(ctx, c); err == nil {
				return data, nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && !errors.Is(err, node.ErrNotFound):
			errs = append(errs, err)
		case rec == nil && len(errs) == 0:
			return nil, node.ErrNotFound
		case rec == nil:
			return nil, errors.Join(errs...)
		}
	}
}

// Seen implements node.Refill.
func (r *refill) Seen(c cid.Cid) {
	r.mu.Lock()
	recalls := r.recalls
	r.mu.Unlock()
	for _, rec := range recalls {
		rec.Seen(c)
	}
}

// Close implements node.Refill. A content of which all has come is referenced again.
func (r *refill) Close() {
	r.mu.Lock()
	recalls := r.recalls
	r.recalls, r.sources = nil, nil
	r.mu.Unlock()
	ctx := context.Background() // its reader may be gone
	for _, rec := range recalls {
		rec.Close()
		if err := r.b.keepRefilled(ctx, r.root, rec); err != nil {
			r.b.log.ErrorContext(ctx, "keep what was brought back", "cid", r.root.String(), "err", err)
		}
	}
}

// putRefilled stores blocks of a root, as public ones if it is published now.
func (b *Buckets) putRefilled(ctx context.Context, root cid.Cid, blocks []node.Block) error {
	b.publishing.RLock()
	defer b.publishing.RUnlock()
	published, err := b.Published(ctx, root)
	if err != nil {
		return err
	}
	return b.node.PutBlocks(ctx, blocks, !published)
}

// keepRefilled references an offloaded root of which everything is here.
func (b *Buckets) keepRefilled(ctx context.Context, root cid.Cid, rec Recall) error {
	offloaded := false
	err := b.view(ctx, func(tx kv.Tx) error {
		all, err := contentsWithRoot(tx, root)
		offloaded = false
		for _, c := range all {
			offloaded = offloaded || c.Offloaded && !c.Deleted
		}
		return err
	})
	if err != nil || !offloaded {
		return err
	}
	lease := b.node.Lease()
	defer lease.Release()
	whole, err := rec.Whole(ctx)
	if err != nil || !whole {
		return err
	}
	return b.restored(ctx, root)
}
