package deals

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/kv"
)

const (
	epochTime = chain.EpochTime
	// youngDeal is for how long after its last step a deal is looked at with every new head.
	youngDeal = 10 * time.Minute
)

// Run follows the chain head and wakes the jobs that wait for it, and runs the
// engines, until ctx ends.
func (d *Deals) Run(ctx context.Context) error {
	if d.chain == nil {
		<-ctx.Done()
		return nil
	}
	d.insist(ctx, "list the deals of an older version", d.index)
	d.insist(ctx, "begin to sample active deals", d.sampleActive)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.runEngines(ctx) })
	g.Go(func() error { return d.followHead(ctx) })
	g.Go(func() error { d.followSightings(ctx); return nil })
	return g.Wait()
}

// insist takes a first step again and again until it succeeds or ctx ends: a
// store that fails for a moment must not end the node.
func (d *Deals) insist(ctx context.Context, what string, step func(context.Context) error) {
	for {
		err := step(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		d.log.ErrorContext(ctx, what, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(d.opt.Poll):
		}
	}
}

// followHead wakes jobs with each new head.
func (d *Deals) followHead(ctx context.Context) error {
	d.insist(ctx, "look after the escrow", d.watchEscrow)
	d.insist(ctx, "tell zones to look at their deals", d.tellZones)
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { d.keepAsking(ctx) })
	t := time.NewTicker(d.opt.Poll)
	defer t.Stop()
	var seen lookout
	for ctx.Err() == nil {
		d.look(ctx, &seen)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
	return nil
}

// A lookout is what one who follows the chain has seen.
type lookout struct {
	head int64
	lost bool // the chain could not be asked
}

// look asks for the head once, and wakes what waits for it. At first, what waits
// may wait for something that was configured since: all is woken, as after a
// time without a chain.
func (d *Deals) look(ctx context.Context, seen *lookout) {
	head, err := d.chain.Head(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		d.known.Store(nil)
		if !seen.lost {
			d.log.WarnContext(ctx, "chain cannot be asked", "err", err)
		}
		seen.lost = true
	default:
		d.known.Store(&knownHead{head, d.queue.Now()})
		if head == seen.head {
			break
		}
		if err := d.newHead(ctx, seen.head, head, seen.lost || seen.head == 0); err != nil && ctx.Err() == nil {
			d.log.ErrorContext(ctx, "wake jobs for a new head", "err", err)
		}
		seen.head, seen.lost = head, false
		d.tellHead(head)
	}
}

// A knownHead is the head as it was not long ago.
type knownHead struct {
	height int64
	at     time.Time
}

// head returns the chain's head, not older than one who follows it sees it: the
// deals of a whole sweep need not all ask for it.
func (d *Deals) head(ctx context.Context) (int64, error) {
	if k := d.known.Load(); k != nil && within(k.at, d.queue.Now(), d.opt.Poll) {
		return k.height, nil
	}
	return d.chain.Head(ctx)
}

// tellZones tells every zone to look at its deals: what moved just before a
// crash may not have been told.
func (d *Deals) tellZones(ctx context.Context) error {
	zones, err := d.pieces.Zones(ctx)
	for _, z := range zones {
		d.opt.Changed(z)
	}
	return err
}

// newHead wakes the deals that a new head may have moved; all jobs if the
// chain could not be asked before.
func (d *Deals) newHead(ctx context.Context, old, head int64, all bool) error {
	d.met.head.Set(float64(head))
	if err := d.noteSpent(ctx); err != nil {
		d.log.WarnContext(ctx, "what was spent today is not known", "err", err) // and stops no deal
	}
	if all {
		return errors.Join(d.queue.Wake(ctx, kindReplicate), d.queue.Wake(ctx, kindDeal))
	}
	// However long a deal has been quiet, it is looked at as often as this.
	if sweep := max(1, int64(d.opt.Recheck/epochTime)); old/sweep != head/sweep {
		if err := d.trimFailures(ctx); err != nil {
			return err
		}
		return d.queue.Wake(ctx, kindDeal)
	}
	young, err := d.young(ctx)
	if err != nil || len(young) == 0 {
		return err
	}
	return d.queue.Wake(ctx, kindDeal, young...)
}

// scanPending yields the deals that are pending, or may turn out to be. One that
// cannot be read is an error for itself: the others follow.
func scanPending(tx kv.Tx) func(yield func(dealRow, error) bool) {
	return func(yield func(dealRow, error) bool) {
		for r, err := range tx.Scan(kv.Range(prefix, "pending")) {
			if err != nil {
				yield(dealRow{}, err)
				return
			}
			var row dealRow
			var id string
			if err = kv.Unkey(r.Key, nil, nil, &id); err == nil {
				row, err = getDeal(tx, id)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// young lists the deals on chain that took their last step lately, and wait for the chain.
func (d *Deals) young(ctx context.Context) ([]string, error) {
	var ids []string
	err := d.store.View(ctx, func(tx kv.Tx) error {
		ids = nil
		for row, err := range scanPending(tx) {
			if errors.Is(err, errDamaged) || errors.Is(err, ErrNoDeal) {
				continue // each sweep tells of it
			}
			if err != nil {
				return err
			}
			if row.State.Pending() && row.State != DealProposed && d.queue.Now().Sub(row.Changed) < youngDeal {
				ids = append(ids, row.UUID)
			}
		}
		return nil
	})
	return slices.Clip(ids), err
}
