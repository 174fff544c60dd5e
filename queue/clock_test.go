package queue_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
	"github.com/whypfs/whypfs/queue"
)

// A setClock is the time of a bubble, as shown by a clock that can be set.
type setClock struct{ ahead atomic.Int64 }

func (c *setClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *setClock) set(by time.Duration) { c.ahead.Add(int64(by)) }

// The clock jumps while a job waits an hour, the queue running or not: the job
// runs after an hour that has passed or that the clock has shown, whichever is
// shorter, and after that every hour, by the clock as it is.
func TestClockJumps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, by := range []time.Duration{30 * time.Minute, 2 * time.Hour, 40 * year, -30 * time.Minute, -2 * time.Hour, -20 * year} {
		for _, stopped := range []bool{false, true} {
			t.Run(fmt.Sprint(by, " stopped ", stopped), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, clock := tempStore(t), new(setClock)
					var q *queue.Queue
					ran := make(chan time.Time, 10)
					open := func() (stop func()) {
						q = queue.New(s, queue.Options{Now: clock.now})
						q.Handle("k", 1, func(context.Context, string) error {
							ran <- time.Now()
							return queue.Later(q.Now().Add(time.Hour), "once an hour")
						})
						return start(t, q)
					}
					stop := open()
					add(t, s, q, "k", "a", time.Time{})
					last := <-ran
					time.Sleep(10 * time.Minute)
					if stopped {
						stop()
					}
					clock.set(by)
					jumped := time.Now()
					if stopped {
						open()
					}
					// What is looked for every ten seconds may be noticed so much later.
					least := min(50*time.Minute, max(0, 50*time.Minute-max(0, by)))
					most := least + 10*time.Second
					if by < 0 {
						most = time.Hour + 10*time.Second
					}
					next := <-ran
					if wait := next.Sub(jumped); wait < least || wait > most {
						t.Errorf("%v after the jump, %v after the last run; want %v to %v after the jump", wait, next.Sub(last), least, most)
					}
					for range 3 {
						again := <-ran
						if wait := again.Sub(next); wait != time.Hour {
							t.Errorf("%v after the last run, want an hour", wait)
						}
						next = again
					}
				})
			})
		}
	}
}

// A clock that was wrong for a while leaves no job that waits until it would be right.
func TestClockThatWasWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const year = 365 * 24 * time.Hour
		s, clock := tempStore(t), new(setClock)
		clock.set(10 * year)
		q := queue.New(s, queue.Options{Now: clock.now})
		var ran notes
		began := time.Now()
		asked := make(chan bool)
		q.Handle("k", 4, func(_ context.Context, id string) error {
			ran.add(id, time.Since(began).Round(time.Minute))
			if id == "running" && asked != nil {
				asked <- true
				<-asked
				asked = nil
			}
			return nil
		})
		start(t, q)
		add(t, s, q, "k", "running", time.Time{})
		<-asked
		add(t, s, q, "k", "running", clock.now().Add(2*time.Hour)) // after its run, by the wrong clock
		add(t, s, q, "k", "waiting", clock.now().Add(time.Hour))
		clock.set(-10 * year)
		asked <- true
		add(t, s, q, "k", "added", clock.now().Add(3*time.Hour)) // by the right one
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if got := ran.String(); got != "running0s waiting1h0m0s running2h0m0s added3h0m0s" {
			t.Errorf("ran %q", got)
		}
		if jobs := list(t, q); len(jobs) != 0 {
			t.Errorf("jobs %+v", jobs)
		}
	})
}

// A commit that failed after it was applied wakes nobody: its job runs all the same, soon.
func TestAddedByFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &kvtest.Faulty{Store: tempStore(t)}
		q := queue.New(s, queue.Options{})
		ran := make(chan string, 1)
		q.Handle("k", 1, func(_ context.Context, id string) error { ran <- id; return nil })
		start(t, q)
		synctest.Wait() // nothing is due, and the kind sleeps
		s.Choose(func(int) kvtest.Fault { return kvtest.Applied })
		err := s.Update(t.Context(), func(tx kv.Tx) error { return q.Add(tx, "k", "a", time.Time{}) })
		s.Choose(nil)
		if !errors.Is(err, kvtest.ErrFault) {
			t.Fatalf("Update = %v, want %v", err, kvtest.ErrFault)
		}
		select {
		case <-ran:
		case <-time.After(time.Minute):
			t.Error("the job did not run within a minute")
		}
	})
}
