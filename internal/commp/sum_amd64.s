#include "textflag.h"

// SHA-256 (FIPS 180-4) of sixteen messages at once: a register holds the same
// word of each. Every message has 64 bytes, hence two blocks: the message, and
// a padding that is the same for all, so that its schedule is a table.
//
// A round waits for the one before it. The first block has its schedule to
// compute in that time; for the second, two sixteens go side by side.
//
//	Z0 –Z7   state a … h
//	Z8 –Z23  first block: sixteen words of the schedule
//	Z8 –Z15  second block: state of the second sixteen
//	Z24–Z31  scratch
//	BX       states between the blocks, 512 bytes for each sixteen

// XOR3 sets t2 to t0 ^ t1 ^ t2.
#define XOR3(t0, t1, t2) VPTERNLOGD $0x96, t1, t0, t2

// ROUND is a round, to whose h constant and word were added.
#define ROUND(a, b, c, d, e, f, g, h, t0, t1, t2) \
	VPRORD     $6, e, t0; \
	VPRORD     $11, e, t1; \
	VMOVDQA32  e, t2; \
	VPTERNLOGD $0xCA, g, f, t2; \
	VPADDD     t2, h, h; \
	VPRORD     $25, e, t2; \
	XOR3(t0, t1, t2); \
	VPADDD     t2, h, h; \
	VPADDD     h, d, d; \
	VPRORD     $2, a, t0; \
	VPRORD     $13, a, t1; \
	VMOVDQA32  a, t2; \
	VPTERNLOGD $0xE8, c, b, t2; \
	VPADDD     t2, h, h; \
	VPRORD     $22, a, t2; \
	XOR3(t0, t1, t2); \
	VPADDD     t2, h, h

// FIRST is a round of the first block, with word w and the constant at k.
#define FIRST(a, b, c, d, e, f, g, h, w, k) \
	VPADDD.BCST k(AX), h, h; \
	VPADDD      w, h, h; \
	ROUND(a, b, c, d, e, f, g, h, Z24, Z25, Z26)

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

// SECOND is a round of the second block for both sixteens.
#define SECOND(a, b, c, d, e, f, g, h, A, B, C, D, E, F, G, H, k) \
	VPADDD.BCST k(AX), h, h; \
	VPADDD.BCST k(AX), H, H; \
	ROUND(a, b, c, d, e, f, g, h, Z24, Z25, Z26); \
	ROUND(A, B, C, D, E, F, G, H, Z28, Z29, Z30)

// LOAD takes the message at off and swaps the bytes of its words.
#define LOAD(off, r) \
	VMOVDQU32 off(SI), r; \
	VPSHUFB   Z31, r, r

// WORDS4 turns four rows into their words: in each 128 bits, the same word of all four.
#define WORDS4(r0, r1, r2, r3, t0, t1, t2, t3) \
	VPUNPCKLDQ  r1, r0, t0; \
	VPUNPCKHDQ  r1, r0, t1; \
	VPUNPCKLDQ  r3, r2, t2; \
	VPUNPCKHDQ  r3, r2, t3; \
	VPUNPCKLQDQ t2, t0, r0; \
	VPUNPCKHQDQ t2, t0, r1; \
	VPUNPCKLQDQ t3, t1, r2; \
	VPUNPCKHQDQ t3, t1, r3

// TURN4 transposes four registers of four times 128 bits.
#define TURN4(r0, r1, r2, r3, t0, t1, t2, t3) \
	VSHUFI32X4 $0x44, r1, r0, t0; \
	VSHUFI32X4 $0xEE, r1, r0, t1; \
	VSHUFI32X4 $0x44, r3, r2, t2; \
	VSHUFI32X4 $0xEE, r3, r2, t3; \
	VSHUFI32X4 $0x88, t2, t0, r0; \
	VSHUFI32X4 $0xDD, t2, t0, r1; \
	VSHUFI32X4 $0x88, t3, t1, r2; \
	VSHUFI32X4 $0xDD, t3, t1, r3

// STORE swaps the bytes of two nodes back and writes them.
#define STORE(r, off) \
	VPSHUFB   Z31, r, r; \
	VMOVDQU32 r, off(DI)

// func sum32(out, in *byte, n int)
TEXT ·sum32(SB), 0, $1088-24
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ n+16(FP), DX
	LEAQ 63(SP), BX
	ANDQ $-64, BX

next:
	MOVQ $2, R8 // sixteens to do before both go on to the second block
	MOVQ BX, R9

first:
	VBROADCASTI32X4 swap<>(SB), Z31
	LOAD(0, Z8)
	LOAD(64, Z9)
	LOAD(128, Z10)
	LOAD(192, Z11)
	LOAD(256, Z12)
	LOAD(320, Z13)
	LOAD(384, Z14)
	LOAD(448, Z15)
	LOAD(512, Z16)
	LOAD(576, Z17)
	LOAD(640, Z18)
	LOAD(704, Z19)
	LOAD(768, Z20)
	LOAD(832, Z21)
	LOAD(896, Z22)
	LOAD(960, Z23)
	WORDS4(Z8, Z9, Z10, Z11, Z0, Z1, Z2, Z3)
	WORDS4(Z12, Z13, Z14, Z15, Z4, Z5, Z6, Z7)
	WORDS4(Z16, Z17, Z18, Z19, Z0, Z1, Z2, Z3)
	WORDS4(Z20, Z21, Z22, Z23, Z4, Z5, Z6, Z7)
	TURN4(Z8, Z12, Z16, Z20, Z0, Z1, Z2, Z3)
	TURN4(Z9, Z13, Z17, Z21, Z4, Z5, Z6, Z7)
	TURN4(Z10, Z14, Z18, Z22, Z0, Z1, Z2, Z3)
	TURN4(Z11, Z15, Z19, Z23, Z4, Z5, Z6, Z7)

	VPBROADCASTD initial<>+0(SB), Z0
	VPBROADCASTD initial<>+4(SB), Z1
	VPBROADCASTD initial<>+8(SB), Z2
	VPBROADCASTD initial<>+12(SB), Z3
	VPBROADCASTD initial<>+16(SB), Z4
	VPBROADCASTD initial<>+20(SB), Z5
	VPBROADCASTD initial<>+24(SB), Z6
	VPBROADCASTD initial<>+28(SB), Z7
	LEAQ constants<>(SB), AX
	MOVQ $3, CX

extend:
	FIRST(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, 0)
	EXTEND(Z8, Z9, Z17, Z22)
	FIRST(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z9, 4)
	EXTEND(Z9, Z10, Z18, Z23)
	FIRST(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z10, 8)
	EXTEND(Z10, Z11, Z19, Z8)
	FIRST(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z11, 12)
	EXTEND(Z11, Z12, Z20, Z9)
	FIRST(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z12, 16)
	EXTEND(Z12, Z13, Z21, Z10)
	FIRST(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z13, 20)
	EXTEND(Z13, Z14, Z22, Z11)
	FIRST(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z14, 24)
	EXTEND(Z14, Z15, Z23, Z12)
	FIRST(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z15, 28)
	EXTEND(Z15, Z16, Z8, Z13)
	FIRST(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z16, 32)
	EXTEND(Z16, Z17, Z9, Z14)
	FIRST(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z17, 36)
	EXTEND(Z17, Z18, Z10, Z15)
	FIRST(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z18, 40)
	EXTEND(Z18, Z19, Z11, Z16)
	FIRST(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z19, 44)
	EXTEND(Z19, Z20, Z12, Z17)
	FIRST(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z20, 48)
	EXTEND(Z20, Z21, Z13, Z18)
	FIRST(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z21, 52)
	EXTEND(Z21, Z22, Z14, Z19)
	FIRST(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z22, 56)
	EXTEND(Z22, Z23, Z15, Z20)
	FIRST(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z23, 60)
	EXTEND(Z23, Z8, Z16, Z21)
	ADDQ $64, AX
	DECQ CX
	JNZ  extend

	FIRST(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, 0)
	FIRST(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z9, 4)
	FIRST(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z10, 8)
	FIRST(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z11, 12)
	FIRST(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z12, 16)
	FIRST(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z13, 20)
	FIRST(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z14, 24)
	FIRST(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z15, 28)
	FIRST(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z16, 32)
	FIRST(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z17, 36)
	FIRST(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z18, 40)
	FIRST(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z19, 44)
	FIRST(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z20, 48)
	FIRST(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z21, 52)
	FIRST(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z22, 56)
	FIRST(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z23, 60)

	VPADDD.BCST initial<>+0(SB), Z0, Z0
	VPADDD.BCST initial<>+4(SB), Z1, Z1
	VPADDD.BCST initial<>+8(SB), Z2, Z2
	VPADDD.BCST initial<>+12(SB), Z3, Z3
	VPADDD.BCST initial<>+16(SB), Z4, Z4
	VPADDD.BCST initial<>+20(SB), Z5, Z5
	VPADDD.BCST initial<>+24(SB), Z6, Z6
	VPADDD.BCST initial<>+28(SB), Z7, Z7
	VMOVDQA32   Z0, 0(R9)
	VMOVDQA32   Z1, 64(R9)
	VMOVDQA32   Z2, 128(R9)
	VMOVDQA32   Z3, 192(R9)
	VMOVDQA32   Z4, 256(R9)
	VMOVDQA32   Z5, 320(R9)
	VMOVDQA32   Z6, 384(R9)
	VMOVDQA32   Z7, 448(R9)
	ADDQ $512, R9
	ADDQ $1024, SI
	DECQ R8
	JNZ  first

	VMOVDQA32 Z0, Z8
	VMOVDQA32 Z1, Z9
	VMOVDQA32 Z2, Z10
	VMOVDQA32 Z3, Z11
	VMOVDQA32 Z4, Z12
	VMOVDQA32 Z5, Z13
	VMOVDQA32 Z6, Z14
	VMOVDQA32 Z7, Z15
	VMOVDQA32 0(BX), Z0
	VMOVDQA32 64(BX), Z1
	VMOVDQA32 128(BX), Z2
	VMOVDQA32 192(BX), Z3
	VMOVDQA32 256(BX), Z4
	VMOVDQA32 320(BX), Z5
	VMOVDQA32 384(BX), Z6
	VMOVDQA32 448(BX), Z7
	LEAQ padding<>(SB), AX
	MOVQ $8, CX

second:
	SECOND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15, 0)
	SECOND(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z15, Z8, Z9, Z10, Z11, Z12, Z13, Z14, 4)
	SECOND(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z14, Z15, Z8, Z9, Z10, Z11, Z12, Z13, 8)
	SECOND(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z13, Z14, Z15, Z8, Z9, Z10, Z11, Z12, 12)
	SECOND(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z12, Z13, Z14, Z15, Z8, Z9, Z10, Z11, 16)
	SECOND(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z11, Z12, Z13, Z14, Z15, Z8, Z9, Z10, 20)
	SECOND(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z10, Z11, Z12, Z13, Z14, Z15, Z8, Z9, 24)
	SECOND(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z9, Z10, Z11, Z12, Z13, Z14, Z15, Z8, 28)
	ADDQ $32, AX
	DECQ CX
	JNZ  second

	VPADDD 0(BX), Z0, Z0
	VPADDD 64(BX), Z1, Z1
	VPADDD 128(BX), Z2, Z2
	VPADDD 192(BX), Z3, Z3
	VPADDD 256(BX), Z4, Z4
	VPADDD 320(BX), Z5, Z5
	VPADDD 384(BX), Z6, Z6
	VPADDD 448(BX), Z7, Z7
	VPADDD 512(BX), Z8, Z8
	VPADDD 576(BX), Z9, Z9
	VPADDD 640(BX), Z10, Z10
	VPADDD 704(BX), Z11, Z11
	VPADDD 768(BX), Z12, Z12
	VPADDD 832(BX), Z13, Z13
	VPADDD 896(BX), Z14, Z14
	VPADDD 960(BX), Z15, Z15

	// A node is an element of the field: 254 bits.
	VPANDD.BCST field<>(SB), Z7, Z7
	VPANDD.BCST field<>(SB), Z15, Z15
	VBROADCASTI32X4 swap<>(SB), Z31

	WORDS4(Z0, Z1, Z2, Z3, Z16, Z17, Z18, Z19)
	WORDS4(Z4, Z5, Z6, Z7, Z20, Z21, Z22, Z23)
	TURN4(Z0, Z4, Z1, Z5, Z16, Z17, Z18, Z19)
	TURN4(Z2, Z6, Z3, Z7, Z20, Z21, Z22, Z23)
	STORE(Z0, 0)
	STORE(Z2, 64)
	STORE(Z4, 128)
	STORE(Z6, 192)
	STORE(Z1, 256)
	STORE(Z3, 320)
	STORE(Z5, 384)
	STORE(Z7, 448)
	WORDS4(Z8, Z9, Z10, Z11, Z16, Z17, Z18, Z19)
	WORDS4(Z12, Z13, Z14, Z15, Z20, Z21, Z22, Z23)
	TURN4(Z8, Z12, Z9, Z13, Z16, Z17, Z18, Z19)
	TURN4(Z10, Z14, Z11, Z15, Z20, Z21, Z22, Z23)
	STORE(Z8, 512)
	STORE(Z10, 576)
	STORE(Z12, 640)
	STORE(Z14, 704)
	STORE(Z9, 768)
	STORE(Z11, 832)
	STORE(Z13, 896)
	STORE(Z15, 960)
	ADDQ $1024, DI
	DECQ DX
	JNZ  next
	VZEROUPPER
	RET

// swap is the order of bytes that turns words round.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

DATA field<>+0(SB)/4, $0xffffff3f
GLOBL field<>(SB), RODATA|NOPTR, $4

// initial is the state before the first block.
DATA initial<>+0(SB)/8, $0xbb67ae856a09e667
DATA initial<>+8(SB)/8, $0xa54ff53a3c6ef372
DATA initial<>+16(SB)/8, $0x9b05688c510e527f
DATA initial<>+24(SB)/8, $0x5be0cd191f83d9ab
GLOBL initial<>(SB), RODATA|NOPTR, $32

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

// padding is the schedule of the second block with the constants added.
DATA padding<>+0(SB)/8, $0x71374491c28a2f98
DATA padding<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA padding<>+16(SB)/8, $0x59f111f13956c25b
DATA padding<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA padding<>+32(SB)/8, $0x12835b01d807aa98
DATA padding<>+40(SB)/8, $0x550c7dc3243185be
DATA padding<>+48(SB)/8, $0x80deb1fe72be5d74
DATA padding<>+56(SB)/8, $0xc19bf3749bdc06a7
DATA padding<>+64(SB)/8, $0xf0fe4786649b69c1
DATA padding<>+72(SB)/8, $0x240cf2540fe1edc6
DATA padding<>+80(SB)/8, $0x6cc984be4fe9346f
DATA padding<>+88(SB)/8, $0x16f988fa61b9411e
DATA padding<>+96(SB)/8, $0xa88e5a6df2c65152
DATA padding<>+104(SB)/8, $0xb9d99ec7b019fc65
DATA padding<>+112(SB)/8, $0xe70eeaa09a1231c3
DATA padding<>+120(SB)/8, $0xc7353eb0fdb1232b
DATA padding<>+128(SB)/8, $0xcb976d5f3069bad5
DATA padding<>+136(SB)/8, $0xdc1eeefd5a0f118f
DATA padding<>+144(SB)/8, $0xde0b7a040a35b689
DATA padding<>+152(SB)/8, $0xe15d5b1658f4ca9d
DATA padding<>+160(SB)/8, $0x37088980007f3e86
DATA padding<>+168(SB)/8, $0x6fab9537a507ea32
DATA padding<>+176(SB)/8, $0x0d8cd6f117406110
DATA padding<>+184(SB)/8, $0xc0bbbe37cdaa3b6d
DATA padding<>+192(SB)/8, $0xdb48a36383613bda
DATA padding<>+200(SB)/8, $0x6fd15ca70b02e931
DATA padding<>+208(SB)/8, $0x31338431521afaca
DATA padding<>+216(SB)/8, $0x6d4378906ed41a95
DATA padding<>+224(SB)/8, $0x9eccabbdc39c91f2
DATA padding<>+232(SB)/8, $0x532fb63cb5c9a0e6
DATA padding<>+240(SB)/8, $0x07237ea3d2c741c6
DATA padding<>+248(SB)/8, $0x4c191d76a4954b68
GLOBL padding<>(SB), RODATA|NOPTR, $256
