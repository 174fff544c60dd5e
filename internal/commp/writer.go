package commp

import (
	"math/bits"
	"runtime"
	"slices"

	commcid "github.com/filecoin-project/go-fil-commcid"
	"github.com/ipfs/go-cid"
)

// MinPadded is the size of the smallest piece.
const MinPadded = quadOut

// Sum is the commitment to everything that was written.
type Sum struct {
	CID    cid.Cid // piece CID v1 (baga6ea4sea…)
	Size   int64   // bytes written
	Padded int64   // size of the piece, a power of two
}

// Writer computes a commitment. The zero value is ready and hashes in the
// goroutine that writes: right for a caller that has a writer for each of its
// own goroutines. A writer must not be copied after the first Write, nor used
// by two goroutines at once.
type Writer struct {
	// Keep makes the writer remember the roots of all chunks for Chunks. It is
	// set before the first Write.
	Keep bool

	kernel   *kernel
	parallel int // most chunks that are hashed beside the writing goroutine
	size     int64
	fill     int // bytes in cur.in
	cur      *job
	flying   []*job // oldest first
	idle     []*job
	roots    stack  // of the chunks before those in flight
	kept     []Node // all their roots, if Keep is set
}

// A job is a chunk on its way to its root.
type job struct {
	in   [chunkIn]byte
	tmp  scratch
	root Node
	done chan struct{}
}

// NewParallel returns a writer that hashes up to n chunks of 256 KiB side by
// side, GOMAXPROCS if n is 0. It holds n+1 chunks, 300 KiB for each. Nothing of it runs on once Sum has returned, or all chunks that
// were written before it was abandoned are hashed.
func NewParallel(n int) *Writer {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return &Writer{parallel: n}
}

// Write takes the next bytes of the piece; it never fails and does not keep p.
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	w.size += int64(n)
	for len(p) > 0 {
		w.ready()
		if w.parallel == 0 && w.fill == 0 && len(p) >= chunkIn { // no need to copy
			w.push(w.root(p[:chunkIn], chunkOut))
			p = p[chunkIn:]
			continue
		}
		c := copy(w.cur.in[w.fill:], p)
		w.fill += c
		p = p[c:]
		if w.fill == chunkIn {
			w.chunk()
		}
	}
	return n, nil
}

// chunk has the chunk that is full hashed.
func (w *Writer) chunk() {
	w.fill = 0
	j := w.cur
	if w.parallel == 0 {
		w.push(w.root(j.in[:], chunkOut))
		return
	}
	if len(w.flying) == w.parallel {
		w.land()
	}
	k := w.kernel
	go func() {
		j.root = j.tmp.root(k, j.in[:], chunkOut)
		j.done <- struct{}{}
	}()
	w.flying, w.cur = append(w.flying, j), nil
}

// ready sees to it that there is a chunk to fill.
func (w *Writer) ready() {
	if w.cur != nil {
		return
	}
	if w.kernel == nil {
		w.kernel = fastest()
	}
	if n := len(w.idle); n > 0 {
		w.cur, w.idle = w.idle[n-1], w.idle[:n-1]
		return
	}
	w.cur = &job{done: make(chan struct{}, 1)}
}

// land waits for the oldest chunk in flight: roots are wanted in order.
func (w *Writer) land() {
	j := w.flying[0]
	w.flying = append(w.flying[:0], w.flying[1:]...)
	<-j.done
	w.push(j.root)
	w.idle = append(w.idle, j)
}

// push takes the root of the next chunk.
func (w *Writer) push(n Node) {
	if w.Keep {
		w.kept = append(w.kept, n)
	}
	w.roots.push(n, chunkLevel)
}

// root hashes a chunk in this goroutine.
func (w *Writer) root(in []byte, padded int) Node {
	return w.cur.tmp.root(w.kernel, in, padded)
}

// tail is the root over the chunk that is not full, with zeros behind its bytes.
func (w *Writer) tail(padded int) Node {
	w.ready()
	clear(w.cur.in[w.fill:])
	return w.root(w.cur.in[:], padded)
}

// settle waits for all chunks in flight.
func (w *Writer) settle() {
	for len(w.flying) > 0 {
		w.land()
	}
}

// Chunks returns the roots of the chunks written so far, the last one filled up
// with zeros: what NewTree wants, if Keep is set.
func (w *Writer) Chunks() []Node {
	w.settle()
	out := slices.Clone(w.kept)
	if w.fill > 0 {
		out = append(out, w.tail(chunkOut))
	}
	return out
}

// Sum returns the commitment to what was written so far, after which more may
// be written. Nothing written counts as one zero byte, because no piece is empty.
func (w *Writer) Sum() (Sum, error) {
	w.settle()
	padded := PaddedSize(w.size)
	comm := w.commitment(padded)
	c, err := commcid.PieceCommitmentV1ToCID(comm[:])
	return Sum{CID: c, Size: w.size, Padded: padded}, err
}

func (w *Writer) commitment(padded int64) Node {
	if padded < chunkOut {
		return w.tail(int(padded))
	}
	roots := w.roots.clone()
	if w.fill > 0 {
		roots.push(w.tail(chunkOut), chunkLevel)
	}
	return roots.close(bits.TrailingZeros64(uint64(padded / nodeSize)))
}

// PaddedSize is the size of the smallest piece that holds size bytes.
func PaddedSize(size int64) int64 {
	quads := uint64(max(1, (size+quadIn-1)/quadIn))
	return quadOut << bits.Len64(quads-1)
}

// Capacity is the number of bytes that a piece of the padded size holds.
func Capacity(padded int64) int64 { return padded / quadOut * quadIn }
