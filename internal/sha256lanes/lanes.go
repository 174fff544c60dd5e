// Package sha256lanes computes the SHA-256 of messages of one length side by
// side, where the processor has AVX-512: sixteen of them take little more time
// than four one after the other. It proves itself against the standard library
// before it is used for the first time, and leaves the work to it if it fails.
package sha256lanes

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

const (
	lanes     = 16
	blockSize = sha256.BlockSize
	// least is the number of messages from which on lanes pay.
	least = 5
)

// initial is the state before the first block, FIPS 180-4 §5.3.3.
var initial = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

// usable says that blocks works here; it is found out once.
var usable = sync.OnceValue(func() bool { return wide && proven(sumLanes) })

// Width is how many messages are hashed side by side here: 1 if none are.
func Width() int {
	if usable() {
		return lanes
	}
	return 1
}

// Sum sets out[i] to the hash of data[i]. Messages of one length that follow
// each other are hashed side by side.
func Sum(out [][sha256.Size]byte, data [][]byte) {
	for len(data) > 0 {
		n := 1
		for n < len(data) && n < lanes && len(data[n]) == len(data[0]) {
			n++
		}
		if n >= least && usable() {
			sumLanes(out[:n], data[:n])
		} else {
			sumEach(out[:n], data[:n])
		}
		out, data = out[n:], data[n:]
	}
}

func sumEach(out [][sha256.Size]byte, data [][]byte) {
	for i, d := range data {
		out[i] = sha256.Sum256(d)
	}
}

// sumLanes hashes up to sixteen messages of one length. Lanes that are left do
// the work of the first again.
func sumLanes(out [][sha256.Size]byte, data [][]byte) {
	var (
		state [8][lanes]uint32
		ptrs  [lanes]*byte
		ends  [lanes][2 * blockSize]byte
	)
	for w := range state {
		for l := range state[w] {
			state[w][l] = initial[w]
		}
	}
	size := len(data[0])
	whole := size / blockSize
	if whole > 0 {
		for l := range ptrs {
			ptrs[l] = &data[lane(l, len(data))][0]
		}
		blocks(&state, &ptrs, whole)
	}
	rest := 1
	if size%blockSize > blockSize-9 {
		rest = 2
	}
	for l := range ptrs {
		end := ends[l][:rest*blockSize]
		n := copy(end, data[lane(l, len(data))][whole*blockSize:])
		end[n] = 0x80
		binary.BigEndian.PutUint64(end[len(end)-8:], uint64(size)*8)
		ptrs[l] = &end[0]
	}
	blocks(&state, &ptrs, rest)
	for l := range out {
		for w := range state {
			binary.BigEndian.PutUint32(out[l][4*w:], state[w][l])
		}
	}
}

func lane(l, n int) int {
	if l < n {
		return l
	}
	return 0
}

// proven compares fn with the standard library, for each number of messages
// and for lengths round the ends of blocks.
func proven(fn func(out [][sha256.Size]byte, data [][]byte)) bool {
	var buf [lanes * 200]byte
	for i := range buf {
		buf[i] = byte(i*7 + i>>8)
	}
	for _, size := range []int{0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 199} {
		for n := 1; n <= lanes; n++ {
			var got, want [lanes][sha256.Size]byte
			var data [lanes][]byte
			for l := range data {
				data[l] = buf[200*l:][:size]
			}
			fn(got[:n], data[:n])
			sumEach(want[:n], data[:n])
			if got != want {
				return false
			}
		}
	}
	return true
}
