package kv

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	// maxGroup bounds how many updates one commit makes durable, and maxGroupBytes
	// how much they may have written when another one joins: a large group makes
	// its first member wait for its last.
	maxGroup      = 1024
	maxGroupBytes = 4 << 20
)

// States of an update: it leaves waiting once, taken by the committer or
// withdrawn by its caller.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// update is one call of Update. The function runs in the caller's goroutine,
// while the committer waits: so a panic or a runtime.Goexit is the caller's, and
// its stack is in every trace.
type update struct {
	state  atomic.Int32
	turn   chan *bolt.Tx // the caller may run its function on it; nil: there is an answer already
	ran    chan ran      // the function has returned
	answer chan error    // of the commit; buffered, as a caller that panicked takes none
}

// ran is what the committer learns about a function.
type ran struct {
	writes int   // rows to commit
	bytes  int   // in them
	err    error // the shared transaction is spoilt
}

// Update queues fn for the next group and waits for its commit.
func (b *Bolt) Update(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u := &update{turn: make(chan *bolt.Tx, 1), ran: make(chan ran, 1), answer: make(chan error, 1)}
	if err := b.enqueue(u); err != nil {
		return err
	}
	var btx *bolt.Tx
	select {
	case btx = <-u.turn:
	case <-ctx.Done():
		if u.state.CompareAndSwap(waiting, withdrawn) {
			return ctx.Err()
		}
		btx = <-u.turn
	}
	if btx == nil {
		return <-u.answer
	}
	t := &boltTx{ctx: ctx, rows: btx.Bucket(rowsBucket), writable: true}
	err := u.run(t, fn)
	// An error of fn waits too: fn may have seen what others of the group wrote,
	// and if that does not become durable its error may be unfounded.
	if commitErr := <-u.answer; commitErr != nil {
		return commitErr
	}
	if err != nil {
		return err
	}
	for _, hook := range t.hooks {
		hook()
	}
	return nil
}

// run calls fn and hands the transaction back, clean of fn's writes if fn
// failed, however it ended.
func (u *update) run(t *boltTx, fn func(Tx) error) (err error) {
	keep := false
	defer func() {
		t.end()
		var r ran
		if !keep {
			r.err = t.undo()
		}
		r.writes, r.bytes = len(t.undos), t.bytes
		u.ran <- r
	}()
	err = fn(t)
	keep = err == nil
	return err
}

func (b *Bolt) enqueue(u *update) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ErrClosed
	case b.broken != nil:
		return b.broken
	}
	b.pending = append(b.pending, u)
	b.poke()
	return nil
}

// poke makes the committer look at the store.
func (b *Bolt) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// runCommits commits group after group until the store is closed and nothing
// waits any more.
func (b *Bolt) runCommits() {
	defer close(b.stopped)
	for {
		// Those whom the last commit has woken are about to queue again.
		runtime.Gosched()
		n, closed := b.waiting()
		switch {
		case n > 0:
			b.commitGroup(min(n, maxGroup))
		case closed:
			return
		default:
			<-b.wake
		}
	}
}

func (b *Bolt) waiting() (n int, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pending), b.closed
}

// next takes the oldest update that still waits, among the first *n.
func (b *Bolt) next(n *int) *update {
	b.mu.Lock()
	defer b.mu.Unlock()
	for *n > 0 {
		*n--
		u := b.pending[0]
		b.pending[0] = nil
		b.pending = b.pending[1:]
		if u.state.CompareAndSwap(waiting, taken) {
			return u
		}
	}
	return nil
}

// commitGroup runs up to n waiting updates in one bolt transaction and answers
// each of them.
func (b *Bolt) commitGroup(n int) {
	if err := b.brokenErr(); err != nil {
		b.refuse(n, err)
		return
	}
	btx, err := b.db.Begin(true)
	if err != nil {
		b.refuse(n, fmt.Errorf("begin: %w", err))
		return
	}
	var group []*update
	var sum ran
	for sum.err == nil && sum.bytes < maxGroupBytes {
		u := b.next(&n)
		if u == nil {
			break
		}
		group = append(group, u)
		u.turn <- btx
		r := <-u.ran
		sum.writes += r.writes
		sum.bytes += r.bytes
		sum.err = r.err
	}
	err = b.finish(btx, len(group), sum)
	for _, u := range group {
		u.answer <- err
	}
}

// finish commits a group, or drops it if it has nothing to make durable.
func (b *Bolt) finish(btx *bolt.Tx, size int, sum ran) error {
	if sum.err != nil || sum.writes == 0 {
		return errors.Join(sum.err, btx.Rollback())
	}
	id := btx.ID()
	start := time.Now()
	err := b.commit(btx)
	b.metrics.committed(size, time.Since(start), err)
	if err == nil {
		return nil
	}
	if isFull(err) && !b.visible(id) {
		return fmt.Errorf("commit: %w: %w", ErrFull, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	return fmt.Errorf("commit: %w", err)
}

// visible says whether a transaction whose commit failed is what readers see: its
// meta page was written, and only the sync of that failed. The next commit
// would take it for durable, and write over pages of the one that is.
func (b *Bolt) visible(id int) bool {
	btx, err := b.db.Begin(false)
	if err != nil {
		return true
	}
	defer btx.Rollback() // of a read transaction: only fails if it has ended
	return btx.ID() >= id
}

// refuse answers n waiting updates without running them.
func (b *Bolt) refuse(n int, err error) {
	for {
		u := b.next(&n)
		if u == nil {
			return
		}
		u.answer <- err
		u.turn <- nil
	}
}

func (b *Bolt) brokenErr() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// isFull reports an error that goes away when there is room. Nearly always bolt
// meets it before it touches what is durable.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, berrors.ErrMaxSizeReached)
}
