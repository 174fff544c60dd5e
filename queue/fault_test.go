package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
	"github.com/whypfs/whypfs/queue"
)

// TestOutcomeFaults fails the update that records an outcome, before or after it
// has its effect. The outcome must count once, and no run may follow from it.
func TestOutcomeFaults(t *testing.T) {
	later := time.Now().Add(time.Hour).UTC().Round(0)
	answers := map[string]error{"ok": nil, "later": queue.Later(later, "an hour"), "error": errNo}
	for name, answer := range answers {
		for _, fault := range []kvtest.Fault{kvtest.Before, kvtest.Applied} {
			for _, faults := range []int{1, 3} {
				t.Run(fmt.Sprint(name, fault, faults), func(t *testing.T) {
					s := &kvtest.Faulty{Store: tempStore(t)}
					q := queue.New(s, queue.Options{MinBack: time.Millisecond, MaxBack: time.Hour})
					var runs atomic.Int32
					q.Handle("k", 2, func(_ context.Context, id string) error {
						if id == "probe" {
							return nil
						}
						if runs.Add(1); answer == errNo && runs.Load() > 1 {
							return queue.Later(later, "an hour")
						}
						return answer
					})
					add(t, s, q, "k", "a", time.Time{})
					s.Choose(func(n int) kvtest.Fault {
						if n < faults {
							return fault
						}
						return kvtest.None
					})
					start(t, q)
					wantRuns := int32(1)
					if answer == errNo {
						wantRuns = 2
					}
					waitFor(t, func() bool {
						jobs := list(t, q)
						return len(jobs) == 0 || !jobs[0].Running && jobs[0].Due.Equal(later)
					})
					s.Choose(nil)
					add(t, s, q, "k", "probe", time.Time{}) // wakes the kind: a second run would begin now
					waitFor(t, func() bool {
						_, err := q.Job(t.Context(), "k", "probe")
						return errors.Is(err, kv.ErrNotFound)
					})
					jobs := list(t, q)
					if runs.Load() != wantRuns {
						t.Errorf("%d runs, want %d", runs.Load(), wantRuns)
					}
					if answer == nil && len(jobs) != 0 || answer != nil && (len(jobs) != 1 || jobs[0].Tries != 0) {
						t.Errorf("jobs %+v", jobs)
					}
				})
			}
		}
	}
}

// TestTriesCountOnce expects a failure whose record was applied but failed to
// count once.
func TestTriesCountOnce(t *testing.T) {
	s := &kvtest.Faulty{Store: tempStore(t)}
	q := queue.New(s, queue.Options{MinBack: time.Millisecond, MaxBack: time.Hour})
	q.Handle("k", 1, func(ctx context.Context, id string) error {
		j, err := q.Job(ctx, "k", id)
		if err != nil || j.Tries >= 1 {
			return errors.Join(err, queue.Later(time.Now().Add(time.Hour), fmt.Sprint("tries: ", j.Tries)))
		}
		return errNo
	})
	add(t, s, q, "k", "a", time.Time{})
	s.Choose(func(n int) kvtest.Fault {
		if n < 3 {
			return kvtest.Applied
		}
		return kvtest.None
	})
	start(t, q)
	waitFor(t, func() bool { return strings.HasPrefix(only(t, q).Reason, "tries") })
	if j := only(t, q); j.Reason != "tries: 1" {
		t.Errorf("job %+v, want one try", j)
	}
}

// TestRemovedWhileUncertain adds a job anew after its success was recorded by an
// update that seemed to fail. Recording it again must not take the new job away.
func TestRemovedWhileUncertain(t *testing.T) {
	s := &kvtest.Faulty{Store: tempStore(t)}
	q := queue.New(s, queue.Options{MinBack: 20 * time.Millisecond, MaxBack: 20 * time.Millisecond})
	runs := make(chan bool, 2)
	q.Handle("k", 1, func(context.Context, string) error { runs <- true; return nil })
	add(t, s, q, "k", "a", time.Time{})
	applied := make(chan bool, 1)
	s.Choose(func(n int) kvtest.Fault {
		if n == 0 {
			applied <- true
			return kvtest.Applied
		}
		return kvtest.None
	})
	start(t, q)
	<-runs
	<-applied
	waitEmpty(t, q)
	add(t, s, q, "k", "a", time.Time{})
	<-runs
	waitEmpty(t, q)
}

// TestReadFaults fails the search for due jobs for a while.
func TestReadFaults(t *testing.T) {
	s := &failingReads{Store: tempStore(t)}
	s.left.Store(4)
	q := queue.New(s, queue.Options{MinBack: time.Millisecond, MaxBack: time.Millisecond})
	ran := make(chan bool)
	q.Handle("k", 1, func(context.Context, string) error { close(ran); return nil })
	add(t, s.Store, q, "k", "a", time.Time{})
	start(t, q)
	<-ran
	waitEmpty(t, q)
}

type failingReads struct {
	kv.Store
	left atomic.Int32
}

func (f *failingReads) View(ctx context.Context, fn func(kv.Tx) error) error {
	if f.left.Add(-1) >= 0 {
		return errNo
	}
	return f.Store.View(ctx, fn)
}

// TestRerun runs every function of every transaction twice.
func TestRerun(t *testing.T) {
	s := kvtest.Rerun(tempStore(t))
	q := queue.New(s, queue.Options{MinBack: time.Millisecond})
	var runs atomic.Int32
	q.Handle("k", 2, func(context.Context, string) error {
		if runs.Add(1) == 1 {
			return errNo
		}
		return nil
	})
	start(t, q)
	add(t, s, q, "k", "a", time.Time{})
	waitEmpty(t, q)
	if runs.Load() != 2 {
		t.Errorf("%d runs, want 2", runs.Load())
	}
}
