package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// ErrNotFile says that a DAG is not a UnixFS file.
var ErrNotFile = errors.New("not a UnixFS file")

// A shape is the parameters of a balanced UnixFS DAG with raw leaves.
type shape struct {
	chunk int // bytes of each leaf but the last
	width int // links of a node
}

// profile is unixfs-v1-2025 of IPIP-499.
var profile = shape{chunk: 1 << 20, width: 1024}

// A link is a part of a file: a leaf or a whole subtree.
type link struct {
	cid  cid.Cid
	size int64  // bytes of the file under it
	dag  uint64 // bytes of all blocks under it, Tsize
}

// A fileNode is a parsed node of a file: its own data, then that of its links.
type fileNode struct {
	data  []byte
	links []link
	size  int64
	dag   uint64
	mtime time.Time
}

// rawLeaf is the CID of a leaf.
func rawLeaf(data []byte) (cid.Cid, error) {
	sum := sha256.Sum256(data)
	return leafOf(sum[:])
}

// leafOf is the CID of a leaf that has this SHA-256.
func leafOf(sum []byte) (cid.Cid, error) {
	mh, err := multihash.Encode(sum, multihash.SHA2_256)
	return cid.NewCidV1(cid.Raw, mh), err
}

// encodeFile makes the node that joins links, and the link to it.
func encodeFile(links []link) (data []byte, up link, err error) {
	fs := unixfs.NewFSNode(unixfs.TFile)
	nd := new(merkledag.ProtoNode)
	if err := nd.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}); err != nil {
		return nil, up, err
	}
	for _, l := range links {
		if err := nd.AddRawLink("", &ipld.Link{Size: l.dag, Cid: l.cid}); err != nil {
			return nil, up, err
		}
		fs.AddBlockSize(uint64(l.size))
		up.size += l.size
	}
	b, err := fs.GetBytes()
	if err != nil {
		return nil, up, err
	}
	nd.SetData(b)
	if up.dag, err = nd.Size(); err != nil {
		return nil, up, err
	}
	up.cid = nd.Cid()
	return nd.RawData(), up, nil
}

// parseFile reads a node of a file. The bytes are anyone's; they have c's hash and no more.
func parseFile(c cid.Cid, block []byte) (n fileNode, err error) {
	switch c.Type() {
	case cid.Raw:
		return fileNode{data: block, size: int64(len(block)), dag: uint64(len(block))}, nil
	case cid.DagProtobuf:
	default:
		return n, fmt.Errorf("%s: codec %#x: %w", c, c.Type(), ErrNotFile)
	}
	pb, err := merkledag.DecodeProtobuf(block)
	if err != nil {
		return n, fmt.Errorf("%s: %w: %w", c, ErrNotFile, err)
	}
	fs, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil {
		return n, fmt.Errorf("%s: %w: %w", c, ErrNotFile, err)
	}
	if t := fs.Type(); t != unixfs.TFile && t != unixfs.TRaw {
		return n, fmt.Errorf("%s: UnixFS %s: %w", c, t, ErrNotFile)
	}
	sizes, links := fs.BlockSizes(), pb.Links()
	if len(sizes) != len(links) {
		return n, fmt.Errorf("%s: %d links but %d sizes: %w", c, len(links), len(sizes), ErrNotFile)
	}
	n = fileNode{data: fs.Data(), size: int64(len(fs.Data())), dag: uint64(len(block)), links: make([]link, len(links)), mtime: fs.ModTime()}
	for i, l := range links {
		// A name here means that this is no file: see the UnixFS specification, "dag-pb File".
		if l.Name != "" || sizes[i] > math.MaxInt64-uint64(n.size) || l.Size > math.MaxInt64-min(n.dag, math.MaxInt64) {
			return fileNode{}, fmt.Errorf("%s: bad link %d: %w", c, i, ErrNotFile)
		}
		n.links[i] = link{cid: l.Cid, size: int64(sizes[i]), dag: l.Size}
		n.size += int64(sizes[i])
		n.dag += l.Size
	}
	return n, nil
}

// A tree builds a balanced DAG from its leaves, left to right, as boxo's
// balanced layout does: all leaves have one depth, and all nodes are full but
// those on the right edge. It holds at most width links for each level.
type tree struct {
	width  int
	put    func(ctx context.Context, c cid.Cid, data []byte) error
	levels [][]link
	beside *tree // not nil: another of the same leaves
}

// add appends a leaf.
func (t *tree) add(ctx context.Context, l link) error {
	if t.beside != nil {
		if err := t.beside.add(ctx, l); err != nil {
			return err
		}
	}
	return t.addAt(ctx, 0, l)
}

func (t *tree) addAt(ctx context.Context, level int, l link) error {
	if level == len(t.levels) {
		t.levels = append(t.levels, nil)
	}
	t.levels[level] = append(t.levels[level], l)
	if len(t.levels[level]) < t.width {
		return nil
	}
	return t.fold(ctx, level)
}

// first is the multihash of the first leaf, while no node was made of it.
func (t *tree) first() []byte { return t.levels[0][0].cid.Hash() }

// fold makes one node of a level, and adds it to the next.
func (t *tree) fold(ctx context.Context, level int) error {
	data, up, err := encodeFile(t.levels[level])
	if err != nil {
		return err
	}
	t.levels[level] = t.levels[level][:0]
	if err := t.put(ctx, up.cid, data); err != nil {
		return err
	}
	return t.addAt(ctx, level+1, up)
}

// root ends the tree. A tree of one leaf is that leaf; one without leaves has no root.
func (t *tree) root(ctx context.Context) (link, error) {
	for level := 0; level < len(t.levels); level++ {
		n := len(t.levels[level])
		if level == len(t.levels)-1 && n == 1 {
			return t.levels[level][0], nil
		}
		if n > 0 {
			if err := t.fold(ctx, level); err != nil {
				return link{}, err
			}
		}
	}
	return link{}, errors.New("tree without leaves")
}
