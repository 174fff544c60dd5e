package md5lane

const paired = true

// blocks adds n whole blocks, at least one, at p to the first state, and as many at q to the other.
//
//go:noescape
func blocks(a, b *[4]uint32, p, q *byte, n int)
