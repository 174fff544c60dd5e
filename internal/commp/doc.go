// Package commp computes piece commitments (commP): the root of the binary
// SHA-256 tree, truncated to 254 bits per node, over data that is fr32 padded
// and filled with zeros to a power of two.
//
// A Writer computes while bytes stream through it and holds one chunk of
// 256 KiB and one node per tree level, whatever the size of the piece.
//
// Layers are hashed by gohashtree's vector code. It proves itself against
// crypto/sha256 on a fixed input before it is used for the first time, because
// a wrong commitment costs a failed deal; if it fails, crypto/sha256 does the work.
// Nothing here does I/O.
package commp
