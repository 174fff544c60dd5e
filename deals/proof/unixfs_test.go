package proof

import (
	"bytes"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
)

// What is taken for a node of a file is what boxo reads, and the other way round.
func FuzzParseFile(f *testing.F) {
	fs := unixfs.NewFSNode(unixfs.TFile)
	fs.SetData([]byte("data"))
	fs.AddBlockSize(5)
	b, err := fs.GetBytes()
	if err != nil {
		f.Fatal(err)
	}
	nd := merkledag.NodeWithData(b)
	if err := nd.AddNodeLink("", merkledag.NewRawNode([]byte("five!"))); err != nil {
		f.Fatal(err)
	}
	f.Add(nd.RawData())
	f.Add(merkledag.NodeWithData([]byte("\x08\x02")).RawData())
	f.Add(merkledag.NodeWithData([]byte("\x08\x00\x12\x01a\x18\x01")).RawData())
	f.Add(merkledag.NodeWithData([]byte("\x08\x02\x22\x02\x01\x02")).RawData()) // packed sizes
	f.Add(merkledag.NodeWithData([]byte("\x08\x82\x80\x80\x80\x10")).RawData()) // more than an enumeration has
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, block []byte) {
		got, err := parseFile(block)
		want, ok := boxoFile(block)
		if (err == nil) != ok {
			t.Fatalf("parseFile: %v; boxo takes it for a file: %v", err, ok)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(got.data, want.Data()) || len(got.links) != want.NumChildren() {
			t.Fatalf("parseFile = %+v, boxo: %q with %d links", got, want.Data(), want.NumChildren())
		}
		for i, l := range got.links {
			if uint64(l.size) != want.BlockSize(i) {
				t.Errorf("link %d has size %d, boxo: %d", i, l.size, want.BlockSize(i))
			}
		}
	})
}

// boxoFile reads a node as the readers of files do.
func boxoFile(block []byte) (*unixfs.FSNode, bool) {
	pb, err := merkledag.DecodeProtobuf(block)
	if err != nil {
		return nil, false
	}
	fs, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil || fs.Type() != unixfs.TFile && fs.Type() != unixfs.TRaw || len(fs.BlockSizes()) != len(pb.Links()) {
		return nil, false
	}
	size := uint64(len(fs.Data()))
	for i, l := range pb.Links() {
		if l.Name != "" || fs.BlockSize(i) > 1<<63-1-size {
			return nil, false
		}
		size += fs.BlockSize(i)
	}
	return fs, true
}
