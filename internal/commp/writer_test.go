package commp_test

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/filecoin-project/go-commp-utils/v2/writer"
	"github.com/whypfs/whypfs/internal/commp"
)

const chunk = 256 << 10 / 128 * 127 // bytes that are hashed together

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
	return sumBy(t, new(commp.Writer), data, step)
}

func sumBy(t testing.TB, w *commp.Writer, data []byte, step int) commp.Sum {
	t.Helper()
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

func random(n int, seed byte) []byte {
	out := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(out)
	return out
}

func TestWriterAgainstReference(t *testing.T) {
	for _, size := range []int{
		1, 64, 65, 126, 127, 128, 253, 254, 255, 508, 509, 1016, 4064, 65024, 65025,
		chunk - 1, chunk, chunk + 1, // one chunk
		2 * chunk, 3*chunk - 126, 5*chunk + 127,
		8<<20/128*127 - 1, 8<<20/128*127 + 1, // around the reference's own leaves
	} {
		data := random(size, byte(size))
		want := reference(t, data)
		for _, step := range []int{size, 100_003} {
			if got := sum(t, data, step); got != want {
				t.Errorf("%d bytes in steps of %d: %+v, want %+v", size, step, got, want)
			}
			if got := sumBy(t, commp.NewParallel(3), data, step); got != want {
				t.Errorf("%d bytes in steps of %d, in parallel: %+v, want %+v", size, step, got, want)
			}
		}
	}
}

// A sum may be asked for midway, for example to log it.
func TestSumKeepsState(t *testing.T) {
	data := random(3*chunk+77, 9)
	w, side := new(commp.Writer), commp.NewParallel(2)
	for off := 0; off < len(data); off += 650_000 {
		end := min(off+650_000, len(data))
		want := reference(t, data[:end])
		for _, w := range []*commp.Writer{w, side} {
			w.Write(data[off:end])
			got, err := w.Sum()
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Fatalf("sum of %d bytes: %+v, want %+v", end, got, want)
			}
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

// The three benchmarks do the same work: run them together, for 1 and 2 processors.
func BenchmarkWriter(b *testing.B) {
	measure(b, func(data []byte) { sum(b, data, 1<<20) })
}

func BenchmarkParallel(b *testing.B) {
	measure(b, func(data []byte) { sumBy(b, commp.NewParallel(0), data, 1<<20) })
}

func BenchmarkReference(b *testing.B) {
	measure(b, func(data []byte) { reference(b, data) })
}

// measure reports the rate by processor time too: on a busy machine that of the
// wall tells of the others.
func measure(b *testing.B, run func(data []byte)) {
	data := bytes.Repeat(random(1<<20, 1), 256)
	b.SetBytes(int64(len(data)))
	before := processorTime(b)
	for b.Loop() {
		run(data)
	}
	used := processorTime(b) - before
	b.ReportMetric(float64(b.N)*float64(len(data))/1e6/used.Seconds(), "MB/cpu-s")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
