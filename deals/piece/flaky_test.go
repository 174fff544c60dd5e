package piece_test

import (
	"errors"
	"testing"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv/kvtest"
)

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
	for _, fault := range []kvtest.Fault{kvtest.Before, kvtest.Applied} {
		done := false
		for at := 0; !done; at++ {
			bad := &kvtest.Faulty{Store: w.store}
			bad.Choose(func(n int) kvtest.Fault {
				if n == at {
					return fault
				}
				return kvtest.None
			})
			w.over(bad)
			got, err := w.pieces.Pack(t.Context(), req)
			done = err == nil
			if !done && !errors.Is(err, kvtest.ErrFault) {
				t.Fatal(err)
			}
			w.over(w.store)
			got = w.pack(req) // goes on, or starts over
			for i := range want {
				if got[i].CID != want[i].CID {
					t.Fatalf("failure at write %d, fault %v: piece %d is %s, want %s", at, fault, i, got[i].CID, want[i].CID)
				}
			}
			checkPieces(t, w, got[len(got)-1:], nil)
			if err := w.pieces.Forget(t.Context(), 1, nothing); err != nil {
				t.Fatal(err)
			}
		}
	}
}
