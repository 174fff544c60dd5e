package deals

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/kv"
)

const (
	// sweepEpochs apart every deal is looked at, however long it has been quiet: an hour.
	sweepEpochs = 120
	// youngDeal is for how long after its last step a deal is looked at with every new head.
	youngDeal = 10 * time.Minute
)

// Run follows the chain head and wakes the jobs that wait for it, until ctx ends.
func (d *Deals) Run(ctx context.Context) error {
	if d.chain == nil {
		<-ctx.Done()
		return nil
	}
	if err := d.tellZones(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	t := time.NewTicker(d.opt.Poll)
	defer t.Stop()
	var seen int64
	all := true // what waits may wait for something that was configured since
	warned := false
	for {
		head, err := d.chain.Head(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if !warned {
				d.log.WarnContext(ctx, "chain cannot be asked", "err", err)
			}
			all, warned = true, true
		case head != seen:
			if err := d.newHead(ctx, seen, head, all); err != nil && ctx.Err() == nil {
				d.log.ErrorContext(ctx, "wake jobs for a new head", "err", err)
			}
			seen, all, warned = head, false, false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
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
	if all {
		return errors.Join(d.queue.Wake(ctx, kindReplicate), d.queue.Wake(ctx, kindDeal))
	}
	if old/sweepEpochs != head/sweepEpochs {
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

// young lists the deals on chain that took their last step lately, and wait for the chain.
func (d *Deals) young(ctx context.Context) ([]string, error) {
	var ids []string
	err := d.store.View(ctx, func(tx kv.Tx) error {
		ids = nil
		from, to := kv.Range(prefix, "pending")
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			var id string
			if err := kv.Unkey(r.Key, nil, nil, &id); err != nil {
				return err
			}
			row, err := getDeal(tx, id)
			if err != nil {
				return err
			}
			if row.State.Pending() && row.State != DealProposed && time.Since(row.Changed) < youngDeal {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return slices.Clip(ids), err
}

// selfID is the wallet's id address, which stands in deals on chain.
func (d *Deals) selfID(ctx context.Context) (address.Address, error) {
	d.mu.Lock()
	id := d.self
	d.mu.Unlock()
	if !id.Empty() {
		return id, nil
	}
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return id, err
	}
	if id, err = d.chain.LookupID(ctx, k.Address()); err != nil {
		return id, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.self = id
	return id, nil
}
