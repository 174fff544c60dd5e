package retrieve

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/piece"
)

// windowsAtOnce is how many windows of a restore are under way: a second
// provider sends while the bytes of the first are stored.
const windowsAtOnce = 3

// Restore puts the blocks of a content, found through the layout of its
// zone's pieces, back into the node, every block verified against its CID.
// Blocks that are here already are not asked for. If it fails, those that came
// before stay.
func (r *Retriever) Restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	lease := r.node.Lease()
	defer lease.Release()
	err := r.restore(ctx, zone, content, root)
	result := "ok"
	if err != nil {
		result, err = "failed", fmt.Errorf("restore content %d of zone %d: %w", content, zone, err)
	}
	r.met.restored.WithLabelValues(result).Inc()
	return err
}

func (r *Retriever) restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	c, err := r.Open(ctx, zone, content, root, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	// What readers have on its way may fail, or have been swept: look again.
	for range 4 {
		if err := c.pass(ctx); err != nil {
			return err
		}
		if whole, err := c.Whole(ctx); err != nil || whole {
			return err
		}
	}
	return errors.New("blocks that came back are not here")
}

// pass fetches what is not here and not on its way, and waits for all of it.
func (c *Recall) pass(ctx context.Context) error {
	var running []*window
	var errs []error
	wait := func() {
		select {
		case <-running[0].done:
			errs = append(errs, running[0].failure())
			running = running[1:]
		case <-ctx.Done():
			errs = append(errs, ctx.Err())
		}
	}
	var from piece.Mark
	for whole := false; !whole && errors.Join(errs...) == nil; {
		if len(running) == windowsAtOnce {
			wait()
			continue
		}
		w, err := c.window(ctx, from, windowBytes, forRestore, "")
		if err != nil {
			errs = append(errs, err)
			break
		}
		running = append(running, w)
		from, whole = w.after, w.whole
	}
	for len(running) > 0 && ctx.Err() == nil {
		wait()
	}
	c.mu.Lock()
	var others []*window
	for _, w := range c.pending {
		others = append(others, w)
	}
	c.mu.Unlock()
	for _, w := range others {
		select {
		case <-w.done: // how it ended is its reader's matter
		case <-ctx.Done():
			errs = append(errs, ctx.Err())
		}
	}
	return errors.Join(errs...)
}

// Whole says whether every block of the content is here. Who holds a lease may
// count on it.
func (c *Recall) Whole(ctx context.Context) (bool, error) {
	whole, any := true, false
	err := c.all.pieces.PlacesFrom(ctx, c.zone, c.content, piece.Mark{}, func(p piece.Place) error {
		any = true
		if p.Cid.Prefix().MhType == multihash.IDENTITY {
			return nil
		}
		if _, ok := c.all.node.HasBlock(ctx, p.Cid); !ok {
			whole = false
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return whole && any, err
}
