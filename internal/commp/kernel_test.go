package commp

import (
	"bytes"
	"math/rand/v2"
	"testing"

	reference "github.com/filecoin-project/go-commp-utils/v2/writer"
)

func kernels() []*kernel { return append(native(), &vector, &plain) }

func TestKernelsAreProven(t *testing.T) {
	for _, k := range kernels() {
		if !k.proven() {
			t.Errorf("%s differs from crypto/sha256", k.name)
		}
	}
	if got := fastest(); got.name != kernels()[0].name {
		t.Errorf("%s is used, want %s", got.name, kernels()[0].name)
	}
}

func TestChooseRefusesWrongCode(t *testing.T) {
	right := vector
	for name, k := range map[string]*kernel{
		"first node": {pad: padQuads, layer: func(out, in []byte) { vectorLayer(out, in); out[0] ^= 1 }},
		"last node of an odd batch": {pad: padQuads, layer: func(out, in []byte) {
			vectorLayer(out, in)
			out[len(in)/2-1] ^= byte(len(in) >> 6 & 1)
		}},
		"only a batch of 128": {pad: padQuads, layer: func(out, in []byte) {
			vectorLayer(out, in)
			if len(in) == 128*64 {
				out[40]++
			}
		}},
		"not truncated": {pad: padQuads, layer: func(out, in []byte) {
			vectorLayer(out, in)
			out[31] |= 0x40
		}},
		"not in place": {pad: padQuads, layer: func(out, in []byte) {
			for i := 0; i < len(in); i += 2 * nodeSize {
				clear(out[i/2 : i/2+nodeSize])
				vectorLayer(out[i/2:], in[i:i+2*nodeSize])
			}
		}},
		"pad": {layer: vectorLayer, pad: func(out, in []byte) { padQuads(out, in); out[len(out)-1] ^= 1 }},
	} {
		if got := choose(k, &right); got != &right {
			t.Errorf("%s: wrong code is chosen", name)
		}
		if got := choose(k); got != &plain {
			t.Errorf("%s: chosen without another: %v, want the standard library", name, got.name)
		}
	}
}

// written is the commitment that a kernel gives, and by how many goroutines.
func written(t testing.TB, k *kernel, parallel int, data []byte, step int) Sum {
	t.Helper()
	w := &Writer{kernel: k, parallel: parallel}
	for len(data) > 0 {
		n := min(step, len(data))
		w.Write(data[:n])
		data = data[n:]
	}
	s, err := w.Sum()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func want(t testing.TB, data []byte) Sum {
	t.Helper()
	var w reference.Writer
	w.Write(data)
	s, err := w.Sum()
	if err != nil {
		t.Fatal(err)
	}
	return Sum{CID: s.PieceCID, Size: s.PayloadSize, Padded: int64(s.PieceSize)}
}

// Data of ones shows bits that the padding leaves out or the truncation lets through.
func TestKernelsAgainstReference(t *testing.T) {
	ones := bytes.Repeat([]byte{0xff}, 2*chunkIn+blockIn+1)
	mixed := make([]byte, len(ones))
	rand.NewChaCha8([32]byte{7}).Read(mixed)
	for _, data := range [][]byte{ones, mixed, mixed[:blockIn+1], mixed[:chunkIn-1]} {
		expected := want(t, data)
		for _, k := range kernels() {
			for _, parallel := range []int{0, 1, 3} {
				if k == &plain && parallel != 1 {
					continue // slow, and the same code around it
				}
				if got := written(t, k, parallel, data, 300_000); got != expected {
					t.Errorf("%s, %d goroutines, %d bytes: %+v, want %+v", k.name, parallel, len(data), got, expected)
				}
			}
		}
	}
}

func FuzzKernels(f *testing.F) {
	f.Add([]byte("x"), uint32(1), uint32(1), uint8(0))
	f.Add([]byte{0xff}, uint32(chunkIn+1), uint32(4096), uint8(2))
	f.Add([]byte("0123456789"), uint32(2*chunkIn-1), uint32(quadIn), uint8(3))
	f.Add([]byte{}, uint32(blockIn+127), uint32(blockIn), uint8(1))
	f.Fuzz(func(t *testing.T, seed []byte, size, step uint32, parallel uint8) {
		if len(seed) == 0 {
			seed = []byte{0}
		}
		data := bytes.Repeat(seed, int(size)%(4*chunkIn)/len(seed)+1)
		expected := want(t, data)
		for _, k := range kernels() {
			if got := written(t, k, int(parallel)%5, data, int(step)%(2*chunkIn)+1); got != expected {
				t.Errorf("%s: %d bytes: %+v, want %+v", k.name, len(data), got, expected)
			}
		}
	})
}

func BenchmarkLayer(b *testing.B) {
	for _, k := range kernels() {
		b.Run(k.name, func(b *testing.B) {
			nodes := make([]byte, blockOut)
			b.SetBytes(blockOut)
			for b.Loop() {
				k.layer(nodes, nodes)
			}
		})
	}
}
