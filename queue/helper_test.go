package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/rowcode"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

var errNo = errors.New("no")

// newStore returns a store that is closed and checked when the test ends.
func newStore(t testing.TB, path string) kv.Store {
	t.Helper()
	s, err := kv.OpenBolt(t.Context(), path, kv.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.(*kv.Bolt).Check(context.Background()); err != nil && !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Check = %v", err)
		}
		checkRows(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func tempStore(t testing.TB) kv.Store { return newStore(t, filepath.Join(t.TempDir(), "meta.db")) }

// checkRows expects each job to have exactly one row in the index, at its due time.
func checkRows(t testing.TB, s kv.Store) {
	t.Helper()
	type jobID struct{ kind, id string }
	jobs, index := map[jobID]time.Time{}, map[jobID]time.Time{}
	err := s.View(context.Background(), func(tx kv.Tx) error {
		for r, err := range tx.Scan(kv.Range("queue", "job")) {
			if err != nil {
				return err
			}
			var j jobID
			if err := kv.Unkey(r.Key, nil, nil, &j.kind, &j.id); err != nil {
				return err
			}
			row := rowcode.NewReader(r.Value, 2)
			if jobs[j] = row.Time(); jobs[j].IsZero() {
				t.Errorf("job %v: %v", j, row.Err())
			}
		}
		for r, err := range tx.Scan(kv.Range("queue", "due")) {
			if err != nil {
				return err
			}
			var j jobID
			var at uint64
			if err := kv.Unkey(r.Key, nil, nil, &j.kind, &at, &j.id); err != nil {
				return err
			}
			if _, ok := index[j]; ok {
				t.Errorf("two index rows of job %v", j)
			}
			index[j] = time.Unix(0, int64(at))
		}
		return nil
	})
	if errors.Is(err, kv.ErrClosed) {
		return
	}
	if err != nil {
		t.Error(err)
	}
	if len(jobs) != len(index) {
		t.Errorf("%d jobs, %d index rows", len(jobs), len(index))
	}
	for j, due := range jobs {
		if at, ok := index[j]; !ok || !at.Equal(due) {
			t.Errorf("job %v is due at %v, in the index at %v", j, due, at)
		}
	}
}

// start runs a queue until stop is called or the test ends.
func start(t testing.TB, q *queue.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := q.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func add(t testing.TB, s kv.Store, q *queue.Queue, kind, id string, due time.Time) {
	t.Helper()
	err := s.Update(t.Context(), func(tx kv.Tx) error { return q.Add(tx, kind, id, due) })
	if err != nil {
		t.Fatalf("Add(%s, %s) = %v", kind, id, err)
	}
}

// only returns the one job there is.
func only(t testing.TB, q *queue.Queue) queue.Job {
	t.Helper()
	jobs := list(t, q)
	if len(jobs) != 1 {
		t.Fatalf("List = %+v, want one job", jobs)
	}
	return jobs[0]
}

func list(t testing.TB, q *queue.Queue) []queue.Job {
	t.Helper()
	jobs, err := q.List(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// waitEmpty waits until there is no job: until each has succeeded.
func waitEmpty(t testing.TB, q *queue.Queue) {
	t.Helper()
	for len(list(t, q)) > 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("jobs are left")
		case <-time.After(time.Millisecond):
		}
	}
}

// waitFor waits until ok. It polls only because what it waits for is another
// program's view of the store, which has no event.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-t.Context().Done():
			t.Fatal("waited in vain")
		case <-time.After(time.Millisecond):
		}
	}
}

// notes is what handlers tell a test.
type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) add(args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, fmt.Sprint(args...))
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.all, " ")
}

// logs collects what is logged.
type logs struct {
	mu      sync.Mutex
	records []slog.Record
}

func (l *logs) Enabled(context.Context, slog.Level) bool { return true }
func (l *logs) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logs) WithGroup(string) slog.Handler            { return l }

func (l *logs) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
	return nil
}

// find returns an attribute of the first record with a message.
func (l *logs) find(message, key string) (value string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r.Message != message {
			continue
		}
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == key {
				value, ok = a.Value.String(), true
			}
			return !ok
		})
	}
	return value, ok
}
