package proof

import (
	"bytes"
	"fmt"

	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/filecoin-project/go-data-segment/merkletree"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/commp"
)

// KindOf says what the DAG under a root is, whose block has these bytes.
func KindOf(root cid.Cid, block []byte) Kind {
	switch root.Type() {
	case cid.Raw:
		return KindFile
	case cid.DagProtobuf:
		if _, err := parseFile(block); err == nil {
			return KindFile
		}
	}
	return KindCAR
}

// leastShared is the number of bytes from which on data in a node is left to the file.
const leastShared = 64

// NewNode is what a proof holds of a node of a UnixFS file.
func NewNode(block []byte) (Node, error) {
	n, err := parseFile(block)
	if err != nil {
		return Node{}, err
	}
	at := bytes.Index(block, n.data)
	if len(n.data) < leastShared || at < 0 {
		return Node{Head: block}, nil
	}
	return Node{Head: block[:at], File: len(n.data), Tail: block[at+len(n.data):]}, nil
}

// NewSpan is the span of length bytes from off on in the shard at an index,
// which tree is of. read is as commp.Tree.Siblings wants it.
func NewSpan(shard int, off, length int64, tree *commp.Tree, read func(p []byte, off int64) error) (s Span, err error) {
	before, after := edges(off, length)
	s = Span{Shard: shard, Offset: off, Length: length, Before: make(Bytes, before), After: make(Bytes, after)}
	begin, end := off-int64(before), off+length+int64(after)
	if err := read(s.Before, begin); err != nil {
		return s, err
	}
	if err := read(s.After, off+length); err != nil {
		return s, err
	}
	left, right, err := tree.Siblings(uint64(begin/commp.Quad), uint64(end/commp.Quad), read)
	if err != nil {
		return s, fmt.Errorf("%d bytes at %d: %w", length, off, err)
	}
	s.Left, s.Right = join(left), join(right)
	return s, nil
}

func join[T ~[nodeSize]byte](nodes []T) (b Bytes) {
	for _, n := range nodes {
		b = append(b, n[:]...)
	}
	return b
}

// Include fills in how a shard is included in its piece.
func (s *Shard) Include(ip *datasegment.InclusionProof) {
	path := func(d merkletree.ProofData) Path { return Path{Index: d.Index, Siblings: join(d.Path)} }
	s.Subtree, s.Index = path(ip.ProofSubtree), path(ip.ProofIndex)
}
