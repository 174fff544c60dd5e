package piece_test

import (
	"context"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/piece"
)

// Thousands of contents with one root are names only, and names fill a shard,
// too: it grows beyond neither its place nor the largest piece.
func TestNamesDoNotOverflow(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	req := piece.PackRequest{Zone: 1, MaxPiece: 1 << 20}
	same := w.add(1, nil)
	req.Members = append(req.Members, same, w.add(2, random(480<<10, 2)))
	for id := uint64(3); id < 6000; id++ {
		req.Members = append(req.Members, piece.Member{Content: id, Root: same.Root})
	}
	pieces := w.pack(req)
	for _, p := range pieces {
		if p.PaddedSize > 1<<20 {
			t.Errorf("piece of %d bytes, 1 MiB allowed", p.PaddedSize)
		}
		for _, s := range p.Shards {
			if s.Padded > 512<<10 {
				t.Errorf("shard of %d bytes in a piece of 1 MiB", s.Padded)
			}
		}
	}
	checkPieces(t, w, pieces, req.Members[:2])
	for _, m := range []piece.Member{req.Members[0], req.Members[5000]} {
		if of, err := w.pieces.OfContent(context.Background(), 1, m.Content); err != nil || len(of) != 1 {
			t.Errorf("content %d is in pieces %v, %v", m.Content, of, err)
		}
	}
}

// Contents whose bytes stand in their CID have no blocks, and make a piece all the same.
func TestPackInlined(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	inline := piece.Member{Content: 1, Root: cid.MustParse("bafkqabtimvwgy3yk"), Size: 6}
	pieces := w.pack(piece.PackRequest{Zone: 1, Replication: 2, Members: []piece.Member{inline}})
	if len(pieces) != 1 {
		t.Fatalf("%d pieces, want one", len(pieces))
	}
	checkPieces(t, w, pieces, nil)
	mixed := w.pack(piece.PackRequest{Zone: 2, Members: []piece.Member{w.add(2, random(5000, 2)), {Content: 3, Root: inline.Root, Size: 6}}})
	checkPieces(t, w, mixed, nil)
}
