package blockstest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

func liveOnly(bs ...block) blocks.Live {
	all := map[string]bool{}
	for _, b := range bs {
		all[string(b.cid.Hash())] = true
	}
	return func(mh multihash.Multihash) bool { return all[string(mh)] }
}

func mustSweep(t testing.TB, st blocks.Store, live ...block) blocks.Swept {
	t.Helper()
	got, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) { return liveOnly(live...), nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (s suite) sweep(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	public, private := some(t, 0, 20), some(t, 20, 40)
	mustPut(t, st, false, public...)
	mustPut(t, st, true, private...)
	if got := mustSweep(t, st, append(some(t, 0, 40), numbered(t, 1000))...); got != (blocks.Swept{Kept: 40}) {
		t.Errorf("sweep of live blocks = %+v, want 40 kept", got)
	}
	before := st.Usage()
	live := append(some(t, 0, 7), some(t, 20, 27)...)
	if got := mustSweep(t, st, live...); got.Blocks != 26 || got.Kept != 14 {
		t.Errorf("sweep = %+v, want 26 removed and 14 kept", got)
	}
	for _, st := range []blocks.Store{st, s.new(t, killed(t, dir), Options{})} {
		check(t, st, true, public[:7]...)
		check(t, st, false, private[:7]...)
		checkAbsent(t, st, true, private...)
		checkAbsent(t, st, false, public[7:]...)
		checkAbsent(t, st, false, private[7:]...)
		if u := st.Usage(); u.Blocks != 14 || u.Bytes >= before.Bytes {
			t.Errorf("Usage() = %+v, was %+v; want 14 blocks", u, before)
		}
	}
	mustPut(t, st, false, public...)
	check(t, st, true, public...)
	if got := mustSweep(t, st); got.Blocks != 27 || got.Kept != 0 {
		t.Errorf("sweep = %+v, want 27 removed", got)
	}
	if u := st.Usage(); u.Blocks != 0 || u.Bytes != 0 {
		t.Errorf("Usage() = %+v after everything was swept", u)
	}
}

func (s suite) sweepWaitsForLeases(t *testing.T) {
	st := s.new(t, t.TempDir(), Options{})
	b := numbered(t, 1)
	mustPut(t, st, false, b)
	early := st.Lease()
	mustPut(t, st, false, b) // counts on the copy that is here

	// As long as the lease is held the sweep waits, until its ctx ends.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := st.Sweep(ctx, func(context.Context) (blocks.Live, error) {
		t.Error("the sweep asked for what is live while an earlier lease was held")
		return liveOnly(), nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Sweep = %v, want %v", err, context.DeadlineExceeded)
	}

	var released atomic.Bool
	swept := make(chan error)
	go func() {
		_, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) {
			if !released.Load() {
				t.Error("the sweep asked for what is live before the lease ended")
			}
			late := st.Lease() // does not hold it up
			t.Cleanup(late.Release)
			return liveOnly(b), nil
		})
		swept <- err
	}()
	released.Store(true)
	early.Release()
	early.Release()
	if err := <-swept; err != nil {
		t.Fatal(err)
	}
	check(t, st, true, b)
}

// A block that is dead to the sweep, but stored again while it runs, stays.
func (s suite) storedDuringSweep(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	a, b, c, dead := numbered(t, 1), numbered(t, 2), numbered(t, 3), numbered(t, 4)
	mustPut(t, st, false, a, b, dead)
	mustPut(t, st, true, c)
	_, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) {
		l := st.Lease()
		defer l.Release()
		batch := st.Batch(false)
		if !batch.Has(b.cid) { // else it counts on it
			mustPut(t, st, false, b)
		}
		if err := batch.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		return liveOnly(), put(st, false, a, c)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []blocks.Store{st, s.new(t, killed(t, dir), Options{})} {
		check(t, st, true, a, b, c)
		checkAbsent(t, st, false, dead)
	}
}

// An upload that begins during the sweep may count on a block that it finds.
func (s suite) foundDuringSweep(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	found, dead := numbered(t, 1), numbered(t, 2)
	mustPut(t, st, true, found, dead)
	_, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) {
		if _, ok := st.Find(t.Context(), found.cid); !ok {
			t.Error("Find does not see a block that is here")
		}
		return liveOnly(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []blocks.Store{st, s.new(t, killed(t, dir), Options{})} {
		check(t, st, false, found)
		checkAbsent(t, st, false, dead)
	}
	mustSweep(t, st) // it counts for one sweep only
	checkAbsent(t, st, false, found)
}

// A sweep that cannot learn what is live removes nothing.
func (s suite) sweepFails(t *testing.T) {
	st := s.new(t, t.TempDir(), Options{})
	b := numbered(t, 1)
	mustPut(t, st, false, b)
	down := errors.New("metadata is down")
	if _, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) { return nil, down }); !errors.Is(err, down) {
		t.Errorf("Sweep = %v, want %v", err, down)
	}
	check(t, st, true, b)
	mustPut(t, st, false, b)
	mustSweep(t, st, b)
	check(t, st, true, b)
}
