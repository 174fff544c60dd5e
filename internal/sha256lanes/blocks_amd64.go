package sha256lanes

import "github.com/klauspost/cpuid/v2"

// wide says that the processor and the system have what blocks uses.
var wide = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW)

// blocks adds n blocks of each message to its state, n at least 1.
//
//go:noescape
func blocks(state *[8][lanes]uint32, data *[lanes]*byte, n int)
