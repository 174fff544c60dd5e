//go:build !amd64

package sha256lanes

const wide = false

func blocks(*[8][lanes]uint32, *[lanes]*byte, int) {}
