#include "textflag.h"

// func padWide(out, in *byte, n int)
//
// A quad is sixteen words of 64 bits, its last without the highest byte. Word i
// of the result is word i shifted left by twice the number of its node, with
// the bits that left word i-1; the last word of a node keeps 62 bits.
TEXT ·padWide(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ n+16(FP), DX
	VMOVDQU64 left<>+0(SB), Z16
	VMOVDQU64 left<>+64(SB), Z17
	VMOVDQU64 right<>+0(SB), Z18
	VMOVDQU64 right<>+64(SB), Z19
	VMOVDQU64 keep<>(SB), Z20
	VPXORQ Z21, Z21, Z21
	MOVQ $0x7fffffffffffffff, AX // all but the byte after the quad
	KMOVQ AX, K1

next:
	VMOVDQU64  0(SI), Z0
	VMOVDQU8.Z 64(SI), K1, Z1
	VALIGNQ    $7, Z21, Z0, Z2 // the words before those of Z0
	VMOVDQU64  56(SI), Z3      // … of Z1
	VPSLLVQ    Z16, Z0, Z0
	VPSLLVQ    Z17, Z1, Z1
	VPSRLVQ    Z18, Z2, Z2
	VPSRLVQ    Z19, Z3, Z3
	VPTERNLOGQ $0xA8, Z20, Z2, Z0 // (Z0 | Z2) & Z20
	VPTERNLOGQ $0xA8, Z20, Z3, Z1
	VMOVDQU64  Z0, 0(DI)
	VMOVDQU64  Z1, 64(DI)
	ADDQ $127, SI
	ADDQ $128, DI
	DECQ DX
	JNZ  next
	VZEROUPPER
	RET

// left is by how much each word is shifted.
DATA left<>+0(SB)/8, $0
DATA left<>+8(SB)/8, $0
DATA left<>+16(SB)/8, $0
DATA left<>+24(SB)/8, $0
DATA left<>+32(SB)/8, $2
DATA left<>+40(SB)/8, $2
DATA left<>+48(SB)/8, $2
DATA left<>+56(SB)/8, $2
DATA left<>+64(SB)/8, $4
DATA left<>+72(SB)/8, $4
DATA left<>+80(SB)/8, $4
DATA left<>+88(SB)/8, $4
DATA left<>+96(SB)/8, $6
DATA left<>+104(SB)/8, $6
DATA left<>+112(SB)/8, $6
DATA left<>+120(SB)/8, $6
GLOBL left<>(SB), RODATA|NOPTR, $128

// right is by how much the word before it is; 64 leaves nothing.
DATA right<>+0(SB)/8, $0x40
DATA right<>+8(SB)/8, $0x40
DATA right<>+16(SB)/8, $0x40
DATA right<>+24(SB)/8, $0x40
DATA right<>+32(SB)/8, $0x3e
DATA right<>+40(SB)/8, $0x3e
DATA right<>+48(SB)/8, $0x3e
DATA right<>+56(SB)/8, $0x3e
DATA right<>+64(SB)/8, $0x3c
DATA right<>+72(SB)/8, $0x3c
DATA right<>+80(SB)/8, $0x3c
DATA right<>+88(SB)/8, $0x3c
DATA right<>+96(SB)/8, $0x3a
DATA right<>+104(SB)/8, $0x3a
DATA right<>+112(SB)/8, $0x3a
DATA right<>+120(SB)/8, $0x3a
GLOBL right<>(SB), RODATA|NOPTR, $128

// keep has the 254 bits of two nodes.
DATA keep<>+0(SB)/8, $0xffffffffffffffff
DATA keep<>+8(SB)/8, $0xffffffffffffffff
DATA keep<>+16(SB)/8, $0xffffffffffffffff
DATA keep<>+24(SB)/8, $0x3fffffffffffffff
DATA keep<>+32(SB)/8, $0xffffffffffffffff
DATA keep<>+40(SB)/8, $0xffffffffffffffff
DATA keep<>+48(SB)/8, $0xffffffffffffffff
DATA keep<>+56(SB)/8, $0x3fffffffffffffff
GLOBL keep<>(SB), RODATA|NOPTR, $64
