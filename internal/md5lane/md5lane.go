// Package md5lane computes the MD5 of bodies that are stored side by side, each
// in a lane of AVX2 or AVX-512 registers: eight cost little more than one.
package md5lane

import (
	"crypto/md5"
	"hash"
	"sync"
	"sync/atomic"

	md5simd "github.com/minio/md5-simd"
)

const (
	// A body whose first piece is smaller is not worth the way to a lane.
	largePiece = 256 << 10
	// Lanes take as long for one body as for sixteen, and longer than a body
	// takes by itself: with fewer than fewBodies they do not pay.
	fewBodies = 4
)

var (
	large  atomic.Int32 // bodies that began with a large piece and are not closed
	server = sync.OnceValue(md5simd.NewServer)
)

// Hash is a hash.Hash of one body, RFC 1321. It has to be closed.
type Hash struct {
	hash.Hash
	lane  md5simd.Hasher // Hash, if that is one of the server's
	begun bool
	large bool
}

// New returns the hash of an empty body.
func New() *Hash { return &Hash{Hash: md5.New()} }

// Write implements hash.Hash.
func (m *Hash) Write(p []byte) (int, error) {
	if !m.begun {
		m.begun = true
		m.begin(len(p))
	}
	return m.Hash.Write(p)
}

// begin chooses how to hash a body whose first piece has n bytes.
func (m *Hash) begin(n int) {
	if n < largePiece {
		return
	}
	m.large = true
	if large.Add(1) >= fewBodies {
		m.lane = takeLane()
		m.Hash = m.lane
	}
}

// Close gives the lane back. The hash is of no use then.
func (m *Hash) Close() {
	if m.large {
		large.Add(-1)
		m.large = false
	}
	if m.lane != nil {
		giveLane(m.lane)
		m.lane, m.Hash = nil, nil
	}
}

// Lanes are used again: the server never forgets one, closed or not, and looks
// at all it ever gave out with each piece.
var (
	idleMu sync.Mutex
	idle   []md5simd.Hasher
)

func takeLane() md5simd.Hasher {
	idleMu.Lock()
	defer idleMu.Unlock()
	n := len(idle)
	if n == 0 {
		return server().NewHash()
	}
	l := idle[n-1]
	idle = idle[:n-1]
	return l
}

func giveLane(l md5simd.Hasher) {
	l.Sum(nil) // takes from the server what a body that broke off has left there
	l.Reset()
	idleMu.Lock()
	defer idleMu.Unlock()
	idle = append(idle, l)
}
