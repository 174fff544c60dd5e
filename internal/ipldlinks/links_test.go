package ipldlinks_test

import (
	"slices"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/internal/ipldlinks"
)

// Bytes of any codec give links or an error, and DAG-PB the links that boxo's
// decoder finds in them.
func FuzzLinks(f *testing.F) {
	leaf := rawBlock("leaf")
	nd := merkledag.NodeWithData([]byte{8, 1})
	if err := nd.AddRawLink("name", mustLink(leaf)); err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), nd.RawData())
	f.Add(uint8(1), append([]byte{0xd8, 0x2a, 0x58, 0x25, 0}, leaf.Cid().Bytes()...))
	f.Add(uint8(2), []byte(`{"/":"`+leaf.Cid().String()+`"}`))
	f.Add(uint8(3), []byte("raw"))
	f.Add(uint8(1), []byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) // an array of 2^64-1 items
	codecs := []uint64{cid.DagProtobuf, cid.DagCBOR, cid.DagJSON, cid.Raw}
	f.Fuzz(func(t *testing.T, codec uint8, data []byte) {
		c := cid.NewCidV1(codecs[int(codec)%len(codecs)], leaf.Cid().Hash())
		got, err := ipldlinks.Of(c, data)
		if c.Type() != cid.DagProtobuf || err != nil {
			return
		}
		nd, err := merkledag.DecodeProtobuf(data)
		if err != nil {
			return // stricter in other ways
		}
		var want []cid.Cid
		for _, l := range nd.Links() {
			want = append(want, l.Cid)
		}
		if !slices.Equal(got, want) {
			t.Errorf("links = %v, boxo finds %v", got, want)
		}
	})
}

func TestLinks(t *testing.T) {
	leaf := rawBlock("leaf")
	nd := merkledag.NodeWithData([]byte{8, 1})
	if err := nd.AddRawLink("b", mustLink(leaf)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		codec uint64
		data  []byte
		links int
	}{
		{cid.DagProtobuf, nd.RawData(), 1},
		{cid.DagCBOR, append([]byte{0x82, 0xd8, 0x2a, 0x58, 0x25, 0}, append(leaf.Cid().Bytes(), 0x00)...), 1},
		{cid.DagJSON, []byte(`{"a":[{"/":"` + leaf.Cid().String() + `"}],"b":{"/":"` + leaf.Cid().String() + `"}}`), 2},
		{cid.Raw, leaf.Cid().Bytes(), 0},
		{cid.GitRaw, []byte("of a codec without a decoder"), 0},
	}
	for _, tt := range tests {
		got, err := ipldlinks.Of(cid.NewCidV1(tt.codec, leaf.Cid().Hash()), tt.data)
		if err != nil || len(got) != tt.links {
			t.Errorf("links of codec %#x = %v, %v; want %d", tt.codec, got, err, tt.links)
			continue
		}
		for _, c := range got {
			if !c.Equals(leaf.Cid()) {
				t.Errorf("codec %#x: link to %s, want %s", tt.codec, c, leaf.Cid())
			}
		}
	}
}

func rawBlock(s string) blocks.Block {
	mh, err := multihash.Sum([]byte(s), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	b, err := blocks.NewBlockWithCid([]byte(s), cid.NewCidV1(cid.Raw, mh))
	if err != nil {
		panic(err)
	}
	return b
}

func mustLink(b blocks.Block) *format.Link {
	return &format.Link{Size: uint64(len(b.RawData())), Cid: b.Cid()}
}
