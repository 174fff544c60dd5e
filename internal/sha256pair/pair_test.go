package sha256pair_test

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/whypfs/whypfs/internal/sha256pair"
)

// check compares a stream of pieces with the standard library.
func check(t *testing.T, pieces [][]byte) {
	t.Helper()
	s, all := sha256pair.New(), sha256.New()
	for i, p := range pieces {
		all.Write(p)
		if got, want := s.Piece(p), sha256.Sum256(p); got != want {
			t.Fatalf("piece %d of %d bytes: %x, want %x", i, len(p), got, want)
		}
		if got := s.Sum(); string(got[:]) != string(all.Sum(nil)) {
			t.Fatalf("stream after piece %d of %d bytes: %x, want %x", i, len(p), got, all.Sum(nil))
		}
	}
}

func TestStream(t *testing.T) {
	check(t, nil)
	check(t, [][]byte{nil, nil})
	check(t, [][]byte{[]byte("abc")})
	data := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	for n := range 300 {
		check(t, [][]byte{data[:n], data[:64], data[n : 2*n]})
		check(t, [][]byte{data[:64*n], data[7 : 7+128*n], data[:n]})
	}
	check(t, [][]byte{data[:1<<20], data[1<<20 : 2<<20], data[2<<20:], data[:12345]})
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("abc"), uint16(1), uint16(2))
	f.Add(make([]byte, 300), uint16(128), uint16(192))
	f.Fuzz(func(t *testing.T, data []byte, a, b uint16) {
		i := int(a) % (len(data) + 1)
		j := i + int(b)%(len(data)-i+1)
		check(t, [][]byte{data[:i], data[i:j], data[j:]})
	})
}

func BenchmarkPiece(b *testing.B) {
	data := make([]byte, 1<<20)
	b.Run("together", func(b *testing.B) {
		s := sha256pair.New()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			s.Piece(data)
		}
	})
	b.Run("apart", func(b *testing.B) {
		s := sha256.New()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			s.Write(data)
			sha256.Sum256(data)
		}
	})
}
