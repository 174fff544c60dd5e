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
	"github.com/whypfs/whypfs/queue"
)

// The tests of this file run in a bubble where time is false: it jumps to the
// next timer when everybody sleeps.

func TestDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		q := queue.New(s, queue.Options{})
		began := time.Now()
		var ran notes
		q.Handle("k", 1, func(_ context.Context, id string) error {
			ran.add(id, time.Since(began))
			return nil
		})
		add(t, s, q, "k", "b", began.Add(2*time.Hour)) // before Run
		start(t, q)
		add(t, s, q, "k", "c", began.Add(3*time.Hour))
		add(t, s, q, "k", "a", time.Time{})
		add(t, s, q, "k", "d", began.Add(24*365*time.Hour))
		synctest.Wait()
		if got := ran.String(); got != "a0s" {
			t.Errorf("ran %q, want the job without a due time", got)
		}
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		if got := ran.String(); got != "a0s b2h0m0s c3h0m0s" {
			t.Errorf("ran %q, want each at its due time", got)
		}
		if j := only(t, q); j.ID != "d" || !j.Added.Equal(began) {
			t.Errorf("job %+v, want d", j)
		}
	})
}

func TestAddAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		q := queue.New(s, queue.Options{})
		began := time.Now()
		var ran notes
		q.Handle("k", 1, func(context.Context, string) error {
			ran.add(time.Since(began))
			return nil
		})
		start(t, q)
		for _, due := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour} {
			add(t, s, q, "k", "a", began.Add(due))
		}
		if j := only(t, q); !j.Due.Equal(began.Add(time.Hour)) {
			t.Errorf("due in %v, want the earliest time it was added with", j.Due.Sub(began))
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := ran.String(); got != "1h0m0s" {
			t.Errorf("ran at %q, want once after an hour", got)
		}
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		const lo, hi = time.Second, time.Minute
		q := queue.New(s, queue.Options{MinBack: lo, MaxBack: hi})
		var tries atomic.Int32
		q.Handle("k", 1, func(context.Context, string) error {
			n := tries.Add(1)
			if n > 12 {
				return nil
			}
			return fmt.Errorf("try %d: %w", n, errNo)
		})
		start(t, q)
		add(t, s, q, "k", "a", time.Time{})
		for n := 1; n <= 12; n++ {
			synctest.Wait()
			j := only(t, q)
			wait := time.Until(j.Due)
			if j.Tries != n || j.Reason != fmt.Sprintf("try %d: no", n) || j.Running {
				t.Errorf("after failure %d: %+v", n, j)
			}
			if largest := min(hi, lo<<n); wait < lo || wait > largest || wait < largest/2 {
				t.Errorf("wait %d = %v, want %v to %v", n, wait, max(lo, largest/2), largest)
			}
			time.Sleep(wait)
		}
		synctest.Wait()
		if jobs := list(t, q); len(jobs) != 0 || tries.Load() != 13 {
			t.Errorf("%d tries, jobs %+v", tries.Load(), jobs)
		}
	})
}

func TestLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		q := queue.New(s, queue.Options{MinBack: time.Second})
		began := time.Now()
		answers := []error{
			errNo,
			fmt.Errorf("wrapped: %w", queue.Later(began.Add(time.Hour), "waiting for 3 GiB more")),
			queue.Later(time.Time{}, "no time given"),
			nil,
		}
		var runs atomic.Int32
		q.Handle("k", 1, func(context.Context, string) error { return answers[runs.Add(1)-1] })
		start(t, q)
		add(t, s, q, "k", "a", time.Time{})
		time.Sleep(time.Minute)
		j := only(t, q)
		if !j.Due.Equal(began.Add(time.Hour)) || j.Reason != "waiting for 3 GiB more" || j.Tries != 0 {
			t.Errorf("job %+v, want one that waits an hour, its failure forgotten", j)
		}
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if j := only(t, q); !j.Due.Equal(began.Add(time.Hour + time.Second)) {
			t.Errorf("job %+v, want one that waits the first back-off", j)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if jobs := list(t, q); len(jobs) != 0 || runs.Load() != 4 {
			t.Errorf("%d runs, jobs %+v", runs.Load(), jobs)
		}
	})
}

// TestAddWhileRunning adds a running job several times: it runs once more, and
// not before it has ended.
func TestAddWhileRunning(t *testing.T) {
	tests := []struct {
		name   string
		answer error         // of the first run
		due    time.Duration // asked for during it
		want   time.Duration // of the second run, after the first
	}{
		{"success", nil, 0, 0},
		{"success, asked for later", nil, time.Hour, time.Hour},
		{"failure", errNo, 0, 0},
		{"failure, back-off is earlier", errNo, time.Hour, time.Minute},
		{"wait", queue.Later(time.Now().Add(100*365*24*time.Hour), "far away"), 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tempStore(t)
				q := queue.New(s, queue.Options{MinBack: time.Minute, MaxBack: time.Minute})
				var runs atomic.Int32
				var ran notes
				var ended time.Time
				finish := make(chan bool)
				q.Handle("k", 4, func(context.Context, string) error {
					if runs.Add(1) == 1 {
						<-finish
						return test.answer
					}
					ran.add(time.Since(ended))
					return nil
				})
				start(t, q)
				add(t, s, q, "k", "a", time.Time{})
				synctest.Wait()
				for range 3 {
					due := time.Time{}
					if test.due > 0 {
						due = time.Now().Add(test.due)
					}
					add(t, s, q, "k", "a", due)
				}
				synctest.Wait()
				if j := only(t, q); !j.Running || runs.Load() != 1 {
					t.Errorf("job %+v, %d runs before the end of the first", j, runs.Load())
				}
				ended = time.Now()
				close(finish)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				if got := ran.String(); got != test.want.String() {
					t.Errorf("ran again after %q, want once after %v", got, test.want)
				}
			})
		})
	}
}

func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		q := queue.New(s, queue.Options{})
		var ran notes
		handle := func(_ context.Context, id string) error { ran.add(id); return nil }
		q.Handle("k", 1, handle)
		q.Handle("other", 1, handle)
		start(t, q)
		later := time.Now().Add(time.Hour)
		for _, id := range []string{"a", "b", "c"} {
			add(t, s, q, "k", id, later)
		}
		add(t, s, q, "other", "d", later)
		steps := []struct {
			kind string
			ids  []string
			want string
		}{
			{"k", []string{"b", "unknown"}, "b"},
			{"none", nil, "b"},
			{"k", nil, "b a c"},
			{"k", nil, "b a c"},
			{"other", []string{"d"}, "b a c d"},
		}
		for _, step := range steps {
			if err := q.Wake(t.Context(), step.kind, step.ids...); err != nil {
				t.Errorf("Wake(%s, %q) = %v", step.kind, step.ids, err)
			}
			synctest.Wait()
			if got := ran.String(); got != step.want {
				t.Errorf("after Wake(%s, %q) ran %q, want %q", step.kind, step.ids, got, step.want)
			}
		}
		if jobs := list(t, q); len(jobs) != 0 {
			t.Errorf("jobs %+v, want none", jobs)
		}
	})
}

// TestWakeAll wakes more jobs than one transaction takes.
func TestWakeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1203
		s := tempStore(t)
		q := queue.New(s, queue.Options{})
		var runs atomic.Int32
		q.Handle("k", 4, func(context.Context, string) error { runs.Add(1); return nil })
		later := time.Now().Add(time.Hour)
		err := s.Update(t.Context(), func(tx kv.Tx) error {
			for i := range n {
				if err := q.Add(tx, "k", fmt.Sprint(i), later); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Wake(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		for _, j := range list(t, q) {
			if j.Due.After(time.Now()) {
				t.Fatalf("job %+v is not due", j)
			}
		}
		start(t, q)
		synctest.Wait()
		if jobs := list(t, q); runs.Load() != n || len(jobs) != 0 {
			t.Errorf("%d runs, %d jobs are left, want %d and none", runs.Load(), len(jobs), n)
		}
	})
}

// TestWakeWhileRunning wakes a job that has already looked at the world, and
// decides to wait: it must look again. If it decides to end, it is not needed.
func TestWakeWhileRunning(t *testing.T) {
	for _, answer := range []error{nil, errNo, queue.Later(time.Now().Add(24*365*100*time.Hour), "nothing to do")} {
		t.Run(fmt.Sprint(answer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tempStore(t)
				q := queue.New(s, queue.Options{MinBack: time.Hour})
				finish := make(chan bool)
				var runs atomic.Int32
				q.Handle("k", 1, func(context.Context, string) error {
					if runs.Add(1) > 1 {
						return nil
					}
					<-finish
					return answer
				})
				start(t, q)
				add(t, s, q, "k", "a", time.Time{})
				synctest.Wait()
				if err := q.Wake(t.Context(), "k"); err != nil {
					t.Errorf("Wake = %v", err)
				}
				close(finish)
				synctest.Wait()
				want := int32(2)
				if answer == nil {
					want = 1
				}
				if jobs := list(t, q); runs.Load() != want || len(jobs) != 0 {
					t.Errorf("%d runs, want %d; jobs %+v", runs.Load(), want, jobs)
				}
			})
		})
	}
}

func TestRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		q := queue.New(s, queue.Options{})
		finish := make(chan bool)
		var runs atomic.Int32
		q.Handle("k", 2, func(context.Context, string) error {
			runs.Add(1)
			<-finish
			return errNo
		})
		start(t, q)
		add(t, s, q, "k", "running", time.Time{})
		add(t, s, q, "k", "waiting", time.Now().Add(time.Hour))
		synctest.Wait()
		err := s.Update(t.Context(), func(tx kv.Tx) error {
			return errors.Join(q.Remove(tx, "k", "running"), q.Remove(tx, "k", "waiting"), q.Remove(tx, "k", "unknown"))
		})
		if err != nil {
			t.Errorf("Remove = %v", err)
		}
		close(finish)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if jobs := list(t, q); runs.Load() != 1 || len(jobs) != 0 {
			t.Errorf("%d runs, jobs %+v", runs.Load(), jobs)
		}
		if _, err := q.Job(t.Context(), "k", "running"); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("Job = %v, want %v", err, kv.ErrNotFound)
		}
	})
}

// TestFarDue schedules times that an index of nanoseconds cannot hold.
func TestFarDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		q := queue.New(s, queue.Options{})
		var ran notes
		q.Handle("k", 1, func(_ context.Context, id string) error { ran.add(id); return nil })
		start(t, q)
		add(t, s, q, "k", "future", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		add(t, s, q, "k", "past", time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC))
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := ran.String(); got != "past" {
			t.Errorf("ran %q, want the past one", got)
		}
		// The index holds another time than the row; leave nothing to compare.
		err := s.Update(t.Context(), func(tx kv.Tx) error { return q.Remove(tx, "k", "future") })
		if err != nil {
			t.Error(err)
		}
	})
}
