package kv

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// round is a group of updates that become durable together. They have been
// applied, one after the other; nobody but the updates behind them sees them
// until they are on the disk.
type round struct {
	batches []*pebble.Batch
	updates int
	done    chan struct{} // closed when err is set
	err     error
}

// state is what Views read: everything that is durable. It is closed when a
// newer one has taken its place and nobody reads it any more.
type state struct {
	*pebble.Snapshot
	users atomic.Int64
}

// Update runs fn alone, on everything that was written before, and waits until
// it is durable.
func (p *Pebble) Update(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	r, hooks, err := p.run(ctx, fn)
	// An error of fn waits too: fn may have seen what is not durable yet, and if
	// that does not become durable its error may be unfounded.
	if r != nil {
		<-r.done
		if r.err != nil {
			return r.err
		}
	}
	if err != nil {
		return err
	}
	for _, hook := range hooks {
		hook()
	}
	return nil
}

// run runs fn in the caller's turn, which ends with it, and returns the round
// that it has to wait for; nil if everything that it saw is durable.
func (p *Pebble) run(ctx context.Context, fn func(Tx) error) (r *round, hooks []func(), err error) {
	defer func() { <-p.turn }()
	if err := p.mayWrite(); err != nil {
		return nil, nil, err
	}
	t := &pebbleTx{ctx: ctx, from: p.db, writable: true}
	err = t.run(fn)
	if err != nil || len(t.own.rows) == 0 {
		return p.lastRound(), t.hooks, err
	}
	if err := p.room.check(&t.own); err != nil {
		return nil, nil, err
	}
	batch, err := p.apply(&t.own)
	if err != nil {
		return nil, nil, p.breaks(err)
	}
	return p.join(batch), t.hooks, nil
}

// run calls fn; the transaction is over then, however fn ended.
func (t *pebbleTx) run(fn func(Tx) error) error {
	defer t.end()
	return fn(t)
}

// apply writes a transaction to the log and makes it visible to the next one.
// It does not wait for the log.
func (p *Pebble) apply(o *overlay) (b *pebble.Batch, err error) {
	defer func() {
		if v := recover(); v != nil {
			// It holds its locks for ever now: a second commit would hang, and so
			// would closing. Nothing further up may take this for one request's trouble.
			p.stuck = true
			b, err = nil, fmt.Errorf("commit: %v", v)
			if e, ok := v.(error); ok {
				err = e
			}
		}
	}()
	b = p.db.NewBatchWithSize(o.bytes + 16*len(o.rows) + 64)
	for _, w := range o.rows {
		if w.value == nil {
			err = b.Delete(w.key, nil)
		} else {
			err = b.Set(w.key, w.value, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, p.db.ApplyNoSyncWait(b, pebble.Sync)
}

// join adds a batch to the round that will be waited for next.
func (p *Pebble) join(b *pebble.Batch) *round {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = &round{done: make(chan struct{})}
	}
	r := p.next
	r.batches = append(r.batches, b)
	r.updates++
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return r
}

// lastRound is the round that everything applied so far is durable with.
func (p *Pebble) lastRound() *round {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != nil {
		return p.next
	}
	return p.syncing
}

// publish ends round after round until the store is closed.
func (p *Pebble) publish() {
	defer close(p.stopped)
	for range p.wake {
		// Nothing is applied while the snapshot is taken, so that it has what
		// this round and those before it have written, and no more.
		p.turn <- struct{}{}
		r := p.takeRound()
		var s *state
		if r != nil {
			s = &state{Snapshot: p.db.NewSnapshot()}
		}
		<-p.turn
		if r != nil {
			p.finish(r, s)
		}
	}
}

func (p *Pebble) takeRound() *round {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.syncing, p.next = p.next, nil
	return p.syncing
}

// finish waits until a round is durable and answers its updates.
func (p *Pebble) finish(r *round, s *state) {
	start := time.Now()
	var errs []error
	for _, b := range r.batches {
		errs = append(errs, b.SyncWait())
	}
	err := errors.Join(errs...)
	p.metrics.committed(r.updates, time.Since(start), err)
	s.users.Add(1) // that it is the current one
	old := s       // or is not to become it
	p.mu.Lock()
	p.syncing = nil
	if err == nil && p.broken == nil {
		old, p.current = p.current, s
	} else {
		r.err = p.brokenBy(err)
	}
	p.mu.Unlock()
	if err == nil {
		for _, b := range r.batches {
			b.Close() // only gives memory back
		}
	}
	close(r.done)
	old.release()
}

// brokenBy keeps the first error that left unclear what is on the disk.
func (p *Pebble) brokenBy(err error) error {
	if p.broken == nil {
		p.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err == nil {
		return p.broken
	}
	return fmt.Errorf("commit: %w", err)
}

func (p *Pebble) breaks(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.brokenBy(err)
}

// mayWrite says why no update can run, if so.
func (p *Pebble) mayWrite() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	return p.broken
}

// release gives up one use of a state.
func (s *state) release() {
	if s.users.Add(-1) == 0 {
		s.Close() // only fails if it is closed
	}
}
