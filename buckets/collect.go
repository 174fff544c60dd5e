package buckets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// CollectRequest asks for local copies to be given up.
type CollectRequest struct {
	Bytes  int64    // as many at least, if so many may go; 0: none
	Owners []uint64 // whose; none: anybody's. What others have too stays
	DryRun bool     // nothing is given up
}

// Collected is what was given up, or would be.
type Collected struct {
	Considered int   // contents that may go
	Bytes      int64 // of the roots that went, copies once
	Contents   []Collectable
}

// A Collectable is a content that may do without its local copy.
type Collectable struct {
	Content
	LastRead time.Time // or when it was made; to the hour
}

// Collect gives up local copies of contents that Filecoin keeps, as the disk's
// getting full does, the least recently read first; a read brings them back. A
// sweep that this asks for, a day later, gives the space back, unless SweepSoon does.
func (b *Buckets) Collect(ctx context.Context, r CollectRequest) (Collected, error) {
	if b.dealer == nil {
		return Collected{}, nil
	}
	if err := b.flushReads(ctx); err != nil {
		return Collected{}, err
	}
	p := newRoomPass(b, max(r.Bytes, 0))
	p.owners = r.Owners
	if err := p.look(ctx); err != nil {
		return Collected{}, fmt.Errorf("collect: %w", err)
	}
	list := p.found.sorted()
	out := Collected{Considered: p.considered}
	for some := range slices.Chunk(list, roomBatch) {
		contents, bytes, err := p.collectable(ctx, some)
		if err == nil && !r.DryRun {
			before := p.bytes
			if err = p.giveUp(ctx, some); err == nil {
				contents, err = p.gone(ctx, contents)
			}
			bytes = p.bytes - before
		}
		if err != nil {
			return out, fmt.Errorf("collect: %w", err)
		}
		out.Contents, out.Bytes = append(out.Contents, contents...), out.Bytes+bytes
	}
	b.metrics.offloads.Add(float64(p.objects))
	b.metrics.offloaded.Add(float64(p.bytes))
	return out, nil
}

// collectable returns the contents of roots that may go, with their bytes.
func (p *roomPass) collectable(ctx context.Context, some []old) (list []Collectable, bytes int64, err error) {
	if err := p.askZones(ctx, some); err != nil {
		return nil, 0, err
	}
	err = p.b.view(ctx, func(tx kv.Tx) error {
		list, bytes = nil, 0
		for _, o := range some {
			all, err := p.spare(tx, o.root)
			if err != nil {
				return err
			}
			if len(all) > 0 {
				bytes += o.size
			}
			for _, c := range all {
				list = append(list, Collectable{c, startOf(o.hour)})
			}
		}
		return nil
	})
	return list, bytes, err
}

// gone leaves those of the contents that are given up now.
func (p *roomPass) gone(ctx context.Context, list []Collectable) (left []Collectable, err error) {
	err = p.b.view(ctx, func(tx kv.Tx) error {
		left = nil
		for _, c := range list {
			now, err := contentRow(tx, c.ID)
			if err != nil && !errors.Is(err, ErrNoContent) {
				return err
			}
			if err == nil && now.Offloaded {
				c.Content = now
				left = append(left, c)
			}
		}
		return nil
	})
	return left, err
}

// Local returns the newest contents with a local copy, at most limit, or of them
// only those that may do without it, by the rules of Collect.
func (b *Buckets) Local(ctx context.Context, spare bool, limit int) ([]Content, error) {
	if spare && b.dealer == nil {
		return nil, nil
	}
	p := newRoomPass(b, math.MaxInt64)
	var out []Content
	err := p.contents(ctx, func(page []Content, _ []int64) (bool, error) {
		for _, c := range page {
			if c.Deleted || c.Offloaded || spare && c.wanted(time.Now()) {
				continue
			}
			if spare {
				if why, err := p.stays(ctx, c.Zone); err != nil {
					return false, err
				} else if why != "" {
					continue
				}
			}
			if len(out) == limit {
				return false, nil
			}
			out = append(out, c)
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("local contents: %w", err)
	}
	return out, nil
}

// SweepSoon has the job that gives space back run now.
func (b *Buckets) SweepSoon(ctx context.Context) error {
	err := b.update(ctx, func(tx kv.Tx) error { return b.queue.Add(tx, jobSweep, singleton, time.Time{}) })
	if err != nil {
		return fmt.Errorf("sweep soon: %w", err)
	}
	return nil
}
