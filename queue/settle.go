package queue

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Settle runs the jobs that are due, and those that become due by it, until
// nothing is; then it says when the next one is, zero if there is none. It
// stands in for Run where time is moved by the caller (Options.Now): as long as
// that stands still while Settle runs, no wait is shorter or longer than it
// would be, however slow the machine.
func (q *Queue) Settle(ctx context.Context) (next time.Time, err error) {
	defer q.occupy()()
	if now := q.Now(); q.settled.IsZero() || now.Before(q.settled) {
		if err := q.rightRows(ctx); err != nil {
			return time.Time{}, err
		}
	}
	q.settled = q.Now()
	for ctx.Err() == nil {
		var (
			all  sync.WaitGroup
			mu   sync.Mutex // guards ran, next and err
			ran  bool
			errs []error
		)
		next = time.Time{}
		for _, k := range q.kinds {
			all.Go(func() {
				some, due, err := k.settle(ctx)
				mu.Lock()
				defer mu.Unlock()
				ran = ran || some
				if !due.IsZero() && (next.IsZero() || due.Before(next)) {
					next = due
				}
				errs = append(errs, err)
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil || !ran {
			return next, err
		}
	}
	return time.Time{}, ctx.Err()
}

// settle runs a kind's jobs until none is due.
func (k *kind) settle(ctx context.Context) (ran bool, next time.Time, err error) {
	for ctx.Err() == nil {
		starts, next, err := k.find(ctx)
		if err != nil || len(starts) == 0 {
			return ran, next, err
		}
		ran = true
		var workers sync.WaitGroup
		for _, s := range starts {
			k.begin(s)
			workers.Go(func() { k.work(ctx, s) })
		}
		workers.Wait()
	}
	return ran, time.Time{}, nil
}
