// Package md5lane computes the MD5 of bodies that are stored side by side, two
// at once on one processor: each step of MD5 waits for the one before it, and the
// other body's step fits into that time.
package md5lane

import (
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"hash"
)

const (
	blockSize = md5.BlockSize
	// A piece that is smaller is not worth looking for another.
	largePiece = 64 << 10
)

// initial is the state before the first block, RFC 1321 §3.3.
var initial = [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}

// Hash is a hash.Hash of one body, RFC 1321.
type Hash struct {
	state [4]uint32
	size  uint64
	// slow takes over with the first piece that does not end with a whole block.
	slow hash.Hash

	patient bool
	hurried bool // guarded by desk.mu
}

// New returns the hash of an empty body.
func New() *Hash {
	h := new(Hash)
	h.Reset()
	return h
}

// Reset implements hash.Hash.
func (h *Hash) Reset() {
	*h = Hash{state: initial}
	if !paired {
		h.slow = md5.New()
	}
}

// Wait says whether Write may wait until there is a piece of another body to be
// hashed beside its own, or Hurry is called: for who has room to read on
// meanwhile. It waits only while another body is on its way.
func (h *Hash) Wait(may bool) { h.patient = may }

// Hurry ends the waiting of the Write under way, or else of the next. Unlike the
// other methods it may be called beside them.
func (h *Hash) Hurry() { desk.wake(h) }

// Size implements hash.Hash.
func (h *Hash) Size() int { return md5.Size }

// BlockSize implements hash.Hash.
func (h *Hash) BlockSize() int { return blockSize }

// Write implements hash.Hash.
func (h *Hash) Write(p []byte) (int, error) {
	n := len(p)
	if h.slow == nil && n >= largePiece {
		whole := n &^ (blockSize - 1)
		desk.hash(h, p[:whole])
		h.size += uint64(whole)
		p = p[whole:]
	}
	if len(p) > 0 {
		if h.slow == nil {
			h.slow = resume(h.state, h.size)
		}
		h.slow.Write(p)
	}
	return n, nil
}

// Sum implements hash.Hash.
func (h *Hash) Sum(b []byte) []byte {
	if h.slow != nil {
		return h.slow.Sum(b)
	}
	return resume(h.state, h.size).Sum(b)
}

const magic = "md5\x01"

// resume is the standard library's hash after size bytes, whole blocks, that
// led to state. The form is that of its MarshalBinary.
func resume(state [4]uint32, size uint64) hash.Hash {
	var b [len(magic) + md5.Size + blockSize + 8]byte
	copy(b[:], magic)
	for i, w := range state {
		binary.BigEndian.PutUint32(b[len(magic)+4*i:], w)
	}
	binary.BigEndian.PutUint64(b[len(b)-8:], size)
	h := md5.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(b[:]); err != nil {
		panic(err) // the form is the library's promise
	}
	return h
}

// single adds whole blocks to a state.
func single(state *[4]uint32, p []byte) {
	h := resume(*state, 0)
	h.Write(p)
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // it never fails
	}
	for i := range state {
		state[i] = binary.BigEndian.Uint32(b[len(magic)+4*i:])
	}
}
