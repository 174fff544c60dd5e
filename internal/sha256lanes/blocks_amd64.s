#include "textflag.h"

// SHA-256 (FIPS 180-4) of sixteen messages at once: a register holds the same
// word of each.
//
//	Z0 –Z7   state a … h
//	Z8 –Z23  sixteen words of the schedule
//	Z24–Z31  scratch
//	BX       state before the block, 512 bytes

// XOR3 sets t2 to t0 ^ t1 ^ t2.
#define XOR3(t0, t1, t2) VPTERNLOGD $0x96, t1, t0, t2

// ROUND is a round with word w and the constant at k; its ternary operations
// are e ? f : g and the majority of a, b, c.
#define ROUND(a, b, c, d, e, f, g, h, w, k) \
	VPADDD.BCST k(AX), h, h; \
	VPADDD      w, h, h; \
	VPRORD      $6, e, Z24; \
	VPRORD      $11, e, Z25; \
	VMOVDQA32   e, Z26; \
	VPTERNLOGD  $0xCA, g, f, Z26; \
	VPADDD      Z26, h, h; \
	VPRORD      $25, e, Z26; \
	XOR3(Z24, Z25, Z26); \
	VPADDD      Z26, h, h; \
	VPADDD      h, d, d; \
	VPRORD      $2, a, Z24; \
	VPRORD      $13, a, Z25; \
	VMOVDQA32   a, Z26; \
	VPTERNLOGD  $0xE8, c, b, Z26; \
	VPADDD      Z26, h, h; \
	VPRORD      $22, a, Z26; \
	XOR3(Z24, Z25, Z26); \
	VPADDD      Z26, h, h

// EXTEND replaces word w by the one sixteen rounds later; w1, w9 and w14 follow it by so many.
#define EXTEND(w, w1, w9, w14) \
	VPRORD $7, w1, Z27; \
	VPRORD $18, w1, Z28; \
	VPSRLD $3, w1, Z29; \
	XOR3(Z27, Z28, Z29); \
	VPADDD w9, w, w; \
	VPADDD Z29, w, w; \
	VPRORD $17, w14, Z27; \
	VPRORD $19, w14, Z28; \
	VPSRLD $10, w14, Z29; \
	XOR3(Z27, Z28, Z29); \
	VPADDD Z29, w, w

// LOAD takes a block of the message whose address is at p, and swaps the bytes of its words.
#define LOAD(p, r) \
	MOVQ      p(SI), R8; \
	VMOVDQU32 (R8)(DX*1), r; \
	VPSHUFB   Z31, r, r

// WORDS4 turns four rows into their words: in each 128 bits, the same word of all four.
#define WORDS4(r0, r1, r2, r3) \
	VPUNPCKLDQ  r1, r0, Z24; \
	VPUNPCKHDQ  r1, r0, Z25; \
	VPUNPCKLDQ  r3, r2, Z26; \
	VPUNPCKHDQ  r3, r2, Z27; \
	VPUNPCKLQDQ Z26, Z24, r0; \
	VPUNPCKHQDQ Z26, Z24, r1; \
	VPUNPCKLQDQ Z27, Z25, r2; \
	VPUNPCKHQDQ Z27, Z25, r3

// TURN4 transposes four registers of four times 128 bits.
#define TURN4(r0, r1, r2, r3) \
	VSHUFI32X4 $0x44, r1, r0, Z24; \
	VSHUFI32X4 $0xEE, r1, r0, Z25; \
	VSHUFI32X4 $0x44, r3, r2, Z26; \
	VSHUFI32X4 $0xEE, r3, r2, Z27; \
	VSHUFI32X4 $0x88, Z26, Z24, r0; \
	VSHUFI32X4 $0xDD, Z26, Z24, r1; \
	VSHUFI32X4 $0x88, Z27, Z25, r2; \
	VSHUFI32X4 $0xDD, Z27, Z25, r3

// func blocks(state *[8][16]uint32, data *[16]*byte, n int)
TEXT ·blocks(SB), 0, $576-24
	MOVQ state+0(FP), DI
	MOVQ data+8(FP), SI
	MOVQ n+16(FP), R9
	XORQ DX, DX
	LEAQ 63(SP), BX
	ANDQ $-64, BX
	VBROADCASTI32X4 swap<>(SB), Z31
	VMOVDQU32 0(DI), Z0
	VMOVDQU32 64(DI), Z1
	VMOVDQU32 128(DI), Z2
	VMOVDQU32 192(DI), Z3
	VMOVDQU32 256(DI), Z4
	VMOVDQU32 320(DI), Z5
	VMOVDQU32 384(DI), Z6
	VMOVDQU32 448(DI), Z7

next:
	VMOVDQA32 Z0, 0(BX)
	VMOVDQA32 Z1, 64(BX)
	VMOVDQA32 Z2, 128(BX)
	VMOVDQA32 Z3, 192(BX)
	VMOVDQA32 Z4, 256(BX)
	VMOVDQA32 Z5, 320(BX)
	VMOVDQA32 Z6, 384(BX)
	VMOVDQA32 Z7, 448(BX)
	LOAD(0, Z8)
	LOAD(8, Z9)
	LOAD(16, Z10)
	LOAD(24, Z11)
	LOAD(32, Z12)
	LOAD(40, Z13)
	LOAD(48, Z14)
	LOAD(56, Z15)
	LOAD(64, Z16)
	LOAD(72, Z17)
	LOAD(80, Z18)
	LOAD(88, Z19)
	LOAD(96, Z20)
	LOAD(104, Z21)
	LOAD(112, Z22)
	LOAD(120, Z23)
	WORDS4(Z8, Z9, Z10, Z11)
	WORDS4(Z12, Z13, Z14, Z15)
	WORDS4(Z16, Z17, Z18, Z19)
	WORDS4(Z20, Z21, Z22, Z23)
	TURN4(Z8, Z12, Z16, Z20)
	TURN4(Z9, Z13, Z17, Z21)
	TURN4(Z10, Z14, Z18, Z22)
	TURN4(Z11, Z15, Z19, Z23)
	LEAQ constants<>(SB), AX
	MOVQ $3, CX

extend:
	ROUND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, 0)
	EXTEND(Z8, Z9, Z17, Z22)
	ROUND(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z9, 4)
	EXTEND(Z9, Z10, Z18, Z23)
	ROUND(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z10, 8)
	EXTEND(Z10, Z11, Z19, Z8)
	ROUND(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z11, 12)
	EXTEND(Z11, Z12, Z20, Z9)
	ROUND(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z12, 16)
	EXTEND(Z12, Z13, Z21, Z10)
	ROUND(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z13, 20)
	EXTEND(Z13, Z14, Z22, Z11)
	ROUND(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z14, 24)
	EXTEND(Z14, Z15, Z23, Z12)
	ROUND(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z15, 28)
	EXTEND(Z15, Z16, Z8, Z13)
	ROUND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z16, 32)
	EXTEND(Z16, Z17, Z9, Z14)
	ROUND(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z17, 36)
	EXTEND(Z17, Z18, Z10, Z15)
	ROUND(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z18, 40)
	EXTEND(Z18, Z19, Z11, Z16)
	ROUND(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z19, 44)
	EXTEND(Z19, Z20, Z12, Z17)
	ROUND(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z20, 48)
	EXTEND(Z20, Z21, Z13, Z18)
	ROUND(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z21, 52)
	EXTEND(Z21, Z22, Z14, Z19)
	ROUND(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z22, 56)
	EXTEND(Z22, Z23, Z15, Z20)
	ROUND(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z23, 60)
	EXTEND(Z23, Z8, Z16, Z21)
	ADDQ $64, AX
	DECQ CX
	JNZ  extend

	ROUND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, 0)
	ROUND(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z9, 4)
	ROUND(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z10, 8)
	ROUND(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z11, 12)
	ROUND(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z12, 16)
	ROUND(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z13, 20)
	ROUND(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z14, 24)
	ROUND(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z15, 28)
	ROUND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z16, 32)
	ROUND(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z17, 36)
	ROUND(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z18, 40)
	ROUND(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z19, 44)
	ROUND(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z20, 48)
	ROUND(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z21, 52)
	ROUND(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z22, 56)
	ROUND(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z23, 60)

	VPADDD 0(BX), Z0, Z0
	VPADDD 64(BX), Z1, Z1
	VPADDD 128(BX), Z2, Z2
	VPADDD 192(BX), Z3, Z3
	VPADDD 256(BX), Z4, Z4
	VPADDD 320(BX), Z5, Z5
	VPADDD 384(BX), Z6, Z6
	VPADDD 448(BX), Z7, Z7
	ADDQ $64, DX
	DECQ R9
	JNZ  next

	VMOVDQU32 Z0, 0(DI)
	VMOVDQU32 Z1, 64(DI)
	VMOVDQU32 Z2, 128(DI)
	VMOVDQU32 Z3, 192(DI)
	VMOVDQU32 Z4, 256(DI)
	VMOVDQU32 Z5, 320(DI)
	VMOVDQU32 Z6, 384(DI)
	VMOVDQU32 Z7, 448(DI)
	VZEROUPPER
	RET

// swap is the order of bytes that turns words round.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

// constants are those of the rounds.
DATA constants<>+0(SB)/8, $0x71374491428a2f98
DATA constants<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA constants<>+16(SB)/8, $0x59f111f13956c25b
DATA constants<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA constants<>+32(SB)/8, $0x12835b01d807aa98
DATA constants<>+40(SB)/8, $0x550c7dc3243185be
DATA constants<>+48(SB)/8, $0x80deb1fe72be5d74
DATA constants<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA constants<>+64(SB)/8, $0xefbe4786e49b69c1
DATA constants<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA constants<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA constants<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA constants<>+96(SB)/8, $0xa831c66d983e5152
DATA constants<>+104(SB)/8, $0xbf597fc7b00327c8
DATA constants<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA constants<>+120(SB)/8, $0x1429296706ca6351
DATA constants<>+128(SB)/8, $0x2e1b213827b70a85
DATA constants<>+136(SB)/8, $0x53380d134d2c6dfc
DATA constants<>+144(SB)/8, $0x766a0abb650a7354
DATA constants<>+152(SB)/8, $0x92722c8581c2c92e
DATA constants<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA constants<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA constants<>+176(SB)/8, $0xd6990624d192e819
DATA constants<>+184(SB)/8, $0x106aa070f40e3585
DATA constants<>+192(SB)/8, $0x1e376c0819a4c116
DATA constants<>+200(SB)/8, $0x34b0bcb52748774c
DATA constants<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA constants<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA constants<>+224(SB)/8, $0x78a5636f748f82ee
DATA constants<>+232(SB)/8, $0x8cc7020884c87814
DATA constants<>+240(SB)/8, $0xa4506ceb90befffa
DATA constants<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL constants<>(SB), RODATA|NOPTR, $256
