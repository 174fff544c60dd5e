package kv_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// hold keeps the store busy with an update, and returns when it runs. The update
// ends when release is called, which waits for it.
func hold(t *testing.T, s *kv.Bolt) (release func()) {
	t.Helper()
	inside, end := make(chan bool), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := s.Update(t.Context(), func(tx kv.Tx) error {
			close(inside)
			<-end
			return tx.Put(kv.Key("hold"), nil)
		})
		if err != nil {
			t.Errorf("holding update = %v", err)
		}
	})
	<-inside
	return func() {
		close(end)
		wg.Wait()
	}
}

// queueUp starts n updates behind a held one and returns when all wait.
func queueUp(t *testing.T, s *kv.Bolt, n int, fn func(i int) error) (wait func()) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	for kv.Waiting(s) < n {
		runtime.Gosched()
	}
	return wg.Wait
}

// commits reads how many groups were committed, and how many updates were in them.
func commits(t *testing.T, reg *prometheus.Registry) (groups uint64, updates float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "whypfs_kv_group_size" {
			h := f.GetMetric()[0].GetHistogram()
			return h.GetSampleCount(), h.GetSampleSum()
		}
	}
	t.Fatal("no whypfs_kv_group_size")
	return 0, 0
}

func TestGroupCommit(t *testing.T) {
	tests := []struct {
		waiting, groups int
	}{
		{1, 1},
		{100, 1},
		{kv.MaxGroup + 10, 2},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.waiting), func(t *testing.T) {
			reg := prometheus.NewRegistry()
			s := openBolt(t, filepath.Join(t.TempDir(), "meta.db"), kv.BoltOptions{Metrics: reg})
			release := hold(t, s)
			wait := queueUp(t, s, test.waiting, func(i int) error {
				return s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(kv.Key(uint64(i)), nil) })
			})
			release()
			wait()
			groups, updates := commits(t, reg)
			// The held update was alone: it had begun when the others came.
			if int(groups) != 1+test.groups || int(updates) != 1+test.waiting {
				t.Errorf("%v updates in %d groups, want %d in %d", updates, groups, 1+test.waiting, 1+test.groups)
			}
		})
	}
}

// TestReadOnlyGroup expects nothing to be synced if nothing was written.
func TestReadOnlyGroup(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := openBolt(t, filepath.Join(t.TempDir(), "meta.db"), kv.BoltOptions{Metrics: reg})
	for _, fn := range []func(kv.Tx) error{
		func(tx kv.Tx) error { return tx.Delete(kv.Key("none")) },
		func(tx kv.Tx) error { tx.OnCommit(func() {}); return nil },
		func(tx kv.Tx) error { return errors.Join(tx.Put(kv.Key("a"), nil), errNo) },
	} {
		if err := s.Update(t.Context(), fn); err != nil && !errors.Is(err, errNo) {
			t.Error(err)
		}
	}
	if groups, _ := commits(t, reg); groups != 0 {
		t.Errorf("%d groups committed, want none", groups)
	}
}

var errNo = errors.New("no")

// TestCommitError fails the commit of a group. All members must get the error,
// also the one whose own function failed: it may have failed because of a row
// that now never was.
func TestCommitError(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		applied bool
		broken  bool
	}{
		{"disk full", fmt.Errorf("write: %w", syscall.ENOSPC), false, false},
		{"quota", fmt.Errorf("write: %w", syscall.EDQUOT), false, false},
		// A file system that copies on write finds room when it syncs: the new
		// meta page is in memory then, and perhaps not on the disk.
		{"disk full after the effect", fmt.Errorf("sync: %w", syscall.ENOSPC), true, true},
		{"i/o error", syscall.EIO, false, true},
		{"i/o error after the effect", syscall.EIO, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "meta.db")
			s := openBolt(t, path, kv.BoltOptions{})
			release := hold(t, s)
			wait := queueUp(t, s, 30, func(i int) error {
				err := s.Update(t.Context(), func(tx kv.Tx) error {
					tx.OnCommit(func() { t.Error("hook of a failed commit ran") })
					if i%3 == 0 {
						return errNo
					}
					return tx.Put(kv.Key("n", uint64(i)), nil)
				})
				if !errors.Is(err, test.err) {
					return fmt.Errorf("Update = %v, want %w", err, test.err)
				}
				return nil
			})
			first := true
			kv.FailCommits(s, func() (error, bool) {
				if first { // the holder's
					first = false
					return nil, false
				}
				return test.err, test.applied
			})
			release()
			wait()

			checkAfterFailure(t, s, test.err, test.broken)
			want := 0
			if test.applied {
				want = 20
			}
			if got := count(t, s, "n"); got != want {
				t.Errorf("%d rows readable, want %d", got, want)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openBolt(t, path, kv.BoltOptions{})
			if err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(kv.Key("after"), nil) }); err != nil {
				t.Errorf("Update after reopening = %v", err)
			}
		})
	}
}

// checkAfterFailure expects a store whose commit failed with err to take updates
// again, or to be broken and to say by what.
func checkAfterFailure(t *testing.T, s *kv.Bolt, err error, broken bool) {
	t.Helper()
	kv.FailCommits(s, func() (error, bool) { return nil, false })
	got := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(kv.Key("after"), nil) })
	if errors.Is(got, kv.ErrBroken) != broken || (got != nil) != broken {
		t.Errorf("Update afterwards = %v, broken: want %v", got, broken)
	}
	if broken && !errors.Is(got, err) {
		t.Errorf("Update afterwards = %v, does not name %v", got, err)
	}
}

func count(t testing.TB, s kv.Store, parts ...any) (n int) {
	t.Helper()
	err := s.View(background, func(tx kv.Tx) error {
		n = 0
		for _, err := range tx.Scan(kv.Range(parts...)) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFull fills a store of limited size. What is in it stays, and room can be
// made. Rows are small, as they should be: bolt writes the neighbours of a
// deleted row anew.
func TestFull(t *testing.T) {
	const chunk = 200
	s := openBolt(t, filepath.Join(t.TempDir(), "meta.db"), kv.BoltOptions{MaxBytes: 20 << 20})
	change := func(n int, fn func(tx kv.Tx, key []byte) error) error {
		return s.Update(t.Context(), func(tx kv.Tx) error {
			for i := range uint64(chunk) {
				if err := fn(tx, kv.Key("n", uint64(n), i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	put := func(tx kv.Tx, key []byte) error { return tx.Put(key, make([]byte, 1000)) }
	n := 0
	for ; n < 200; n++ {
		if err := change(n, put); err != nil {
			break
		}
	}
	if n == 0 || n == 200 {
		t.Fatalf("%d MB went into 20 MiB", n*chunk/1000)
	}
	if err := change(n, put); !errors.Is(err, kv.ErrFull) || errors.Is(err, kv.ErrBroken) {
		t.Errorf("Update of a full store = %v, want %v", err, kv.ErrFull)
	}
	if got := count(t, s, "n"); got != n*chunk {
		t.Errorf("%d rows, want %d", got, n*chunk)
	}
	for i := range n {
		if err := change(i, kv.Tx.Delete); err != nil {
			t.Fatalf("Delete in a full store = %v", err)
		}
	}
	if err := change(0, put); err != nil {
		t.Errorf("Update with room again = %v", err)
	}
}

// TestCancelWhileWaiting expects an update to be given up while another one holds
// the store, and not once it has begun itself.
func TestCancelWhileWaiting(t *testing.T) {
	s := openBolt(t, filepath.Join(t.TempDir(), "meta.db"), kv.BoltOptions{})
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() {
		answer <- s.Update(ctx, func(tx kv.Tx) error { return tx.Put(kv.Key("given up"), nil) })
	}()
	for kv.Waiting(s) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want %v", err, context.Canceled)
	}
	release()

	ctx, cancel = context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx kv.Tx) error {
		cancel()
		return tx.Put(kv.Key("too late"), nil)
	})
	if err != nil {
		t.Errorf("Update canceled when it had begun = %v", err)
	}
	if count(t, s, "given up") != 0 || count(t, s, "too late") != 1 {
		t.Error("the wrong rows are there")
	}
}

// TestScanCanceled expects a long read to end with its context.
func TestScanCanceled(t *testing.T) {
	s := openBolt(t, filepath.Join(t.TempDir(), "meta.db"), kv.BoltOptions{})
	const n = 2000
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		for i := range uint64(n) {
			if err := tx.Put(kv.Key(i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err = s.View(ctx, func(tx kv.Tx) error {
		for _, err := range tx.Scan(nil, nil) {
			if err != nil {
				return err
			}
			cancel()
			seen++
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || seen == n {
		t.Errorf("View = %v after %d rows", err, seen)
	}
}
