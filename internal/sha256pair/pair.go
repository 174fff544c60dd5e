// Package sha256pair computes the SHA-256 of a stream and of each of its pieces
// in one pass, at little more than the cost of one of them: an upload whose
// sender signed the hash of the whole is cut into leaves that have hashes too.
package sha256pair

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
)

const blockSize = sha256.BlockSize

// initial is the state before the first block, FIPS 180-4 §5.3.3.
var initial = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

// A Stream is the hash of a stream that comes in pieces.
type Stream struct {
	state [8]uint32
	size  uint64
	// slow takes over once a piece does not end with a whole block, or where
	// the processor has no instructions for this.
	slow hash.Hash
}

// New returns an empty stream.
func New() *Stream {
	if !fast {
		return &Stream{slow: sha256.New()}
	}
	return &Stream{state: initial}
}

// Piece adds a piece to the stream and returns the piece's own hash.
func (s *Stream) Piece(p []byte) (sum [sha256.Size]byte) {
	if s.slow != nil {
		s.slow.Write(p)
		return sha256.Sum256(p)
	}
	whole := len(p) &^ (blockSize - 1)
	own := initial
	blocks(&s.state, &own, p[:whole])
	s.size += uint64(whole)
	rest := p[whole:]
	if len(rest) > 0 {
		s.slow = resume(s.state, s.size)
		s.slow.Write(rest)
	}
	h := resume(own, uint64(whole))
	h.Write(rest)
	h.Sum(sum[:0])
	return sum
}

// Sum returns the hash of all pieces so far.
func (s *Stream) Sum() (sum [sha256.Size]byte) {
	h := s.slow
	if h == nil {
		h = resume(s.state, s.size)
	}
	h.Sum(sum[:0])
	return sum
}

// resume is the standard library's hash after size bytes, whole blocks, that
// led to state. The form is that of its MarshalBinary.
func resume(state [8]uint32, size uint64) hash.Hash {
	b := append(make([]byte, 0, 4+sha256.Size+blockSize+8), "sha\x03"...)
	for _, w := range state {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	b = append(b, make([]byte, blockSize)...)
	b = binary.BigEndian.AppendUint64(b, size)
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
		panic(err) // the form is the library's promise
	}
	return h
}
