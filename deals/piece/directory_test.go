package piece

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	dagpb "github.com/ipld/go-codec-dagpb"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/internal/car"
)

func rawCID(t testing.TB, data []byte) cid.Cid {
	t.Helper()
	sum, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, sum)
}

func TestShardPrefixIsACar(t *testing.T) {
	b := newShardBuilder(1 << 20)
	var blocks [][]byte
	for i := range 10 {
		data := bytes.Repeat([]byte{byte(i)}, 100*i)
		c := rawCID(t, data)
		blocks = append(blocks, data)
		b.add(entry{c, len(data)})
		b.link(link{name: fmt.Sprint(i * i), cid: c, size: uint64(len(data))})
	}
	root, head, err := b.prefix(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := head
	for i, e := range b.entries {
		file = append(append(file, car.SectionHead(e.cid, e.size)...), blocks[i]...)
	}
	if want := int64(len(head)) + b.body; int64(len(file)) != want {
		t.Errorf("CAR has %d bytes, counted %d", len(file), want)
	}
	r, err := carv2.NewBlockReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != 1 || len(r.Roots) != 1 || r.Roots[0] != root {
		t.Fatalf("CARv%d with roots %v, want CARv1 with %v", r.Version, r.Roots, root)
	}
	dir, err := r.Next() // go-car checks the hash of every block
	if err != nil || dir.Cid() != root {
		t.Fatalf("first block %v, %v, want the directory %v", dir, err, root)
	}
	for i, e := range b.entries {
		got, err := r.Next()
		if err != nil || got.Cid() != e.cid || !bytes.Equal(got.RawData(), blocks[i]) {
			t.Fatalf("block %d: %v, %v, want %v", i, got, err, e.cid)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after the last block: %v, want EOF", err)
	}
}

// A reader of our own encoding must be the ecosystem's codec, and must write it back unchanged.
func TestDirectoryIsCanonical(t *testing.T) {
	for _, n := range []int{0, 1, 100, maxLinks} {
		var (
			links []link
			size  int64
		)
		for i := range n {
			l := link{name: fmt.Sprint(i), cid: rawCID(t, []byte{byte(i), byte(i >> 8)}), size: uint64(i) << (i % 50)}
			links = append(links, l)
			size += linkSize(l)
		}
		c, data, err := directory(links)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) != int(size)+4 {
			t.Errorf("%d links: %d bytes, counted %d", n, len(data), size+4)
		}
		pb := dagpb.Type.PBNode.NewBuilder()
		if err := dagpb.DecodeBytes(pb, data); err != nil {
			t.Fatalf("%d links: %v", n, err)
		}
		again, err := dagpb.AppendEncode(nil, pb.Build())
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%d links: not canonical (%v)", n, err)
		}
		if got, err := c.Prefix().Sum(data); err != nil || got != c {
			t.Errorf("%d links: CID %v, want %v", n, c, got)
		}
	}
}
