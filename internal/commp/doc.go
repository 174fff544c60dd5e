// Package commp computes piece commitments (commP): the root of the binary
// SHA-256 tree, truncated to 254 bits per node, over data that is fr32 padded
// and filled with zeros to a power of two.
//
// A Writer computes while bytes stream through it and holds one chunk of
// 256 KiB and one node per tree level, whatever the size of the piece; one made by
// NewParallel hashes chunks side by side and holds a chunk for each.
//
// Padding and layers have code for the processor: our own for AVX-512,
// gohashtree's for others. It proves itself against plain code on fixed inputs
// before it is used for the first time, because a wrong commitment costs a
// failed deal; what fails is left out, at last for crypto/sha256.
// Nothing here does I/O.
package commp
