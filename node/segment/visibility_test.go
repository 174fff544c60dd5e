package segment

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/multiformats/go-multihash"
)

// The users of TestConcurrentVisibility, and how many blocks each has.
const users, each = 4, 25

// hideAndPublish is what one user does; seen says which of its blocks are public.
func hideAndPublish(t *testing.T, s *Store, u int, seen *[each]bool) {
	r := rand.New(rand.NewPCG(uint64(u), 8))
	for i := range each {
		seen[i] = i%2 == 0
		if err := put(s, i%2 != 0, testBlock(t, u*each+i)); err != nil {
			t.Error(err)
		}
	}
	for range 150 {
		i := r.IntN(each)
		x, b := testBlock(t, u*each+i), s.Batch(false)
		seen[i] = r.IntN(2) == 0
		err := b.Hide(context.Background(), x.cid)
		if seen[i] && r.IntN(2) == 0 {
			err = errors.Join(err, b.Publish(context.Background(), x.cid))
		} else if seen[i] {
			err = errors.Join(err, b.Put(context.Background(), x.cid, x.data))
		}
		if err := errors.Join(err, b.Sync(context.Background())); err != nil {
			t.Error(err)
		}
		checkOwn(t, s, u, seen)
	}
}

func checkOwn(t *testing.T, s *Store, u int, seen *[each]bool) {
	for i := range each {
		if _, ok := s.Has(testBlock(t, u*each+i).cid, true); ok != seen[i] {
			t.Errorf("block %d of user %d is public: %v, want %v", i, u, ok, seen[i])
		}
	}
}

// Several users, each with blocks of its own, store, hide and publish them while
// sweeps run: what each did last is so, at once and after the next open.
func TestConcurrentVisibility(t *testing.T) {
	dir := t.TempDir()
	opt := Options{SegmentSize: 8 << 10, checkpoint: 2000, openIndexes: 3}
	s, err := Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	var seen [users][each]bool
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() { hideAndPublish(t, s, u, &seen[u]) })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	r := rand.New(rand.NewPCG(9, 9))
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
		}
		// Other blocks come and go, so that segments are rewritten.
		mustPut(t, s, false, testBlock(t, 1000+r.IntN(1000)), testBlock(t, 1000+r.IntN(1000)))
		live := map[int]bool{}
		for i := range users * each {
			live[i] = true
		}
		sweep(t, s, liveBlocks(t, live))
	}
	for range 2 {
		for u := range users {
			checkOwn(t, s, u, &seen[u])
			check(t, s, false, someBlocks(t, u*each, (u+1)*each)...)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(t.Context(), dir, opt); err != nil {
			t.Fatal(err)
		}
	}
	// Verdicts that nothing contradicts go with the blocks.
	for range 3 { // a verdict goes a sweep after what contradicted it
		sweep(t, s, func(multihash.Multihash) bool { return false })
	}
	if u := s.Usage(); u.Disk > 0 || len(s.verdicts.last) > 0 {
		t.Errorf("Usage() = %+v and %d verdicts after everything was swept", u, len(s.verdicts.last))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// judgeSome hides or publishes some blocks, those that are here and others.
func judgeSome(t *testing.T, s *Store, r *rand.Rand, public, private, exposed map[int]bool) {
	t.Helper()
	b, hide, ids := s.Batch(r.IntN(2) == 0), r.IntN(2) == 0, []int{}
	for range 1 + r.IntN(5) {
		i := r.IntN(60)
		x := testBlock(t, i)
		var err error
		if !hide {
			err = b.Publish(t.Context(), x.cid)
		} else {
			err = b.Hide(t.Context(), x.cid)
			if _, ok := s.Has(x.cid, true); ok {
				t.Errorf("block %d was hidden and is public", i)
			}
			if public[i] { // it is not known to be, until the batch is synced
				delete(public, i)
				private[i] = true
			}
		}
		if err != nil && !(errors.Is(err, ErrNotFound) && !public[i] && !private[i]) {
			t.Errorf("block %d: %v", i, err)
		}
		if err == nil {
			exposed[i] = exposed[i] || !hide
			ids = append(ids, i)
		}
	}
	if r.IntN(4) == 0 {
		return // nobody waits for it
	}
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, i := range ids {
		switch {
		case hide:
			delete(exposed, i)
		case public[i] || private[i]:
			public[i] = true
		}
	}
}
