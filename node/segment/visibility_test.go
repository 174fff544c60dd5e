package segment

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/multiformats/go-multihash"
)

// Several users, each with blocks of its own, store, hide and publish them while
// sweeps run: what each did last is so, at once and after the next open.
func TestConcurrentVisibility(t *testing.T) {
	dir := t.TempDir()
	opt := Options{SegmentSize: 8 << 10, checkpoint: 2000, openIndexes: 3}
	s, err := Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	const users, each = 4, 25
	var seen [users][each]bool
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(u), 8))
			for i := range each {
				seen[u][i] = i%2 == 0
				if err := put(s, i%2 != 0, testBlock(t, u*each+i)); err != nil {
					t.Error(err)
				}
			}
			for range 150 {
				i := r.IntN(each)
				x, b := testBlock(t, u*each+i), s.Batch(false)
				seen[u][i] = r.IntN(2) == 0
				err := b.Hide(context.Background(), x.cid)
				if seen[u][i] && r.IntN(2) == 0 {
					err = b.Publish(context.Background(), x.cid)
				} else if seen[u][i] {
					err = b.Put(context.Background(), x.cid, x.data)
				}
				if err := errors.Join(err, b.Sync(context.Background())); err != nil {
					t.Error(err)
				}
				for i := range each {
					if _, ok := s.Has(testBlock(t, u*each+i).cid, true); ok != seen[u][i] {
						t.Errorf("block %d of user %d is public: %v, want %v", i, u, ok, seen[u][i])
					}
				}
			}
		})
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
			for i := range each {
				x := testBlock(t, u*each+i)
				check(t, s, false, x)
				if _, ok := s.Has(x.cid, true); ok != seen[u][i] {
					t.Errorf("block %d of user %d is public: %v, want %v", i, u, ok, seen[u][i])
				}
			}
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
