package commp_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/filecoin-project/go-commp-utils/v2/writer"
	"github.com/whypfs/whypfs/internal/commp"
)

const chunk = 2048 * 127

// reference computes the commitment with go-commp-utils.
func reference(t testing.TB, data []byte) commp.Sum {
	t.Helper()
	var w writer.Writer
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	got, err := w.Sum()
	if err != nil {
		t.Fatal(err)
	}
	return commp.Sum{CID: got.PieceCID, Size: got.PayloadSize, Padded: int64(got.PieceSize)}
}

func sum(t testing.TB, data []byte, step int) commp.Sum {
	t.Helper()
	w := new(commp.Writer)
	for len(data) > 0 {
		n := min(step, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	s, err := w.Sum()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func random(n int, seed uint64) []byte {
	r, out := rand.New(rand.NewPCG(seed, 1)), make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func TestWriterAgainstReference(t *testing.T) {
	for _, size := range []int{
		1, 64, 65, 126, 127, 128, 253, 254, 255, 508, 509, 1016, 4064, 65024, 65025,
		chunk - 1, chunk, chunk + 1, // one chunk
		2 * chunk, 2*chunk + 1, 3*chunk - 126, 3 * chunk, 5*chunk + 127, 8 * chunk, 9*chunk + 5,
		8<<20/128*127 - 1, 8<<20/128*127 + 1, // around the reference's own leaves
	} {
		data := random(size, uint64(size))
		want := reference(t, data)
		for _, step := range []int{size, 100_003} {
			if got := sum(t, data, step); got != want {
				t.Errorf("%d bytes in steps of %d: %+v, want %+v", size, step, got, want)
			}
		}
	}
}

// A sum may be asked for midway, for example to log it.
func TestSumKeepsState(t *testing.T) {
	data := random(3*chunk+77, 9)
	w := new(commp.Writer)
	for off := 0; off < len(data); off += 50_000 {
		end := min(off+50_000, len(data))
		w.Write(data[off:end])
		got, err := w.Sum()
		if err != nil {
			t.Fatal(err)
		}
		if want := reference(t, data[:end]); got != want {
			t.Fatalf("sum of %d bytes: %+v, want %+v", end, got, want)
		}
	}
}

func TestEmptyIsTheSmallestPiece(t *testing.T) {
	got := sum(t, nil, 1)
	want := reference(t, []byte{0})
	if got.CID != want.CID || got.Padded != commp.MinPadded {
		t.Errorf("empty: %+v, want %+v", got, want)
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct{ size, padded int64 }{
		{0, 128}, {1, 128}, {127, 128}, {128, 256}, {254, 256}, {255, 512},
		{1 << 30, 2 << 30}, {127 << 23, 1 << 30}, {127<<23 + 1, 2 << 30},
	} {
		if got := commp.PaddedSize(c.size); got != c.padded {
			t.Errorf("PaddedSize(%d) = %d, want %d", c.size, got, c.padded)
		}
		if room := commp.Capacity(c.padded); room < c.size {
			t.Errorf("Capacity(%d) = %d, less than %d", c.padded, room, c.size)
		}
	}
}

func FuzzWriter(f *testing.F) {
	f.Add(uint32(1), uint32(1), uint64(1))
	f.Add(uint32(chunk+1), uint32(4096), uint64(2))
	f.Add(uint32(2*chunk), uint32(127), uint64(3))
	f.Fuzz(func(t *testing.T, size, step uint32, seed uint64) {
		data := random(int(size%(4*chunk))+1, seed)
		if got, want := sum(t, data, int(step%(2*chunk))+1), reference(t, data); got != want {
			t.Errorf("%d bytes: %+v, want %+v", len(data), got, want)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	data := bytes.Repeat(random(1<<20, 1), 16)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		sum(b, data, 1<<20)
	}
}
