package piece_test

import (
	"bytes"
	"testing"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/car"
)

// A sample names blocks that stand where it says, side by side, anywhere in the piece.
func TestSample(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	pieces := w.pack(piece.PackRequest{Zone: 7, Replication: 1, MaxPiece: 16 << 20, Members: []piece.Member{
		w.add(1, random(5<<20, 1)), w.add(2, random(300, 2)), w.add(3, random(2<<20, 3))}})
	whole := w.bytes(pieces[0].CID)
	places := map[int64]bool{}
	for range 200 {
		sample, err := w.pieces.Sample(t.Context(), pieces[0].CID, 1<<20)
		if err != nil || len(sample) == 0 {
			t.Fatalf("Sample = %v, %v", sample, err)
		}
		for i, p := range sample {
			head := car.SectionHead(p.Cid, p.Size)
			if !bytes.HasPrefix(whole[p.Off:], head) {
				t.Fatalf("no section of %s at %d", p.Cid, p.Off)
			}
			sum, err := p.Cid.Prefix().Sum(whole[p.Off+int64(len(head)) : p.End()])
			if err != nil || sum != p.Cid {
				t.Fatalf("the block at %d is %s, %v, want %s", p.Off, sum, err, p.Cid)
			}
			if i > 0 && sample[i-1].End() != p.Off {
				t.Fatalf("a gap before %d", p.Off)
			}
		}
		places[sample[0].Off] = true
	}
	if len(places) < 5 {
		t.Errorf("200 samples began at %d places only", len(places))
	}
	if _, err := w.pieces.Sample(t.Context(), "none", 1); err == nil {
		t.Error("a sample of no piece")
	}
}
