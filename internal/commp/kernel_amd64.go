package commp

import "github.com/klauspost/cpuid/v2"

// batch is the number of nodes that sum32 makes at once.
const batch = 32

// native returns our own kernel where the processor and the system have AVX-512.
func native() []*kernel {
	if !cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW) {
		return nil
	}
	return []*kernel{{name: "avx512", layer: wideLayer, pad: widePad}}
}

func wideLayer(out, in []byte) {
	const size = batch * 2 * nodeSize
	if n := len(in) / size; n > 0 {
		out := out[:n*size/2]
		sum32(&out[0], &in[0], n)
	}
	done := len(in) / size * size
	in, out = in[done:], out[done/2:]
	if len(in) <= size/4 {
		vectorLayer(out, in) // sooner done one by one
		return
	}
	var rest [size]byte
	copy(rest[:], in)
	sum32(&rest[0], &rest[0], 1)
	copy(out, rest[:len(in)/2])
}

func widePad(out, in []byte) {
	n := len(in) / quadIn
	out = out[:n*quadOut]
	padWide(&out[0], &in[0], n)
}

// sum32 makes 32·n nodes of the 64·n below them, n at least 1. out may be in.
//
//go:noescape
func sum32(out, in *byte, n int)

// padWide pads n quads, at least 1.
//
//go:noescape
func padWide(out, in *byte, n int)
