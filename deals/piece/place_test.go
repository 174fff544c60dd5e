package piece_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/car"
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

// NameOf's selector leads from the root of a CAR in the pieces to the content,
// also where the order of ids is not that of their names, and where two have
// the same root.
func TestNameOf(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	seeds := map[uint64]uint64{9: 1, 10: 2, 100: 3, 11: 4, 2: 5, 12: 1}
	var members []piece.Member
	for id, seed := range seeds {
		members = append(members, w.add(id, random(3<<20, seed)))
	}
	members = append(members, w.add(3, random(10, 6)), piece.Member{Content: 4, Root: inlined(t, "in its CID"), Size: 10})
	if _, found, err := w.pieces.NameOf(t.Context(), 7, 9, members[0].Root); found || err != nil {
		t.Errorf("NameOf before packing: %v, %v", found, err)
	}
	directories := map[cid.Cid][]*format.Link{}
	for _, p := range w.pack(piece.PackRequest{Zone: 7, Replication: 1, MaxPiece: 8 << 20, Members: members}) {
		whole := w.bytes(p.CID)
		for _, s := range p.Shards {
			r, err := car.NewReader(bytes.NewReader(whole[s.Offset:s.Offset+s.Size]), 2<<20)
			if err != nil {
				t.Fatal(err)
			}
			root, data, err := r.Next()
			if err != nil || root.String() != s.Root {
				t.Fatalf("shard begins with %s, %v, want %s", root, err, s.Root)
			}
			nd, err := merkledag.DecodeProtobuf(bytes.Clone(data))
			if err != nil {
				t.Fatal(err)
			}
			directories[root] = nd.Links()
		}
	}
	if len(directories) < 2 {
		t.Fatalf("%d shards, the test wants several", len(directories))
	}
	for _, m := range members {
		n, found, err := w.pieces.NameOf(t.Context(), 7, m.Content, m.Root)
		if err != nil || found != (m.Content != 4) {
			t.Fatalf("NameOf(%d) = %v, %v", m.Content, found, err)
		}
		if !found {
			continue
		}
		var i int
		if _, err := fmt.Sscanf(n.Selector(), "/Links/%d/Hash", &i); err != nil {
			t.Fatal(err)
		}
		if links := directories[n.Directory]; i >= len(links) || !links[i].Cid.Equals(m.Root) {
			t.Errorf("content %d is not at %s of %s, which has %d links", m.Content, n.Selector(), n.Directory, len(links))
		}
	}
	if _, found, err := w.pieces.NameOf(t.Context(), 7, 99, members[0].Root); found || err != nil {
		t.Errorf("NameOf(a stranger) = %v, %v", found, err)
	}
}

// inlined is a CID that its bytes stand in.
func inlined(t *testing.T, text string) cid.Cid {
	t.Helper()
	sum, err := multihash.Sum([]byte(text), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, sum)
}
