package piece_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/filecoin-project/go-commp-utils/v2/writer"
	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// commitment computes the piece CID of data with go-commp-utils.
func commitment(t testing.TB, data []byte) writer.DataCIDSize {
	t.Helper()
	var w writer.Writer
	w.Write(data)
	sum, err := w.Sum()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// checkPieces reads every piece of a zone as a provider would: the commitment
// of the bytes, the index at their end, each segment's own commitment and CAR,
// and that all blocks of all members are there. It returns the blocks seen.
func checkPieces(t *testing.T, w *world, pieces []piece.Piece, members []piece.Member) map[cid.Cid]int {
	t.Helper()
	blocks := make(map[cid.Cid]int)
	for _, p := range pieces {
		data := w.bytes(p.CID)
		sum := commitment(t, data)
		if sum.PieceCID.String() != p.CID || int64(sum.PieceSize) != p.PaddedSize || int64(len(data)) != p.Size {
			t.Fatalf("piece %s: bytes are %s, %d padded, %d raw; recorded %d, %d", p.CID, sum.PieceCID, sum.PieceSize, len(data), p.PaddedSize, p.Size)
		}
		off := datasegment.DataSegmentIndexStartOffset(abi.PaddedPieceSize(p.PaddedSize))
		index, err := datasegment.ParseDataSegmentIndex(bytes.NewReader(data[off:]))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := index.ValidEntries()
		if err != nil || len(entries) != len(p.Shards) {
			t.Fatalf("piece %s: index of %d entries, %v, want %d", p.CID, len(entries), err, len(p.Shards))
		}
		for i, s := range p.Shards {
			e := entries[i]
			if e.PieceCID().String() != s.CID || int64(e.UnpaddedOffest()) != s.Offset || int64(e.Size) != s.Padded {
				t.Errorf("shard %d: index says %s at %d, %d padded; recorded %+v", i, e.PieceCID(), e.UnpaddedOffest(), e.Size, s)
			}
			car := data[s.Offset : s.Offset+s.Size]
			if sum := commitment(t, car); sum.PieceCID.String() != s.CID {
				t.Errorf("shard %d: bytes are %s, recorded %s", i, sum.PieceCID, s.CID)
			}
			readShard(t, car, s.Root, blocks)
		}
	}
	for _, m := range members {
		err := w.node.Walk(context.Background(), m.Root, func(c cid.Cid, _ int) error {
			if blocks[c] != 1 {
				t.Errorf("block %s of content %d is stored %d times", c, m.Content, blocks[c])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return blocks
}

func readShard(t *testing.T, car []byte, root string, blocks map[cid.Cid]int) {
	t.Helper()
	r, err := carv2.NewBlockReader(bytes.NewReader(car))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Roots) != 1 || r.Roots[0].String() != root {
		t.Errorf("CAR roots %v, want %s", r.Roots, root)
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks[b.Cid()]++
	}
}

func TestPack(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name   string
		sizes  []int
		max    int64
		pieces int
		padded int64 // of the first piece
	}{
		{"one small object", []int{1000}, 0, 1, mib},
		{"an empty object", []int{0}, 0, 1, mib},
		{"many small objects", slices.Repeat([]int{10_000}, 200), 0, 1, 4 * mib},
		// A shard of 16 MiB would hold them, and with its index be a piece of 32.
		{"as small a piece as they need", slices.Repeat([]int{10_000}, 1360), 0, 1, 16 * mib},
		// 16 MiB of data and its overhead: a full 16 MiB shard, a small one, and the index.
		{"16 MiB in objects", slices.Repeat([]int{mib}, 16), 0, 1, 32 * mib},
		{"one object over many shards", []int{9*mib + 5}, 0, 1, 16 * mib},
		// An object larger than a piece spans several. Blocks of 1 MiB fill only
		// four of the eight places of so small a piece: three of a 4 MiB shard, one of 2 MiB.
		{"more than a piece", []int{3 * mib, 8 * mib, 1}, 8 * mib, 3, 8 * mib},
		{"no power of two", []int{4 * mib}, 13 * mib, 1, 8 * mib},
	} {
		if raced && c.padded > 8*mib {
			continue // hashed three times here, which the detector makes slow
		}
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, piece.Options{MinPiece: 1 << 20})
			req := piece.PackRequest{Zone: 7, Bucket: "b", Replication: 6, MaxPiece: c.max}
			for i, size := range c.sizes {
				req.Members = append(req.Members, w.add(uint64(i+1), random(size, uint64(size+i))))
			}
			pieces := w.pack(req)
			checkPieces(t, w, pieces, req.Members)
			if len(pieces) != c.pieces || pieces[0].PaddedSize != c.padded {
				t.Errorf("%d pieces, the first of %d; want %d of %d", len(pieces), pieces[0].PaddedSize, c.pieces, c.padded)
			}
			for _, p := range pieces {
				if c.max > 0 && p.PaddedSize > c.max {
					t.Errorf("piece of %d bytes, at most %d allowed", p.PaddedSize, c.max)
				}
			}
		})
	}
}

// Equal blocks are stored once, whichever contents share them.
func TestPackStoresBlocksOnce(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	data := random(5<<20, 3)
	twice := append(append([]byte(nil), data...), data...)
	req := piece.PackRequest{Zone: 1, MaxPiece: 8 << 20, Members: []piece.Member{
		w.add(1, data), w.add(2, data), w.add(3, twice), w.add(4, data[:1<<20]),
	}}
	pieces := w.pack(req)
	checkPieces(t, w, pieces, req.Members)
	var size int64
	for _, p := range pieces {
		for _, s := range p.Shards {
			size += s.Size
		}
	}
	if size > 6<<20 {
		t.Errorf("%d bytes packed for 5 MiB of distinct blocks", size)
	}
}

// The same request makes the same pieces, packed again or somewhere else, and
// a packed zone keeps its pieces over a restart.
func TestPackIsDeterministic(t *testing.T) {
	var all [][]piece.Piece
	for range 2 {
		w := newWorld(t, piece.Options{MinPiece: 1 << 20})
		req := piece.PackRequest{Zone: 3, MaxPiece: 4 << 20}
		for i := range uint64(8) {
			req.Members = append(req.Members, w.add(i+1, random(700<<10, i)))
		}
		pieces := w.pack(req)
		all = append(all, pieces)
		before := w.bytes(pieces[0].CID)
		w.restart()
		rand.Shuffle(len(req.Members), func(i, j int) { req.Members[i], req.Members[j] = req.Members[j], req.Members[i] })
		if again := w.pack(req); !reflect.DeepEqual(again, pieces) {
			t.Errorf("packed again: %+v, want %+v", again, pieces)
		}
		if !bytes.Equal(w.bytes(pieces[0].CID), before) {
			t.Error("piece bytes changed over a restart")
		}
	}
	for i := range all[0] {
		if all[0][i].CID != all[1][i].CID {
			t.Errorf("piece %d: %s and %s from the same contents", i, all[0][i].CID, all[1][i].CID)
		}
	}
}

// Two zones with the same bytes must not make the same piece: each piece
// belongs to one zone, with replicas of its own.
func TestPiecesBelongToOneZone(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	data := random(6<<20, 1)
	seen := make(map[string]uint64)
	for zone := range uint64(3) {
		req := piece.PackRequest{Zone: zone + 1, MaxPiece: 4 << 20, Members: []piece.Member{w.add(zone+10, data)}}
		for _, p := range w.pack(req) {
			if other, ok := seen[p.CID]; ok {
				t.Errorf("piece %s is in zones %d and %d", p.CID, other, p.Zone)
			}
			seen[p.CID] = p.Zone
		}
	}
}

// Each shard's inclusion in its piece can be proved to a stranger.
func TestInclusionProofs(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	req := piece.PackRequest{Zone: 1, Members: []piece.Member{w.add(1, random(5<<20, 1))}}
	p := w.pack(req)[0]
	if len(p.Shards) < 3 {
		t.Fatalf("only %d shards", len(p.Shards))
	}
	var infos []abi.PieceInfo
	for _, s := range p.Shards {
		infos = append(infos, abi.PieceInfo{Size: abi.PaddedPieceSize(s.Padded), PieceCID: cid.MustParse(s.CID)})
	}
	agg, err := datasegment.NewAggregate(abi.PaddedPieceSize(p.PaddedSize), infos)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		proof, err := agg.ProofForPieceInfo(info)
		if err != nil {
			t.Fatal(err)
		}
		aux, err := proof.ComputeExpectedAuxData(datasegment.VerifierDataForPieceInfo(info))
		if err != nil || aux.CommPa.String() != p.CID || int64(aux.SizePa) != p.PaddedSize {
			t.Errorf("shard %s: proof leads to %+v, %v, want %s of %d", info.PieceCID, aux, err, p.CID, p.PaddedSize)
		}
	}
}

func TestPackErrors(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	ctx := context.Background()
	if _, err := w.pieces.Pack(ctx, piece.PackRequest{Zone: 1}); err == nil {
		t.Error("an empty zone is packed")
	}
	m := w.add(1, random(3<<20, 1))
	_, err := w.pieces.Pack(ctx, piece.PackRequest{Zone: 1, MaxPiece: 1 << 20, Members: []piece.Member{m}})
	if !errors.Is(err, piece.ErrTooSmall) {
		t.Errorf("1 MiB blocks into 1 MiB pieces: %v, want %v", err, piece.ErrTooSmall)
	}
	gone := piece.Member{Content: 2, Root: cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"), Size: 4}
	_, err = w.pieces.Pack(ctx, piece.PackRequest{Zone: 1, Members: []piece.Member{m, gone}})
	if !errors.Is(err, node.ErrNotFound) {
		t.Errorf("a content that is not here: %v, want %v", err, node.ErrNotFound)
	}
	if pieces, err := w.pieces.OfZone(ctx, 1); err != nil || len(pieces) > 0 {
		t.Errorf("pieces %v, %v after failed packing", pieces, err)
	}
	if pieces := w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{m}}); len(pieces) != 1 {
		t.Errorf("packing after failures gives %d pieces", len(pieces))
	}
}

// nothing is known of pieces but what their own rows say.
func nothing(kv.Tx, []string) error { return nil }

func TestForget(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20})
	ctx := context.Background()
	keep := w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{w.add(1, random(1<<20, 1))}})
	drop := w.pack(piece.PackRequest{Zone: 2, Members: []piece.Member{w.add(2, random(1<<20, 2))}})
	for range 2 { // forgetting twice is no error
		if err := w.pieces.Forget(ctx, 2, nothing); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.pieces.Piece(ctx, drop[0].CID); !errors.Is(err, piece.ErrNoPiece) {
		t.Errorf("forgotten piece: %v, want %v", err, piece.ErrNoPiece)
	}
	w.bytes(keep[0].CID)
}

func FuzzPieceRange(f *testing.F) {
	w := newWorld(f, piece.Options{MinPiece: 1 << 20})
	req := piece.PackRequest{Zone: 1, Members: []piece.Member{
		w.add(1, random(3<<20, 1)), w.add(2, nil), w.add(3, random(100, 2)), w.add(4, random(1<<20+1, 3)),
	}}
	p := w.pack(req)[0]
	want := w.bytes(p.CID)
	r, size, err := w.pieces.Open(context.Background(), p.CID)
	if err != nil {
		f.Fatal(err)
	}
	h := w.pieces.Handler(only(p.CID))
	for _, s := range p.Shards {
		f.Add(uint32(s.Offset), uint16(100))
		f.Add(uint32(s.Offset+s.Size-1), uint16(60_000))
	}
	f.Add(uint32(0), uint16(0))
	f.Add(uint32(size-300), uint16(400))
	f.Fuzz(func(t *testing.T, off uint32, n uint16) {
		at := int64(off) % size
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, min(int64(n), size-at))
		if _, err := io.ReadFull(r, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want[at:at+int64(len(got))]) {
			t.Errorf("%d bytes at %d differ from the whole piece", n, at)
		}
		if len(got) == 0 {
			return
		}
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/piece/"+p.CID, nil)
		req.Header.Set("Authorization", token)
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+int64(len(got))-1))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if !bytes.Equal(rec.Body.Bytes(), got) {
			t.Errorf("%d bytes at %d over HTTP, status %d, differ", n, at, rec.Code)
		}
	})
}

// TestPackFillsUp: pieces are filled up to the size that is asked for, as far
// as the largest piece allows.
func TestPackFillsUp(t *testing.T) {
	for _, tt := range []struct{ least, most, want int64 }{
		{0, 0, 1 << 20},
		{4 << 20, 0, 4 << 20},
		{4 << 20, 2 << 20, 2 << 20},
		{64 << 10, 0, 1 << 20}, // Options.MinPiece is larger
	} {
		w := newWorld(t, piece.Options{MinPiece: 1 << 20})
		p := w.pack(piece.PackRequest{Zone: 1, Replication: 1, MinPiece: tt.least, MaxPiece: tt.most, Members: []piece.Member{w.add(1, random(1000, 1))}})
		if len(p) != 1 || p[0].PaddedSize != tt.want {
			t.Errorf("pieces of at least %d and at most %d are %+v, want one of %d", tt.least, tt.most, p, tt.want)
		}
	}
}
