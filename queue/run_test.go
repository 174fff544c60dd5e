package queue_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// TestWorkers expects a kind to have as many runs at once as it has workers, and
// a kind whose workers are all busy not to hold up another.
func TestWorkers(t *testing.T) {
	s := tempStore(t)
	q := queue.New(s, queue.Options{})
	inside, release := make(chan string), make(chan bool)
	var running, most atomic.Int32
	q.Handle("slow", 3, func(ctx context.Context, id string) error {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		inside <- id
		<-release
		return nil
	})
	quick := make(chan string)
	q.Handle("quick", 1, func(_ context.Context, id string) error { quick <- id; return nil })
	start(t, q)
	for i := range 10 {
		add(t, s, q, "slow", fmt.Sprint(i), time.Time{})
	}
	for range 3 {
		<-inside
	}
	for i := range 5 {
		add(t, s, q, "quick", fmt.Sprint(i), time.Time{})
		if got := <-quick; got != fmt.Sprint(i) {
			t.Errorf("quick job %s ran, want %d", got, i)
		}
	}
	jobs, err := q.List(t.Context(), "slow")
	if err != nil || len(jobs) != 10 {
		t.Errorf("%d slow jobs, %v, want 10", len(jobs), err)
	}
	if n := len(slices.DeleteFunc(jobs, func(j queue.Job) bool { return !j.Running })); n != 3 {
		t.Errorf("%d slow jobs are running, want 3", n)
	}
	close(release)
	for range 7 {
		<-inside
	}
	waitEmpty(t, q)
	if most.Load() != 3 {
		t.Errorf("%d ran at once, want 3", most.Load())
	}
}

// TestStop expects Run to cancel its handlers and to wait for them; what they did
// not finish is done after a restart and is not counted as a failure.
func TestStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s := newStore(t, path)
	q := queue.New(s, queue.Options{})
	inside := make(chan bool, 3)
	var returned atomic.Int32
	handle := func(result error) queue.Handler {
		return func(ctx context.Context, id string) error {
			inside <- true
			<-ctx.Done()
			returned.Add(1)
			if result == nil {
				return nil
			}
			return errors.Join(result, ctx.Err())
		}
	}
	q.Handle("gives up", 1, handle(errNo))
	q.Handle("finishes", 1, handle(nil))
	q.Handle("waits", 1, handle(queue.Later(time.Now().Add(time.Hour), "an hour")))
	stop := start(t, q)
	for _, kind := range q.Kinds() {
		add(t, s, q, kind, "x", time.Time{})
	}
	for range 3 {
		<-inside
	}
	stop()
	if returned.Load() != 3 {
		t.Errorf("%d handlers returned before Run, want 3", returned.Load())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = newStore(t, path)
	q = queue.New(s, queue.Options{})
	jobs := list(t, q)
	if len(jobs) != 2 || jobs[0].Kind != "gives up" || jobs[0].Tries != 0 || jobs[0].Due.After(time.Now()) || jobs[1].Reason == "" {
		t.Errorf("jobs %+v, want the one that gave up, due, and the one that waits", jobs)
	}
	again := make(chan string)
	q.Handle("gives up", 1, func(_ context.Context, id string) error { again <- id; return nil })
	start(t, q)
	<-again
}

// TestRestart reopens a store with jobs in every state.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s := newStore(t, path)
	q := queue.New(s, queue.Options{MinBack: time.Hour})
	failed := make(chan bool)
	q.Handle("fails", 1, func(context.Context, string) error { defer close(failed); return errNo })
	stop := start(t, q)
	soon := time.Now().Add(time.Hour)
	add(t, s, q, "fails", "x", time.Time{})
	add(t, s, q, "no handler yet", "x", time.Time{})
	add(t, s, q, "due later", "x", soon)
	<-failed
	stop()
	before := list(t, q)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = newStore(t, path)
	q = queue.New(s, queue.Options{})
	if after := list(t, q); !slices.Equal(after, before) || len(after) != 3 {
		t.Errorf("jobs after a restart:\n%+v\nbefore:\n%+v", after, before)
	}
	ran := make(chan string, 3)
	for _, j := range before {
		q.Handle(j.Kind, 1, func(context.Context, string) error { ran <- j.Kind; return nil })
	}
	start(t, q)
	if got := <-ran; got != "no handler yet" {
		t.Errorf("%q ran first", got)
	}
	for _, kind := range []string{"fails", "due later"} {
		if err := q.Wake(t.Context(), kind); err != nil {
			t.Error(err)
		}
		if got := <-ran; got != kind {
			t.Errorf("%q ran, want %q", got, kind)
		}
	}
	waitEmpty(t, q)
}

// TestFailedAdd expects nothing of a transaction that was not committed.
func TestFailedAdd(t *testing.T) {
	s := tempStore(t)
	q := queue.New(s, queue.Options{})
	q.Handle("k", 1, func(_ context.Context, id string) error {
		if id != "good" {
			t.Errorf("job %q ran", id)
		}
		return nil
	})
	start(t, q)
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(q.Add(tx, "k", "bad", time.Time{}), errNo)
	})
	if !errors.Is(err, errNo) {
		t.Errorf("Update = %v", err)
	}
	add(t, s, q, "k", "good", time.Time{})
	waitEmpty(t, q)
}

// TestEveryAddIsSeen adds jobs from many sides while they run, fail and restart.
// Each Add makes a run that begins after it, no two runs of a job overlap.
func TestEveryAddIsSeen(t *testing.T) {
	const ids, adders, times, restarts = 5, 4, 60, 4
	s := tempStore(t)
	var seen [ids]atomic.Int64 // the version that the last successful run began with
	var busy [ids]atomic.Bool
	newQueue := func() *queue.Queue {
		q := queue.New(s, queue.Options{MinBack: time.Microsecond, MaxBack: time.Millisecond})
		q.Handle("k", 3, func(ctx context.Context, id string) error {
			i := int(id[0] - '0')
			if !busy[i].CompareAndSwap(false, true) {
				t.Errorf("job %s runs twice at once", id)
			}
			defer busy[i].Store(false)
			v, err := version(s, id)
			switch {
			case err != nil:
				return err
			case rand.IntN(4) == 0:
				return errNo
			case rand.IntN(4) == 0:
				return queue.Later(time.Now().Add(time.Millisecond), "a little")
			}
			seen[i].Store(v)
			return nil
		})
		return q
	}
	var current atomic.Pointer[queue.Queue]
	current.Store(newQueue())
	stop := start(t, current.Load())
	var wg sync.WaitGroup
	for range adders {
		wg.Go(func() {
			for range times {
				id := string(rune('0' + rand.IntN(ids)))
				if err := addVersion(t.Context(), s, current.Load(), id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range restarts {
		stop()
		q := newQueue()
		current.Store(q)
		stop = start(t, q)
	}
	wg.Wait()
	// An Add may have told the queue before the last, which has ended.
	if err := current.Load().Wake(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	waitEmpty(t, current.Load())
	for i := range ids {
		v, err := version(s, string(rune('0'+i)))
		if err != nil || seen[i].Load() != v {
			t.Errorf("job %d saw version %d, %v, want %d", i, seen[i].Load(), err, v)
		}
	}
}

// addVersion changes what a job works on and adds the job.
func addVersion(ctx context.Context, s kv.Store, q *queue.Queue, id string) error {
	return s.Update(ctx, func(tx kv.Tx) error {
		v, err := kv.GetJSON[int64](tx, kv.Key("version", id))
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		return errors.Join(kv.PutJSON(tx, kv.Key("version", id), v+1), q.Add(tx, "k", id, time.Time{}))
	})
}

func version(s kv.Store, id string) (v int64, err error) {
	err = s.View(context.Background(), func(tx kv.Tx) (err error) {
		v, err = kv.GetJSON[int64](tx, kv.Key("version", id))
		return err
	})
	return v, err
}

// TestManyJobs expects the number of waiting jobs not to matter to who looks for
// the next one.
func TestManyJobs(t *testing.T) {
	const n, chunk = 20_000, 1000
	s := &countingReads{Store: tempStore(t)}
	q := queue.New(s, queue.Options{})
	ran := make(chan string, 10)
	q.Handle("k", 4, func(_ context.Context, id string) error { ran <- id; return nil })
	soon := time.Now().Add(time.Hour)
	for from := 0; from < n; from += chunk {
		err := s.Update(t.Context(), func(tx kv.Tx) error {
			for i := range chunk {
				if err := q.Add(tx, "k", fmt.Sprint(from+i), soon); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	start(t, q)
	for i := range 10 {
		add(t, s.Store, q, "k", fmt.Sprint("now ", i), time.Time{})
		<-ran
	}
	if rows := s.rows.Load(); rows > n+1000 { // a start looks once whether all are from the past
		t.Errorf("%d rows were read to find 10 of %d jobs", rows, n)
	}
	if jobs, err := q.List(t.Context(), "k"); err != nil || len(jobs) < n {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}

// countingReads counts the rows that scans of Views yield.
type countingReads struct {
	kv.Store
	rows atomic.Int64
}

func (c *countingReads) View(ctx context.Context, fn func(kv.Tx) error) error {
	return c.Store.View(ctx, func(tx kv.Tx) error { return fn(countingTx{tx, c}) })
}

type countingTx struct {
	kv.Tx
	c *countingReads
}

func (t countingTx) Scan(from, to []byte) iter.Seq2[kv.Row, error] {
	return func(yield func(kv.Row, error) bool) {
		for r, err := range t.Tx.Scan(from, to) {
			t.c.rows.Add(1)
			if !yield(r, err) {
				return
			}
		}
	}
}
