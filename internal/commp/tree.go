package commp

import (
	"crypto/sha256"
	"slices"
)

const (
	nodeSize = 32
	quadIn   = 127 // bytes before padding …
	quadOut  = 128 // … that become this many after it

	// A block stays in the first-level cache while it is padded and hashed.
	blockQuads = 256
	blockIn    = blockQuads * quadIn
	blockOut   = blockQuads * quadOut
	// It is hashed up to this level only: above, layers are too short to fill
	// the lanes, so those of all blocks of a chunk go together.
	blockLevel = 5
	blockNodes = blockOut >> blockLevel // bytes

	chunkBlocks = 8
	chunkQuads  = chunkBlocks * blockQuads
	chunkIn     = chunkQuads * quadIn
	chunkOut    = chunkQuads * quadOut // 256 KiB
	chunkLevel  = 13                   // log2(chunkOut / nodeSize)
)

// scratch is the memory in which a chunk is hashed.
type scratch struct {
	block [blockOut]byte
	nodes [chunkBlocks * blockNodes]byte
}

// root returns the root over the whole quads of in, at most one chunk and a
// power of two, with which they are padded bytes.
func (s *scratch) root(k *kernel, in []byte, padded int) Node {
	if padded < blockOut {
		k.pad(s.block[:padded], in[:padded/quadOut*quadIn])
		return Node(k.reduce(s.block[:padded], nodeSize))
	}
	n := padded / blockOut
	for i := range n {
		k.pad(s.block[:], in[i*blockIn:(i+1)*blockIn])
		copy(s.nodes[i*blockNodes:], k.reduce(s.block[:], blockNodes))
	}
	return Node(k.reduce(s.nodes[:n*blockNodes], nodeSize))
}

// reduce replaces nodes by those above them, in place, until size bytes are left.
func (k *kernel) reduce(nodes []byte, size int) []byte {
	for len(nodes) > size {
		k.layer(nodes, nodes)
		nodes = nodes[:len(nodes)/2]
	}
	return nodes
}

func node(l, r Node) Node {
	var pair [2 * nodeSize]byte
	copy(pair[:], l[:])
	copy(pair[nodeSize:], r[:])
	n := sha256.Sum256(pair[:])
	n[nodeSize-1] &= 0x3f
	return n
}

// zero is the root of a tree of zeros.
func zero(level int) (n Node) {
	for range level {
		n = node(n, n)
	}
	return n
}

// A stack holds the roots of complete subtrees, largest first, as in a binary counter.
type stack struct {
	nodes  []Node
	levels []int // strictly falling
}

func (s *stack) clone() *stack { return &stack{slices.Clone(s.nodes), slices.Clone(s.levels)} }

func (s *stack) push(n Node, level int) {
	for len(s.levels) > 0 && s.levels[len(s.levels)-1] == level {
		last := len(s.levels) - 1
		n = node(s.nodes[last], n)
		s.nodes, s.levels = s.nodes[:last], s.levels[:last]
		level++
	}
	s.nodes, s.levels = append(s.nodes, n), append(s.levels, level)
}

// close fills the tree with zeros up to level and returns its root.
func (s *stack) close(level int) Node {
	for {
		last := s.levels[len(s.levels)-1]
		if last >= level && len(s.levels) == 1 {
			return s.nodes[0]
		}
		s.push(zero(last), last)
	}
}
