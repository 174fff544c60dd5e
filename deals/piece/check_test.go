package piece_test

import (
	"strings"
	"testing"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

func TestCheckLayouts(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	req := piece.PackRequest{Zone: 7, Bucket: "b", MaxPiece: 8 << 20}
	req.Members = append(req.Members, w.add(1, random(3<<20, 1)), w.add(2, random(8<<20, 2)))
	w.pack(req)
	check := func() (faults []string) {
		t.Helper()
		err := w.pieces.Check(t.Context(), func(where, what string) { faults = append(faults, where+": "+what) })
		if err != nil {
			t.Fatal(err)
		}
		return faults
	}
	if got := check(); len(got) > 0 {
		t.Fatalf("faults %q in sound layouts", got)
	}
	err := w.store.Update(t.Context(), func(tx kv.Tx) error {
		from, to := kv.Range("deal", "layout", uint64(7), uint64(1))
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			return tx.Delete(r.Key)
		}
		t.Error("there is no layout row")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := check(); len(got) != 1 || !strings.HasPrefix(got[0], "zone 7 shard 1: ") {
		t.Errorf("faults %q, want one, of zone 7 shard 1", got)
	}
}
