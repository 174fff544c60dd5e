package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// ErrNotComplete says that a content's deals are not all active yet.
var ErrNotComplete = errors.New("zone is not complete")

// Offload gives up the local blocks of a content whose zone is complete; a read brings them back.
// A zone whose deals have ended since and are not replaced yet is ErrNotComplete too.
// Blocks that other contents need too stay. The space is free after the sweep that this asks for.
func (b *Buckets) Offload(ctx context.Context, id uint64) error {
	if err := b.offload(ctx, id); err != nil {
		return fmt.Errorf("offload content %d: %w", id, err)
	}
	return nil
}

func (b *Buckets) offload(ctx context.Context, id uint64) error {
	c, err := b.Content(ctx, id)
	if err != nil {
		return err
	}
	if err := b.dealt(ctx, c.Zone); err != nil {
		return err
	}
	return b.update(ctx, func(tx kv.Tx) error {
		c, err := contentRow(tx, id)
		if err != nil {
			return err
		}
		if c.Deleted {
			return ErrNoContent
		}
		return b.giveUp(tx, c, time.Time{})
	})
}

// dealt returns ErrNotComplete unless every wanted deal of a zone is active.
func (b *Buckets) dealt(ctx context.Context, zone uint64) error {
	if zone == 0 || b.dealer == nil {
		return ErrNotComplete
	}
	z, err := b.loadZone(ctx, zone)
	if err != nil {
		return err
	}
	if z.State != ZoneComplete {
		return ErrNotComplete
	}
	p, err := b.dealer.Progress(ctx, z.Zone)
	if err != nil {
		return fmt.Errorf("progress: %w", err)
	}
	if p.Active < p.Wanted {
		return ErrNotComplete
	}
	return nil
}

// giveUp lets go of a content's blocks, which a sweep at that time removes.
func (b *Buckets) giveUp(tx kv.Tx, c Content, sweep time.Time) error {
	c.Offloaded, c.Restoring, c.Until = true, 0, time.Time{}
	b.announcer.changed(tx, c.CID)
	return errors.Join(
		putContent(tx, c),
		letGoRoot(tx, c),
		b.queue.Add(tx, jobSweep, singleton, sweep))
}

// Restore brings an offloaded or damaged content with this root back from
// providers. It is what node.Config.Restore should call. A root that nothing
// undeleted names, or that is in no piece yet, is node.ErrNotFound. Restores of
// one root at the same time share one retrieval.
func (b *Buckets) Restore(ctx context.Context, root cid.Cid) error {
	if b.dealer == nil {
		return node.ErrNotFound
	}
	err := b.restores.do(ctx, string(rootKey(root)), func(ctx context.Context) error {
		return b.restore(ctx, root)
	})
	if err != nil {
		return fmt.Errorf("restore %v: %w", root, err)
	}
	return nil
}

func (b *Buckets) restore(ctx context.Context, root cid.Cid) error {
	sources, err := b.sources(ctx, root)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return node.ErrNotFound
	}
	// Held until the root is referenced again, lest the blocks are swept as they come.
	lease := b.node.Lease()
	defer lease.Release()
	var errs []error
	for _, c := range sources {
		err := b.dealer.Restore(ctx, c)
		if err == nil {
			return b.restored(ctx, root)
		}
		errs = append(errs, fmt.Errorf("content %d: %w", c.ID, err))
	}
	return errors.Join(errs...)
}

// restored publishes a root whose blocks are back, if it is to be, and
// references it. They come back as private ones, however they were packed.
func (b *Buckets) restored(ctx context.Context, root cid.Cid) error {
	publish := func() error { return b.node.Publish(ctx, root) }
	if err := b.WhilePublished(ctx, root, publish); err != nil {
		return err
	}
	return b.markLocal(ctx, root)
}

// sources returns the contents with this root that a piece holds.
func (b *Buckets) sources(ctx context.Context, root cid.Cid) (sources []Content, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		sources = nil
		all, err := contentsWithRoot(tx, root)
		if err != nil {
			return err
		}
		wanted := false
		for _, c := range all {
			wanted = wanted || !c.Deleted
			if c.Zone == 0 {
				continue
			}
			z, err := zoneAt(tx, c.Zone)
			if err != nil {
				return err
			}
			if z.State != ZoneOpen && z.State != ZoneSealed {
				sources = append(sources, c)
			}
		}
		if !wanted {
			sources = nil // what its owner deleted does not come back
		}
		return nil
	})
	return sources, err
}

// markLocal references a root again whose blocks are back. Where they are not
// to be kept they stay for a day, as whoever reads them may read on.
func (b *Buckets) markLocal(ctx context.Context, root cid.Cid) error {
	tomorrow := b.clock.After(time.Now(), 1)
	b.Read(root) // lest it is the first to be given up again
	return b.update(ctx, func(tx kv.Tx) error {
		b.announcer.changed(tx, root)
		all, err := contentsWithRoot(tx, root)
		if err != nil {
			return err
		}
		for _, c := range all {
			if !c.Offloaded || c.Deleted {
				continue
			}
			c.Offloaded = false
			err := errors.Join(
				putContent(tx, c),
				holdRoot(tx, c))
			if err == nil && c.Cold {
				err = b.queue.Add(tx, jobRelease, contentJobID(c.ID), tomorrow)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
