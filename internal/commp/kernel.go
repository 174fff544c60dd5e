package commp

import (
	"bytes"
	"crypto/sha256"
	"sync"

	"github.com/prysmaticlabs/gohashtree"
)

// A kernel is code for the two inner loops.
type kernel struct {
	name string
	// layer makes one node of each 64 bytes of in: 32 bytes of out, which may be the start of in.
	layer func(out, in []byte)
	// pad writes the fr32 padding of in, whole quads, to out.
	pad func(out, in []byte)
}

var plain = kernel{name: "crypto/sha256", layer: standard, pad: padQuads}

// fastest is the kernel in use. The processor's features alone decide, and not
// a measurement, so that the same machine always runs the same code: wherever
// AVX-512 exists sixteen lanes of it do more than the SHA instructions, which
// gohashtree takes, as those work on one message and wait for each round.
var fastest = sync.OnceValue(func() *kernel { return choose(append(native(), &vector)...) })

// choose returns the first kernel that agrees with the standard library.
func choose(kernels ...*kernel) *kernel {
	for _, k := range kernels {
		if k.proven() {
			return k
		}
	}
	return &plain
}

// proven compares the kernel with plain code, for every number of messages
// that its code may treat differently and in place as it will be used.
func (k *kernel) proven() bool {
	const most = 131 // twice the widest batch, and a bit
	in := make([]byte, most*2*nodeSize)
	for i := range in {
		in[i] = byte(i*7 + i>>8)
	}
	for n := 1; n <= most; n++ {
		want, got := make([]byte, n*nodeSize), bytes.Clone(in[:n*2*nodeSize])
		standard(want, got)
		k.layer(got, got)
		if !bytes.Equal(want, got[:len(want)]) {
			return false
		}
	}
	for n := 1; n <= 3; n++ {
		want, got := make([]byte, n*quadOut), make([]byte, n*quadOut)
		padQuads(want, in[:n*quadIn])
		k.pad(got, in[:n*quadIn])
		if !bytes.Equal(want, got) {
			return false
		}
	}
	return true
}

// vector is what gohashtree has for this processor: SHA instructions, AVX2, NEON or none.
var vector = kernel{name: "gohashtree", layer: vectorLayer, pad: padQuads}

func vectorLayer(out, in []byte) {
	out = out[:len(in)/2]
	if err := gohashtree.HashByteSlice(out, in); err != nil {
		panic(err) // lengths are ours
	}
	truncate(out)
}

func standard(out, in []byte) {
	for i := 0; i < len(in); i += 2 * nodeSize {
		sum := sha256.Sum256(in[i : i+2*nodeSize])
		copy(out[i/2:], sum[:])
	}
	truncate(out[:len(in)/2])
}

// truncate leaves 254 bits of each node, so that it is an element of the field.
func truncate(nodes []byte) {
	for i := nodeSize - 1; i < len(nodes); i += nodeSize {
		nodes[i] &= 0x3f
	}
}
