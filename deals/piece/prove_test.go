package piece_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

const proveMiB = 1 << 20

// prove makes the proof of a content, writes it and reads it back.
func (w *world) prove(zone uint64, m piece.Member) *proof.Proof {
	w.t.Helper()
	p, err := w.pieces.Prove(context.Background(), zone, m.Content, m.Root, m.Size)
	if err != nil {
		w.t.Fatalf("prove content %d: %v", m.Content, err)
	}
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		w.t.Fatal(err)
	}
	if p, err = proof.Decode(&b); err != nil {
		w.t.Fatalf("content %d: %v", m.Content, err)
	}
	return p
}

// proved fails the test unless file and proof of a content prove it.
func (w *world) proved(zone uint64, m piece.Member, file []byte) *proof.Proof {
	w.t.Helper()
	p := w.prove(zone, m)
	r, err := p.Verify(context.Background(), bytes.NewReader(file))
	if err != nil || r.Refused() {
		w.t.Fatalf("content %d: %+v, %v", m.Content, r, err)
	}
	return p
}

// read returns a content as its readers get it.
func (w *world) read(m piece.Member) []byte {
	w.t.Helper()
	r, err := w.node.OpenDAG(context.Background(), m.Root, m.Size)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) addCAR(id uint64, root cid.Cid, blocks ...[]byte) piece.Member {
	w.t.Helper()
	file := car.Header(root)
	for _, b := range blocks {
		c, err := root.Prefix().Sum(b)
		if err != nil {
			w.t.Fatal(err)
		}
		if c != root {
			c = cid.NewCidV1(cid.Raw, c.Hash())
		}
		file = append(append(file, car.SectionHead(c, len(b))...), b...)
	}
	lease := w.node.Lease()
	defer lease.Release()
	d, err := w.node.ImportCAR(context.Background(), bytes.NewReader(file), node.ImportOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return piece.Member{Content: id, Root: d.Root, Size: d.Size}
}

// join stores a content out of parts whose sizes are no multiples of a chunk.
func (w *world) join(id uint64, parts ...[]byte) piece.Member {
	w.t.Helper()
	lease := w.node.Lease()
	defer lease.Release()
	var files []node.File
	for _, b := range parts {
		f, err := w.node.Import(context.Background(), bytes.NewReader(b), node.ImportOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		files = append(files, f)
	}
	f, joined, err := w.node.Concat(context.Background(), files, false)
	if err != nil || !joined {
		w.t.Fatalf("joined %v, %v", joined, err)
	}
	return piece.Member{Content: id, Root: f.Root, Size: f.Size}
}

// dagCBOR is a block that links to a raw block, which it is not: no file.
func dagCBOR(t *testing.T, leaf []byte) (root cid.Cid, block []byte) {
	t.Helper()
	sum := func(codec uint64, data []byte) cid.Cid {
		mh, err := multihash.Sum(data, multihash.SHA2_256, -1)
		if err != nil {
			t.Fatal(err)
		}
		return cid.NewCidV1(codec, mh)
	}
	block = append([]byte{0x81, 0xd8, 0x2a, 0x58, 37, 0}, sum(cid.Raw, leaf).Bytes()...)
	return sum(cid.DagCBOR, block), block
}

// Every content of a zone has a proof, whatever its DAG and wherever its blocks
// stand; also after a restart, and where the chunks were not kept.
func TestProve(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: proveMiB})
	big := random(9*proveMiB+5, 1)
	leaf := random(5000, 2)
	root, block := dagCBOR(t, leaf)
	req := piece.PackRequest{Zone: 3, MaxPiece: 4 * proveMiB, Members: []piece.Member{
		w.add(1, nil), w.add(2, []byte("x")), w.add(3, random(proveMiB, 3)), w.add(4, big),
		// Leaves of two others, and of its own between them.
		w.add(5, bytes.Join([][]byte{big[2*proveMiB : 4*proveMiB], random(proveMiB, 4), big[:proveMiB], random(77, 5)}, nil)),
		w.join(6, random(100_000, 6), random(proveMiB+1, 7), random(3, 8)),
		w.addCAR(7, root, block, leaf),
		{Content: 8, Root: cid.MustParse("bafkqabtimvwgy3yk"), Size: 6},
	}}
	w.pack(req)
	files := map[uint64][]byte{}
	for _, m := range req.Members {
		files[m.Content] = w.read(m)
		p := w.proved(3, m, files[m.Content])
		of, err := w.pieces.OfContent(context.Background(), 3, m.Content)
		if err != nil || len(of) != len(p.Pieces) {
			t.Errorf("content %d is in %v, %v; its proof names %d pieces", m.Content, of, err, len(p.Pieces))
		}
		w.placed(p)
	}
	if p := w.prove(3, req.Members[3]); len(p.Pieces) < 3 || len(p.Spans) < 3 {
		t.Errorf("9 MiB in pieces of 4 MiB: %d pieces, %d spans", len(p.Pieces), len(p.Spans))
	}
	if p := w.prove(3, req.Members[4]); len(p.Spans) < 3 {
		t.Errorf("a content with leaves of another has %d spans", len(p.Spans))
	}
	if p := w.prove(3, req.Members[6]); p.Kind != proof.KindCAR || len(p.Nodes) > 0 {
		t.Errorf("a DAG that is no file has a proof of kind %q with %d nodes", p.Kind, len(p.Nodes))
	}
	w.restart()
	w.dropChunks()
	for range 2 { // the second time they are kept again
		for _, m := range req.Members {
			w.proved(3, m, files[m.Content])
		}
	}
}

// placed reads the sections of a proof where it says that providers serve them.
func (w *world) placed(p *proof.Proof) {
	w.t.Helper()
	for i, s := range p.Spans {
		data := w.bytes(p.Pieces[p.Shards[s.Shard].Piece].CID)
		at := p.Offset(s)
		in, err := car.NewReader(io.MultiReader(bytes.NewReader(car.Header(cid.MustParse(p.Root))), bytes.NewReader(data[at:at+s.Length])), 4*proveMiB)
		if err != nil {
			w.t.Fatal(err)
		}
		for {
			c, b, err := in.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				w.t.Fatalf("span %d: %v", i, err)
			}
			if got, err := c.Prefix().Sum(b); err != nil || got != c {
				w.t.Errorf("span %d: block %s is %s, %v", i, c, got, err)
			}
		}
	}
}

// dropChunks makes the store like one of a time before chunks were kept.
func (w *world) dropChunks() {
	w.t.Helper()
	dropped := 0
	err := w.store.Update(context.Background(), func(tx kv.Tx) error {
		var keys [][]byte
		for r, err := range tx.Scan(kv.Range("deal", "chunks")) {
			if err != nil {
				return err
			}
			keys = append(keys, bytes.Clone(r.Key))
		}
		for _, k := range keys {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		dropped = len(keys)
		return nil
	})
	if err != nil || dropped == 0 {
		w.t.Fatalf("%d rows dropped, %v", dropped, err)
	}
}

// What is gone here comes from a replica, and no more of it than is needed.
func TestProveOffloaded(t *testing.T) {
	var fetched int64
	replica := map[string][]byte{}
	opt := piece.Options{MinPiece: proveMiB, Fetch: func(_ context.Context, p string, c cid.Cid, off int64, size int) ([]byte, error) {
		fetched += int64(size)
		return bytes.Clone(replica[p][off : off+int64(size)]), nil
	}}
	w := newWorld(t, opt)
	file := random(20*proveMiB, 1)
	m := w.add(2, file)
	for _, p := range w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{w.add(1, random(3*proveMiB, 2)), m, w.add(3, random(proveMiB, 3))}}) {
		replica[p.CID] = w.bytes(p.CID)
	}
	w.close()
	if err := os.RemoveAll(filepath.Join(w.dir, "node")); err != nil {
		t.Fatal(err)
	}
	w.open()
	p := w.proved(1, m, file)
	if fetched == 0 || fetched > int64(len(p.Spans)+1)*3*proveMiB {
		t.Errorf("%d bytes fetched for %d spans", fetched, len(p.Spans))
	}
}

func TestProveErrors(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: proveMiB})
	ctx := context.Background()
	m := w.add(1, random(3*proveMiB, 1))
	if _, err := w.pieces.Prove(ctx, 1, 1, m.Root, m.Size); !errors.Is(err, piece.ErrNoPiece) {
		t.Errorf("of a zone that is not packed: %v, want ErrNoPiece", err)
	}
	w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{m}})
	if _, err := w.pieces.Prove(ctx, 1, 2, m.Root, m.Size); !errors.Is(err, piece.ErrNoPiece) {
		t.Errorf("of a content that is not in it: %v, want ErrNoPiece", err)
	}
	// A damaged row makes no proof, rather than a wrong one.
	err := w.store.Update(ctx, func(tx kv.Tx) error {
		key := kv.Key("deal", "chunks", uint64(1), uint64(0))
		b, err := tx.Get(key)
		if err != nil {
			return err
		}
		b = bytes.Clone(b)
		b[40] ^= 1
		return tx.Put(key, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.pieces.Prove(ctx, 1, 1, m.Root, m.Size); err == nil {
		t.Error("of a shard whose chunks are damaged: no error")
	}
}

// BenchmarkProve proves objects in a shard of 1 GiB, and checks one of 32 MiB.
func BenchmarkProve(b *testing.B) {
	w := newWorld(b, piece.Options{MinPiece: proveMiB})
	req := piece.PackRequest{Zone: 1}
	var file []byte
	for id := range uint64(31) {
		file = random(32*proveMiB, id)
		req.Members = append(req.Members, w.add(2*id, file), w.add(2*id+1, random(10_000, 100+id)))
	}
	if p := w.pack(req); len(p) != 1 || p[0].Shards[0].Padded != 1<<30 {
		b.Fatalf("packed as %+v", p)
	}
	large, small := req.Members[len(req.Members)-2], req.Members[len(req.Members)/2|1]
	for name, m := range map[string]piece.Member{"32MiB": large, "10kB": small} {
		b.Run(name, func(b *testing.B) {
			var size bytes.Buffer
			for b.Loop() {
				p, err := w.pieces.Prove(context.Background(), 1, m.Content, m.Root, m.Size)
				if err != nil {
					b.Fatal(err)
				}
				size.Reset()
				if err := p.Encode(&size); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size.Len()), "B/proof")
		})
	}
	p := w.prove(1, large)
	b.Run("verify-32MiB", func(b *testing.B) {
		b.SetBytes(large.Size)
		for b.Loop() {
			if r, err := p.Verify(context.Background(), bytes.NewReader(file)); err != nil || r.Refused() {
				b.Fatalf("%+v, %v", r, err)
			}
		}
	})
}
