package commp

import (
	"math/bits"
	"slices"

	commcid "github.com/filecoin-project/go-fil-commcid"
	"github.com/ipfs/go-cid"
)

const (
	nodeSize = 32
	quadIn   = 127 // bytes before padding …
	quadOut  = 128 // … that become this many after it

	chunkQuads = 2048
	chunkIn    = chunkQuads * quadIn
	chunkOut   = chunkQuads * quadOut // 256 KiB: a chunk and its first layer stay in the L2 cache
	chunkLevel = 13                   // log2(chunkOut / nodeSize)
)

// MinPadded is the size of the smallest piece.
const MinPadded = quadOut

// Sum is the commitment to everything that was written.
type Sum struct {
	CID    cid.Cid // piece CID v1 (baga6ea4sea…)
	Size   int64   // bytes written
	Padded int64   // size of the piece, a power of two
}

// Writer computes a commitment. The zero value is ready; it must not be
// copied after the first Write, nor used by two goroutines at once.
type Writer struct {
	// Keep makes the writer remember the roots of all chunks for Chunks. It is
	// set before the first Write.
	Keep bool

	kept   []Node
	size   int64
	fill   int // bytes in buf
	buf    [chunkIn]byte
	padded [chunkOut]byte
	roots  stack
}

// Write takes the next bytes of the piece; it never fails.
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	w.size += int64(n)
	for len(p) > 0 {
		if w.fill == 0 && len(p) >= chunkIn {
			w.chunk(p[:chunkIn])
			p = p[chunkIn:]
			continue
		}
		c := copy(w.buf[w.fill:], p)
		w.fill += c
		p = p[c:]
		if w.fill == chunkIn {
			w.chunk(w.buf[:])
			w.fill = 0
		}
	}
	return n, nil
}

func (w *Writer) chunk(in []byte) {
	pad(w.padded[:], in)
	n := root(w.padded[:])
	if w.Keep {
		w.kept = append(w.kept, n)
	}
	w.roots.push(n, chunkLevel)
}

// Chunks returns the roots of the chunks written so far, the last one filled up
// with zeros: what NewTree wants, if Keep is set.
func (w *Writer) Chunks() []Node {
	out := slices.Clone(w.kept)
	if w.fill > 0 {
		tail, padded := make([]byte, chunkIn), make([]byte, chunkOut)
		copy(tail, w.buf[:w.fill])
		pad(padded, tail)
		out = append(out, root(padded))
	}
	return out
}

// Sum returns the commitment to what was written so far and leaves the writer
// as it is. Nothing written counts as one zero byte, because no piece is empty.
func (w *Writer) Sum() (Sum, error) {
	padded := PaddedSize(w.size)
	comm := w.commitment(padded)
	c, err := commcid.PieceCommitmentV1ToCID(comm[:])
	return Sum{CID: c, Size: w.size, Padded: padded}, err
}

func (w *Writer) commitment(padded int64) [nodeSize]byte {
	level := bits.TrailingZeros64(uint64(padded / nodeSize))
	tail := make([]byte, chunkIn)
	copy(tail, w.buf[:w.fill])
	out := make([]byte, chunkOut)
	pad(out, tail)
	if level <= chunkLevel && len(w.roots.nodes) == 0 {
		return root(out[:padded])
	}
	roots := w.roots.clone()
	if w.fill > 0 {
		roots.push(root(out), chunkLevel)
	}
	return roots.close(level)
}

// PaddedSize is the size of the smallest piece that holds size bytes.
func PaddedSize(size int64) int64 {
	quads := uint64(max(1, (size+quadIn-1)/quadIn))
	return quadOut << bits.Len64(quads-1)
}

// Capacity is the number of bytes that a piece of the padded size holds.
func Capacity(padded int64) int64 { return padded / quadOut * quadIn }

// A stack holds the roots of complete subtrees, largest first, as in a binary counter.
type stack struct {
	nodes  [][nodeSize]byte
	levels []int // strictly falling
}

func (s *stack) clone() *stack {
	return &stack{append([][nodeSize]byte(nil), s.nodes...), append([]int(nil), s.levels...)}
}

func (s *stack) push(n [nodeSize]byte, level int) {
	for len(s.levels) > 0 && s.levels[len(s.levels)-1] == level {
		last := len(s.levels) - 1
		n = node(s.nodes[last], n)
		s.nodes, s.levels = s.nodes[:last], s.levels[:last]
		level++
	}
	s.nodes, s.levels = append(s.nodes, n), append(s.levels, level)
}

// close fills the tree with zeros up to level and returns its root.
func (s *stack) close(level int) [nodeSize]byte {
	for {
		last := s.levels[len(s.levels)-1]
		if last >= level && len(s.levels) == 1 {
			return s.nodes[0]
		}
		s.push(zero(last), last)
	}
}
