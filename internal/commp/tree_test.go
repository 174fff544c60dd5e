package commp

import (
	"bytes"
	"testing"
)

func TestChooseRefusesWrongCode(t *testing.T) {
	in := bytes.Repeat([]byte{3}, 128)
	want := make([]byte, 64)
	standard(want, in)
	for name, fn := range map[string]layerFunc{
		"right":     vector,
		"wrong":     func(out, in []byte) { vector(out, in); out[0] ^= 1 },
		"odd batch": func(out, in []byte) { vector(out, in); out[len(in)/2-1] ^= byte(len(in) >> 6 & 1) },
	} {
		got := make([]byte, 64)
		choose(fn)(got, in)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: chosen layer function gives %x, want %x", name, got, want)
		}
	}
}
