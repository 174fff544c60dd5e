package sha256lanes

import (
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"
)

// check compares Sum with the standard library.
func check(t *testing.T, data [][]byte) {
	t.Helper()
	got, want := make([][sha256.Size]byte, len(data)), make([][sha256.Size]byte, len(data))
	Sum(got, data)
	sumEach(want, data)
	if !slices.Equal(got, want) {
		t.Errorf("%d messages, the first of %d bytes: hashes differ from the standard library's", len(data), len(data[0]))
	}
}

func TestSum(t *testing.T) {
	Sum(nil, nil)
	buf := make([]byte, 40<<16)
	rand.NewChaCha8([32]byte{1}).Read(buf)
	for _, size := range []int{0, 1, 55, 56, 63, 64, 65, 127, 128, 1000, 1 << 16} {
		for _, n := range []int{1, 4, 5, 15, 16, 17, 37} {
			var data [][]byte
			for i := range n {
				data = append(data, buf[i*size:][:size])
			}
			check(t, data)
			check(t, append(data[:len(data)/2:len(data)/2], append([][]byte{buf[:size+1]}, data...)...)) // another length in between
		}
	}
}

func TestProven(t *testing.T) {
	if wide && !usable() {
		t.Error("AVX-512 gives wrong hashes")
	}
	if !proven(sumEach) {
		t.Error("the standard library is not proven")
	}
	for name, wrong := range map[string]func(out [][sha256.Size]byte, data [][]byte){
		"last of an odd number": func(out [][sha256.Size]byte, data [][]byte) {
			sumEach(out, data)
			out[len(out)-1][0] ^= byte(len(out) & 1)
		},
		"two blocks of padding": func(out [][sha256.Size]byte, data [][]byte) {
			sumEach(out, data)
			if len(data[0]) == 56 {
				out[0][31]++
			}
		},
	} {
		if proven(wrong) {
			t.Errorf("%s: wrong code is proven", name)
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte("abc"), uint8(16), uint16(3))
	f.Add([]byte{0xff}, uint8(7), uint16(64*20-9))
	f.Fuzz(func(t *testing.T, seed []byte, n uint8, size uint16) {
		if len(seed) == 0 {
			seed = []byte{0}
		}
		count := int(n)%40 + 1
		data := make([][]byte, count)
		for i := range data {
			data[i] = make([]byte, size)
			for j := range data[i] {
				data[i][j] = seed[(i+j)%len(seed)] + byte(i*j>>4)
			}
		}
		check(t, data)
	})
}

func BenchmarkSum(b *testing.B) {
	data := make([][]byte, lanes)
	for i := range data {
		data[i] = make([]byte, 1<<20)
	}
	out := make([][sha256.Size]byte, lanes)
	for name, fn := range map[string]func(out [][sha256.Size]byte, data [][]byte){"lanes": Sum, "one by one": sumEach} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(lanes << 20)
			for b.Loop() {
				fn(out, data)
			}
		})
	}
}
