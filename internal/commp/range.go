package commp

import (
	"errors"
	"fmt"
	"math/bits"

	commcid "github.com/filecoin-project/go-fil-commcid"
	"github.com/ipfs/go-cid"
)

// Node is a node of the tree.
type Node = [NodeSize]byte

const (
	// NodeSize is the number of bytes in a node.
	NodeSize = nodeSize
	// Quad is the number of bytes that padding takes at a time: they become
	// four nodes, and no bit of them gets into another's.
	Quad = quadIn
	// quadLevel is the level of the node over a quad.
	quadLevel = 2
	// maxLevel is that of the largest piece of which a Range is taken, 2 EiB.
	maxLevel = 56
)

var errRange = errors.New("not a run of the piece")

// A Range computes the commitment of a piece out of one run of its quads and
// the roots of the subtrees that cover the rest. It holds one chunk and one node
// per tree level. It is not safe for concurrent use.
type Range struct {
	quad  uint64 // where buf begins
	fill  int    // bytes in buf
	buf   [chunkIn]byte
	tmp   scratch
	roots stack
}

// NewRange begins a run at a quad. left are the roots of the largest subtrees
// that cover what is before it, from left to right: one for each bit of first.
func NewRange(first uint64, left []Node) (*Range, error) {
	if len(left) != bits.OnesCount64(first) || first>>(maxLevel-quadLevel) != 0 {
		return nil, fmt.Errorf("%w: %d subtrees before quad %d", errRange, len(left), first)
	}
	r := &Range{quad: first}
	for _, n := range left {
		b := bits.Len64(first) - 1
		first &^= 1 << b
		r.roots.push(n, b+quadLevel)
	}
	return r, nil
}

// Write takes the next bytes of the run; it never fails.
func (r *Range) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		// Up to the next end of a chunk: what is in between is whole subtrees.
		room := (chunkQuads - int(r.quad%chunkQuads)) * quadIn
		c := copy(r.buf[r.fill:room], p)
		r.fill += c
		p = p[c:]
		if r.fill == room {
			r.flush()
		}
	}
	return n, nil
}

// flush hashes the whole quads in buf, in the largest subtrees they make.
func (r *Range) flush() {
	data := r.buf[:r.fill]
	for len(data) > 0 {
		n := subtree(r.quad, r.quad+uint64(len(data)/quadIn))
		r.roots.push(r.tmp.root(fastest(), data, int(n*quadOut)), quadLevel+bits.TrailingZeros64(n))
		r.quad += n
		data = data[n*quadIn:]
	}
	r.fill = 0
}

// subtree is the number of quads in the largest subtree that begins at from
// and does not go past to.
func subtree(from, to uint64) uint64 {
	n := uint64(1) << (bits.Len64(to-from) - 1)
	if from != 0 {
		n = min(n, from&-from)
	}
	return n
}

// Sum ends the run, which is whole quads, and returns the commitment of the
// piece of the padded size. right are the roots of the largest subtrees that
// cover what is behind it, from left to right.
func (r *Range) Sum(padded int64, right []Node) (cid.Cid, error) {
	if padded < MinPadded || padded&(padded-1) != 0 || r.fill%quadIn != 0 {
		return cid.Undef, fmt.Errorf("%w: %d bytes over a quad, piece of %d", errRange, r.fill%quadIn, padded)
	}
	r.flush()
	total := uint64(padded) / quadOut
	for _, n := range right {
		if r.quad >= total {
			return cid.Undef, fmt.Errorf("%w: more subtrees than the piece has", errRange)
		}
		quads := subtree(r.quad, total)
		r.roots.push(n, quadLevel+bits.TrailingZeros64(quads))
		r.quad += quads
	}
	if r.quad != total {
		return cid.Undef, fmt.Errorf("%w: it ends at quad %d of %d", errRange, r.quad, total)
	}
	top := r.roots.nodes[0]
	return commcid.PieceCommitmentV1ToCID(top[:])
}

// A Tree is the upper levels of a piece's tree, down to its chunks.
type Tree struct {
	padded int64
	levels [][]Node // [0] are the chunks; nodes that are zeros only are left out
	zeros  []Node   // by level
}

// NewTree makes the tree of a piece of the padded size over its chunks, as
// Writer.Chunks has them.
func NewTree(chunks []Node, padded int64) (*Tree, error) {
	if padded < MinPadded || padded&(padded-1) != 0 || int64(len(chunks)) > max(1, padded/chunkOut) {
		return nil, fmt.Errorf("%w: %d chunks, piece of %d", errRange, len(chunks), padded)
	}
	t := &Tree{padded: padded, levels: [][]Node{chunks}, zeros: make([]Node, maxLevel+1)}
	for i := 1; i < len(t.zeros); i++ {
		t.zeros[i] = node(t.zeros[i-1], t.zeros[i-1])
	}
	for size := padded / chunkOut; size > 1; size /= 2 {
		below := t.levels[len(t.levels)-1]
		up := make([]Node, (len(below)+1)/2)
		for i := range up {
			right := t.zeros[chunkLevel+len(t.levels)-1]
			if 2*i+1 < len(below) {
				right = below[2*i+1]
			}
			up[i] = node(below[2*i], right)
		}
		t.levels = append(t.levels, up)
	}
	return t, nil
}

// Root is the commitment of the piece. It is undefined for one smaller than a chunk.
func (t *Tree) Root() (cid.Cid, error) {
	top := t.levels[len(t.levels)-1]
	if t.padded < chunkOut || len(top) != 1 {
		return cid.Undef, nil
	}
	return commcid.PieceCommitmentV1ToCID(top[0][:])
}

// Siblings returns what NewRange and Sum want of a run that begins at the quad
// first and ends before the quad end. read fills p with the piece's bytes from
// off on, zeros where it has none; it is asked for no more than the chunks in
// which the run begins and ends.
func (t *Tree) Siblings(first, end uint64, read func(p []byte, off int64) error) (left, right []Node, err error) {
	total := uint64(t.padded) / quadOut
	if first >= end || end > total {
		return nil, nil, fmt.Errorf("%w: quads %d to %d of %d", errRange, first, end, total)
	}
	if left, err = t.cover(0, first, read); err != nil {
		return nil, nil, err
	}
	right, err = t.cover(end, total, read)
	return left, right, err
}

// cover returns the roots of the largest subtrees that cover quads.
func (t *Tree) cover(from, to uint64, read func(p []byte, off int64) error) (nodes []Node, err error) {
	for from < to {
		n := subtree(from, to)
		var root Node
		if n >= chunkQuads {
			root = t.at(bits.TrailingZeros64(n/chunkQuads), from/n)
		} else if root, err = hashQuads(from, n, read); err != nil {
			return nil, err
		}
		nodes = append(nodes, root)
		from += n
	}
	return nodes, nil
}

// at returns a node, level levels above the chunks.
func (t *Tree) at(level int, i uint64) Node {
	if nodes := t.levels[level]; i < uint64(len(nodes)) {
		return nodes[i]
	}
	return t.zeros[chunkLevel+level]
}

func hashQuads(from, n uint64, read func(p []byte, off int64) error) (Node, error) {
	in := make([]byte, n*quadIn)
	if err := read(in, int64(from*quadIn)); err != nil {
		return Node{}, err
	}
	return new(scratch).root(fastest(), in, int(n*quadOut)), nil
}
