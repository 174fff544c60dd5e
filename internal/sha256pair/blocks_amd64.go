package sha256pair

import "github.com/klauspost/cpuid/v2"

// fast says that the processor has what blocks uses.
var fast = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4)

// blocks adds the whole blocks in p to two states.
//
//go:noescape
func blocks(a, b *[8]uint32, p []byte)
