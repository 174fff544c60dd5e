package queue

import (
	"context"
	"errors"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// kind is one kind of job with its handler.
type kind struct {
	q       *Queue
	name    string
	workers int
	handler Handler
	wake    chan struct{} // has one element if there is something to look at

	mu   sync.Mutex
	busy map[string]uint64 // guarded by mu: by id the stamps of jobs that run, or whose outcome is not stored yet
}

// start is a job that is to run.
type start struct {
	id    string
	stamp uint64
}

func newKind(q *Queue, name string, workers int, h Handler) *kind {
	return &kind{
		q: q, name: name, workers: workers, handler: h,
		wake: make(chan struct{}, 1),
		busy: make(map[string]uint64),
	}
}

func (k *kind) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *kind) runningWith(id string) (stamp uint64, running bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	stamp, running = k.busy[id]
	return stamp, running
}

func (k *kind) begin(s start) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy[s.id] = s.stamp
}

func (k *kind) end(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.busy, id)
}

func (k *kind) busyNow() map[string]uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.busy)
}

// run starts due jobs until ctx ends, then waits for those that run.
func (k *kind) run(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	failures := 0
	for ctx.Err() == nil {
		starts, next, err := k.find(ctx)
		if err == nil {
			failures = 0
		} else if ctx.Err() == nil {
			failures++
			next = k.q.now().Add(k.q.back.after(failures))
			k.q.log.ErrorContext(ctx, "look for due jobs", "kind", k.name, "err", err)
		}
		for _, s := range starts {
			k.begin(s)
			workers.Go(func() { k.work(ctx, s) })
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(next.Sub(k.q.now()))
		}
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-timer.C:
		}
	}
}

// find returns the due jobs for which there are workers, and, if that leaves a
// worker free, when the first other job is due; zero if none is.
func (k *kind) find(ctx context.Context) (starts []start, next time.Time, err error) {
	// What is busy must be known before the snapshot is taken: a job that ends
	// between the two is then skipped, where the other way round it would be
	// started from a row that is no longer there.
	busy := k.busyNow()
	free := k.workers - len(busy)
	if free == 0 {
		return nil, time.Time{}, nil
	}
	now := k.q.now()
	err = k.q.store.View(ctx, func(tx kv.Tx) error {
		starts, next = nil, time.Time{}
		for r, err := range tx.Scan(kv.Range(prefix, "due", k.name)) {
			if err != nil {
				return err
			}
			var at uint64
			var id string
			if err := kv.Unkey(r.Key, nil, nil, nil, &at, &id); err != nil {
				return err
			}
			if _, running := busy[id]; running {
				continue
			}
			if due := unstamp(at); due.After(now) {
				next = due
				return nil
			}
			job, err := getRow(tx, k.name, id)
			if err == nil && job == nil {
				err = kv.ErrNotFound
			}
			if err != nil { // a damaged row must not stop the others
				k.q.log.ErrorContext(ctx, "skip job", "job", k.name+"/"+id, "err", err)
				continue
			}
			if starts = append(starts, start{id, job.Stamp}); len(starts) == free {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return starts, next, nil
}

// work runs one job and records how it ended.
func (k *kind) work(ctx context.Context, s start) {
	defer k.poke()
	defer k.end(s.id)
	began := time.Now()
	err := k.call(ctx, s.id)
	o := newOutcome(err, ctx.Err() != nil)
	k.q.metrics.ran(k.name, o.result, time.Since(began))
	if o.result == resultStopped {
		return // the row is as it was: due
	}
	// The outcome is recorded even if ctx has ended: the work has been done.
	k.record(ctx, s, o)
}

// call calls the handler and makes an error of a panic or a runtime.Goexit.
func (k *kind) call(ctx context.Context, id string) (err error) {
	done := make(chan error, 1)
	go func() {
		err := error(&panicError{"the handler's goroutine has ended"})
		defer func() {
			if v := recover(); v != nil {
				err = &panicError{v}
				k.q.log.ErrorContext(ctx, "job panicked", "job", k.name+"/"+id, "err", err, "stack", string(debug.Stack()))
			}
			done <- err
		}()
		err = k.handler(ctx, id)
	}()
	return <-done
}

// record stores an outcome, trying until that succeeds or ctx ends. Meanwhile
// the job stays busy: its row says that it is due, and it would be run again.
func (k *kind) record(ctx context.Context, s start, o outcome) {
	for failures := 1; ; failures++ {
		due, err := k.store(context.WithoutCancel(ctx), s, o)
		if err == nil {
			k.logOutcome(ctx, s.id, o, due)
			return
		}
		k.q.log.ErrorContext(ctx, "record job", "job", k.name+"/"+s.id, "err", err)
		if errors.Is(err, kv.ErrClosed) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(k.q.back.after(failures)):
		}
	}
}

// store writes an outcome. It may be called again after an error, although the
// first call has had its effect.
func (k *kind) store(ctx context.Context, s start, o outcome) (due time.Time, err error) {
	err = k.q.store.Update(ctx, func(tx kv.Tx) error {
		due = time.Time{}
		r, err := getRow(tx, k.name, s.id)
		if err != nil || r == nil {
			return err
		}
		if r.Stamp == o.stamp { // an earlier call's work
			due = r.Due
			return nil
		}
		next := o.apply(*r, s.stamp, k.q.Now(), k.q.back)
		if next == nil {
			return deleteRow(tx, k.name, s.id, r)
		}
		due = next.Due
		return putRow(tx, k.name, s.id, next, r.Due)
	})
	return due, err
}

func (k *kind) logOutcome(ctx context.Context, id string, o outcome, due time.Time) {
	job := k.name + "/" + id
	switch o.result {
	case resultError:
		k.q.log.WarnContext(ctx, "job will be tried again", "job", job, "err", o.err, "due", due)
	default:
		k.q.log.DebugContext(ctx, "job ran", "job", job, "result", o.result, "due", due)
	}
}
