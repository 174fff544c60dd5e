package node

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"hash"
	"io"
	"testing"

	"github.com/ipfs/go-cid"
)

// discard is a tree that keeps no nodes.
func discard(s shape) *tree {
	return &tree{width: s.width, put: func(context.Context, cid.Cid, []byte) error { return nil }}
}

// The published fixtures of IPIP-499 where a second level begins, and those of
// importers that followed it. All are prefixes of one stream of bytes.
func TestLayoutFixtures(t *testing.T) {
	const mib = 1 << 20
	fixtures := []struct {
		size int64
		want string
		tree *tree
	}{
		{1024 * mib, "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm", discard(profile)},
		{1024*mib + 1, "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe", discard(profile)},
		{1025 * mib, "bafybeihmzokxxjqwxjcryerhp5ezpcog2wcawfryb2xm64xiakgm4a5jue", discard(profile)},
	}
	r, buf := keystream(1025*mib, "v1-2025-seed"), make([]byte, mib)
	for off := int64(0); off < 1025*mib; off += mib {
		if _, err := io.ReadFull(r, buf); err != nil {
			t.Fatal(err)
		}
		leaf := func(size int64) link {
			c, err := rawLeaf(buf[:size])
			if err != nil {
				t.Fatal(err)
			}
			return link{cid: c, size: size, dag: uint64(size)}
		}
		whole := leaf(mib)
		for _, f := range fixtures {
			l := whole
			switch {
			case off >= f.size:
				continue
			case off+mib > f.size:
				l = leaf(f.size - off)
			}
			if err := f.tree.add(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range fixtures {
		root, err := f.tree.root(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if root.cid.String() != f.want || root.size != f.size {
			t.Errorf("%d bytes: root %s of %d, want %s", f.size, root.cid, root.size, f.want)
		}
	}
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
