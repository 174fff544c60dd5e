//go:build !race

package node

import (
	"io"
	"testing"
)

// Nothing here is concurrent, and making a GiB of data takes the race detector a minute.

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
