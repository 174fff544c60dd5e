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

// An Order is how a content is to be brought back.
type Order struct {
	Class Class
	// Allow is asked before so many bytes are asked for of others, from several
	// goroutines; its error ends the retrieval. A reader who waits for the same
	// bytes gets them all the same. nil: always.
	Allow func(ctx context.Context, bytes int64) error
	// Came is told of blocks that came for this order. nil: nobody is.
	Came func(bytes int64)
}

// errDenied says that Order.Allow did not let a window begin.
var errDenied = errors.New("not fetched")

// Restore puts the blocks of a content, found through the layout of its
// zone's pieces, back into the node, every block verified against its CID.
// Blocks that are here already are not asked for. If it fails, those that came
// before stay.
func (r *Retriever) Restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	lease := r.node.Lease()
	defer lease.Release()
	return r.Fetch(ctx, zone, content, root, Order{Class: ForRestore})
}

// Fetch is Restore as order says, for a caller that has the root kept from
// sweeps: it may take long, and holds no lease. A sweep may still take blocks
// whose parents had not come yet; they are fetched again.
func (r *Retriever) Fetch(ctx context.Context, zone, content uint64, root cid.Cid, order Order) error {
	err := r.restore(ctx, zone, content, root, order)
	result := "ok"
	switch {
	case errors.Is(err, errDenied):
		result = "denied"
	case err != nil:
		result, err = "failed", fmt.Errorf("restore content %d of zone %d: %w", content, zone, err)
	}
	r.met.restored.WithLabelValues(result).Inc()
	return err
}

func (r *Retriever) restore(ctx context.Context, zone, content uint64, root cid.Cid, order Order) error {
	c, err := r.Open(ctx, zone, content, root, nil)
	if err != nil {
		return err
	}
	c.ordered(1)
	defer c.Close()
	defer c.ordered(-1)
	// What readers have on its way may fail, or have been swept: look again.
	for range 4 {
		if err := c.pass(ctx, order); err != nil {
			return err
		}
		if whole, err := c.Whole(ctx); err != nil || whole {
			return err
		}
	}
	return errors.New("blocks that came back are not here")
}

// ordered counts those who read nothing.
func (c *Recall) ordered(n int) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.orders += n
}

// pass fetches what is not here and not on its way, and waits for all of it.
func (c *Recall) pass(ctx context.Context, order Order) error {
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
		w, err := c.window(ctx, from, windowBytes, order, "")
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
