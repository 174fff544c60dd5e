package node

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-cid"
)

// discard is a tree that keeps no nodes.
func discard(s shape) *tree {
	return &tree{width: s.width, put: func(context.Context, cid.Cid, []byte) error { return nil }}
}

// A large file through the whole pipeline; its leaves are one block, so the disk has little to do.
func TestImportLarge(t *testing.T) {
	const chunks = 1024 + 2
	n := newTestNode(t, Config{})
	f, err := n.Import(t.Context(), zeros(chunks<<20), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := rawLeaf(make([]byte, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	want := discard(profile)
	for range chunks {
		if err := want.add(t.Context(), link{cid: c, size: 1 << 20, dag: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := want.root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.Root != root.cid || f.Size != chunks<<20 {
		t.Errorf("Import = %v, want %s", f, root.cid)
	}
	if u := n.Usage(); u.Blocks != 4 {
		t.Errorf("%d blocks, want the leaf, two nodes and their root", u.Blocks)
	}
}

func BenchmarkImport(b *testing.B) {
	const size = 64 << 20
	for _, bb := range []struct {
		name   string
		hashes func() []hash.Hash
	}{
		{"no hashes", func() []hash.Hash { return nil }},
		{"md5 and sha256", func() []hash.Hash { return []hash.Hash{md5.New(), sha256.New()} }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			n := newTestNode(b, Config{})
			data := make([]byte, size)
			if _, err := io.ReadFull(keystream(size, "bench"), data); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size)
			for i := 0; b.Loop(); i++ {
				for off := 0; off < size; off += 1 << 20 {
					data[off], data[off+1], data[off+2] = byte(i), byte(i>>8), byte(i>>16) // other leaves each time
				}
				mustImport(b, n, data, ImportOptions{Hashes: bb.hashes()})
			}
		})
	}
}

// Small objects by many clients at once: what counts is how many share a sync.
func BenchmarkImportSmall(b *testing.B) {
	n := newTestNode(b, Config{})
	var next atomic.Uint64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		data := make([]byte, 4<<10)
		for pb.Next() {
			binary.LittleEndian.PutUint64(data, next.Add(1))
			mustImport(b, n, data, ImportOptions{Hashes: []hash.Hash{md5.New()}})
		}
	})
}
