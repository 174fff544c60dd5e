package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// Kinds of jobs, and what their ids name.
const (
	jobAssign  = "assign"  // bucket uuid: contents without a zone get one
	jobSeal    = "seal"    // zone id: an open zone is closed when it is due
	jobZone    = "zone"    // zone id: a sealed zone is packed, dealt and watched
	jobGC      = "gc"      // singleton
	jobSweep   = "sweep"   // singleton
	jobPublish = "publish" // bucket uuid: it was made public or private

	jobLifecycle = "lifecycle" // bucket uuid: its lifecycle rules are applied
	jobNotify    = "notify"    // webhook: events are delivered
	jobRestore   = "restore"   // content id: the copy of a cold content is brought back
	jobRelease   = "release"   // content id: it is given up
	jobPin       = "pin"       // owner and slot: pins of the owner are fetched
	jobRoom      = "offload"   // singleton: local copies are given up when the disk is full
	jobRetrieve  = "retrieve"  // slot, or zone and cause: contents are brought back
	jobTree      = "tree"      // bucket uuid: its tree is brought up to date
)

const (
	singleton = "daily"
	day       = 24 * time.Hour
)

func (b *Buckets) handleJobs() {
	b.queue.Handle(jobAssign, 4, b.assign)
	b.queue.Handle(jobSeal, 2, b.sealIfDue)
	b.queue.Handle(jobZone, 2, b.advance)
	b.queue.Handle(jobPublish, 1, b.carryOut)
	b.queue.Handle(jobLifecycle, 2, b.applyLifecycle)
	b.queue.Handle(jobRestore, 4, b.restoreCold)
	b.queue.Handle(jobRelease, 4, b.release)
	b.queue.Handle(jobTree, 2, b.runTree)
	b.queue.Handle(jobRetrieve, b.retrievals.Workers+1, b.runRetrievals)
	b.queue.Handle(jobRoom, 1, b.makeRoom)
	b.queue.Handle(jobPin, b.pinOptions.Workers, b.runPins)
	b.queue.Handle(jobNotify, max(1, len(b.webhooks)), b.notify)
	b.queue.Handle(jobGC, 1, daily(b.GC))
	b.queue.Handle(jobSweep, 1, daily(func(ctx context.Context) error {
		_, err := b.Sweep(ctx)
		return err
	}))
}

// daily runs fn now and again in a day.
func daily(fn func(context.Context) error) queue.Handler {
	return func(ctx context.Context, _ string) error {
		if err := fn(ctx); err != nil {
			return err
		}
		return queue.Later(time.Now().Add(day), "runs daily")
	}
}

// Start sees that the daily jobs exist, and wakes the zones that found no
// Dealer when they were sealed. It is called once, before the queue runs.
func (b *Buckets) Start(ctx context.Context) error {
	tomorrow := time.Now().Add(day)
	err := b.update(ctx, func(tx kv.Tx) error {
		return errors.Join(
			b.queue.Add(tx, jobGC, singleton, tomorrow),
			b.queue.Add(tx, jobSweep, singleton, tomorrow),
			b.queue.Add(tx, jobRoom, singleton, time.Time{}), // which is gone at once if it is off
			b.wakeRetrievals(tx),
			b.resumeEvents(tx))
	})
	if err == nil && !b.clock.Real() {
		// The jobs may be waiting for the end of a longer day.
		err = b.queue.Wake(ctx, jobLifecycle)
	}
	if err == nil && b.dealer != nil {
		err = b.queue.Wake(ctx, jobZone)
	}
	if err != nil {
		return fmt.Errorf("start the jobs of buckets: %w", err)
	}
	return nil
}

// Sweep gives the space of unreferenced blocks back to the disk.
func (b *Buckets) Sweep(ctx context.Context) (node.SweepResult, error) {
	res, err := b.node.SweepTrees(ctx,
		func(yield func(cid.Cid) error) error { return b.Roots(ctx, yield) },
		func(yield func(cid.Cid) error) error { return b.Trees(ctx, yield) })
	if err != nil {
		return res, fmt.Errorf("sweep: %w", err)
	}
	b.announcer.anew() // blocks that are gone are announced no longer
	return res, nil
}
