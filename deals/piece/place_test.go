package piece_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/whypfs/whypfs/deals/piece"
)

// The pieces' own bytes say which of them holds a leaf of which content.
func TestOfContent(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	data := map[uint64][]byte{11: random(3<<20, 1), 12: random(3<<20, 2), 13: random(3<<20, 1)}
	var members []piece.Member
	for id, b := range data {
		members = append(members, w.add(id, b))
	}
	if got, err := w.pieces.OfContent(t.Context(), 7, 11); err != nil || len(got) != 0 {
		t.Errorf("OfContent before packing = %v, %v, want none", got, err)
	}
	pieces := w.pack(piece.PackRequest{Zone: 7, Replication: 1, MaxPiece: 4 << 20, Members: members})
	for id, b := range data {
		got, err := w.pieces.OfContent(t.Context(), 7, id)
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
				t.Errorf("OfContent(%d) lacks %s", id, c)
			}
		}
		if len(leaves) == len(pieces) || len(got) > len(leaves)+1 { // the root node's may hold no leaf
			t.Errorf("OfContent(%d) = %d of %d pieces, %d have a leaf of it", id, len(got), len(pieces), len(leaves))
		}
	}
	if got, err := w.pieces.OfContent(t.Context(), 7, 99); err != nil || len(got) != 0 {
		t.Errorf("OfContent(a stranger) = %v, %v, want none", got, err)
	}
}
