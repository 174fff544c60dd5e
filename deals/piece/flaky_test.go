package piece_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/whypfs/whypfs/deals/piece"
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
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	req := piece.PackRequest{Zone: 1, MaxPiece: 1 << 20}
	for i := range uint64(4) {
		req.Members = append(req.Members, w.add(i+1, random(300<<10, i)))
	}
	want := w.pack(req)
	if len(want) < 2 {
		t.Fatalf("%d pieces: nothing to mix up", len(want))
	}
	if err := w.pieces.Forget(t.Context(), 1, nothing); err != nil {
		t.Fatal(err)
	}
	for _, applied := range []bool{false, true} {
		done := false
		for at := int64(1); !done; at++ {
			w.over(&flaky{Store: w.store, fails: func(n int64) (bool, bool) { return n == at, applied }})
			got, err := w.pieces.Pack(t.Context(), req)
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
			if err := w.pieces.Forget(t.Context(), 1, nothing); err != nil {
				t.Fatal(err)
			}
		}
	}
}
