package commp

import "encoding/binary"

// padQuads writes the fr32 padding of in, whole quads of 127 bytes, to out: two
// zero bits after each 254.
func padQuads(out, in []byte) {
	for len(in) >= quadIn {
		padQuad((*[quadOut]byte)(out), (*[quadIn]byte)(in))
		out, in = out[quadOut:], in[quadIn:]
	}
}

// padQuad shifts the second, third and fourth 254 bits of a quad left by 2, 4 and 6 bits.
func padQuad(out *[quadOut]byte, in *[quadIn]byte) {
	var w [16]uint64
	for i := range 15 {
		w[i] = binary.LittleEndian.Uint64(in[8*i:])
	}
	var last [8]byte
	copy(last[:], in[120:])
	w[15] = binary.LittleEndian.Uint64(last[:])

	put := func(i int, v uint64) { binary.LittleEndian.PutUint64(out[8*i:], v) }
	for i := range 3 {
		put(i, w[i])
	}
	put(3, w[3]&(1<<62-1))
	for q := 1; q < 4; q++ {
		s := uint(2 * q)
		for i := 4 * q; i < 4*q+4; i++ {
			v := w[i]<<s | w[i-1]>>(64-s)
			if i%4 == 3 {
				v &= 1<<62 - 1
			}
			put(i, v)
		}
	}
}
