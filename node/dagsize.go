package node

import (
	"math"

	"context"
	"github.com/ipfs/boxo/ipld/merkledag"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// ImportedSize is the size of all blocks of the DAG that Import makes of a file
// with so many bytes: the Tsize of a link to it. It reads nothing, so it is
// known of files that are not here too.
func ImportedSize(size int64) (uint64, error) { return profile.dagSize(size) }

func (s shape) dagSize(size int64) (uint64, error) {
	if size <= int64(s.chunk) {
		return uint64(size), nil
	}
	// A level has n nodes like full and then, perhaps, a smaller one.
	full, n := sizedLink(int64(s.chunk), uint64(s.chunk)), size/int64(s.chunk)
	var last []link
	if rest := size % int64(s.chunk); rest > 0 {
		last = []link{sizedLink(rest, uint64(rest))}
	}
	width := int64(s.width)
	for n+int64(len(last)) > 1 {
		node := repeat(full, n%width)
		if node = append(node, last...); len(node) > 0 {
			up, err := joinedSize(node)
			if err != nil {
				return 0, err
			}
			last = []link{up}
		}
		if n /= width; n > 0 {
			up, err := joinedSize(repeat(full, width))
			if err != nil {
				return 0, err
			}
			full = up
		}
	}
	if n == 1 {
		return full.dag, nil
	}
	return last[0].dag, nil
}

// sizedLink is a link whose CID has the length of all.
func sizedLink(size int64, dag uint64) link {
	mh := append([]byte{multihash.SHA2_256, 32}, make([]byte, 32)...)
	return link{cid: cid.NewCidV1(cid.Raw, mh), size: size, dag: dag}
}

func repeat(l link, n int64) []link {
	all := make([]link, n, n+1)
	for i := range all {
		all[i] = l
	}
	return all
}

func joinedSize(links []link) (link, error) {
	_, up, err := encodeFile(links)
	return sizedLink(up.size, up.dag), err
}

// DAGSize is the size of all blocks of a DAG as its root, which has to be here,
// says: of dag-pb the root's and those that its links tell, of other codecs the
// root's alone, as kubo has it.
func (n *Node) DAGSize(ctx context.Context, root cid.Cid) (uint64, error) {
	if root.Type() != cid.DagProtobuf {
		size, ok := n.HasBlock(ctx, root)
		if !ok {
			return 0, ErrNotFound
		}
		return uint64(size), nil
	}
	data, err := n.Block(ctx, root)
	if err != nil {
		return 0, err
	}
	return pbSize(data)
}

// pbSize is a dag-pb block's size and what its links tell. They may be a
// stranger's, so the sum stops at the largest.
func pbSize(data []byte) (uint64, error) {
	pb, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return 0, err
	}
	sum := uint64(len(data))
	for _, l := range pb.Links() {
		sum += min(l.Size, math.MaxInt64-sum)
	}
	return sum, nil
}
