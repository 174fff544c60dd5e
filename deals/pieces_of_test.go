package deals_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/whypfs/whypfs/deals"
)

// The pieces' own bytes say which of them holds a leaf of which content.
func TestPiecesOf(t *testing.T) {
	w := newWorld(t, deals.Options{})
	data := map[uint64][]byte{11: random(3<<20, 1), 12: random(3<<20, 2), 13: random(3<<20, 1)}
	var members []deals.Member
	for id, b := range data {
		members = append(members, w.add(id, b))
	}
	if got, err := w.deals.PiecesOf(t.Context(), 7, 11); err != nil || len(got) != 0 {
		t.Errorf("PiecesOf before packing = %v, %v, want none", got, err)
	}
	pieces := w.pack(deals.PackRequest{Zone: 7, Replication: 1, MaxPiece: 4 << 20, Members: members})
	for id, b := range data {
		got, err := w.deals.PiecesOf(t.Context(), 7, id)
		if err != nil {
			t.Fatal(err)
		}
		var leaves []string // the pieces with a leaf of it
		for _, p := range pieces {
			whole := w.bytes(p.CID)
			for off := 0; off < len(b); off += 1 << 20 {
				if bytes.Contains(whole, b[off:off+1<<20]) && !slices.Contains(leaves, p.CID) {
					leaves = append(leaves, p.CID)
				}
			}
		}
		for _, c := range leaves {
			if !slices.Contains(got, c) {
				t.Errorf("PiecesOf(%d) lacks %s", id, c)
			}
		}
		if len(leaves) == len(pieces) || len(got) > len(leaves)+1 { // the root node's may hold no leaf
			t.Errorf("PiecesOf(%d) = %d of %d pieces, %d have a leaf of it", id, len(got), len(pieces), len(leaves))
		}
	}
	if got, err := w.deals.PiecesOf(t.Context(), 7, 99); err != nil || len(got) != 0 {
		t.Errorf("PiecesOf(a stranger) = %v, %v, want none", got, err)
	}
}
