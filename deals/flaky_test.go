package deals_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/kv"
)

var errFlaky = errors.New("the store failed")

// flaky is a store whose writes fail, before or after they took effect.
type flaky struct {
	kv.Store
	writes atomic.Int64
	fails  func(n int64) (fail, applied bool)
}

func (s *flaky) Update(ctx context.Context, fn func(kv.Tx) error) error {
	fail, applied := s.fails(s.writes.Add(1))
	if fail && !applied {
		return errFlaky
	}
	if err := s.Store.Update(ctx, fn); err != nil {
		return err
	}
	if fail {
		return errFlaky
	}
	return nil
}

// Packing may break off at any write, and ends with the same pieces.
func TestPackOverFailures(t *testing.T) {
	w := newWorld(t, deals.Options{})
	req := deals.PackRequest{Zone: 1, MaxPiece: 1 << 20}
	for i := range uint64(4) {
		req.Members = append(req.Members, w.add(i+1, random(300<<10, i)))
	}
	want := w.pack(req)
	if len(want) < 2 {
		t.Fatalf("%d pieces: nothing to mix up", len(want))
	}
	if err := w.deals.Forget(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, applied := range []bool{false, true} {
		done := false
		for at := int64(1); !done; at++ {
			w.over(&flaky{Store: w.store, fails: func(n int64) (bool, bool) { return n == at, applied }})
			got, err := w.deals.Pack(t.Context(), req)
			done = err == nil
			if !done && !errors.Is(err, errFlaky) {
				t.Fatal(err)
			}
			w.over(w.store)
			got = w.pack(req) // goes on, or starts over
			for i := range want {
				if got[i].CID != want[i].CID {
					t.Fatalf("failure at write %d, applied %v: piece %d is %s, want %s", at, applied, i, got[i].CID, want[i].CID)
				}
			}
			checkPieces(t, w, got[len(got)-1:], nil)
			if err := w.deals.Forget(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A fifth of all writes fail, half of them after they took effect: no replica
// is missed and none made twice.
func TestDealsOverFailures(t *testing.T) {
	m := newMarket(t, 6, deals.Options{})
	m.stop()
	req, _ := m.packed(1, 5, 1<<20)
	m.over(&flaky{Store: m.store, fails: func(int64) (bool, bool) { return rand.IntN(5) == 0, rand.IntN(2) == 0 }})
	m.start()
	for m.deals.Start(t.Context(), req.Zone) != nil {
	}
	m.until("five active deals over a bad store", 60*time.Second, m.active(1))
	m.stop()
	m.over(m.store)
	m.start()
	m.checkDistinct(1)
	if n := m.count(1, deals.DealActive); n != 5 || len(m.list(1)) != 5 {
		t.Errorf("%d deals, %d of them active, for five replicas\n%s", len(m.list(1)), n, m.dump())
	}
}
