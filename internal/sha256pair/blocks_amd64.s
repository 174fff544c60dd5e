#include "textflag.h"

// The rounds of FIPS 180-4 §6.2.2 with the instructions SHA256RNDS2, SHA256MSG1
// and SHA256MSG2. The message schedule is computed once and used for both
// states. A round waits for the one before it; the other state's round runs in
// that time, so that two states cost little more than one.
//
//	X0       four words of the schedule plus their constants
//	X1  X2   first state, as (a b e f) and (c d g h)
//	X3  X4   second state
//	X5 – X8  sixteen words of the schedule
//	X9       scratch
//	X10      mask that swaps the bytes of words
//	X11–X14  both states before the block

// FIRST makes the first two of four rounds.
#define FIRST(m, k) \
	MOVOU       k(AX), X0; \
	PADDL       m, X0; \
	SHA256RNDS2 X0, X1, X2; \
	SHA256RNDS2 X0, X3, X4

// SECOND makes the last two.
#define SECOND \
	PSHUFD      $0x0E, X0, X0; \
	SHA256RNDS2 X0, X2, X1; \
	SHA256RNDS2 X0, X4, X3

// LOAD takes four words of the block.
#define LOAD(off, m) \
	MOVOU  off(SI), m; \
	PSHUFB X10, m

// EXTEND completes the four words that follow m; before is those before m.
#define EXTEND(before, m, after) \
	MOVO       m, X9; \
	PALIGNR    $4, before, X9; \
	PADDL      X9, after; \
	SHA256MSG2 m, after

// func blocks(a, b *[8]uint32, p []byte)
TEXT ·blocks(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), DI
	MOVQ b+8(FP), BX
	MOVQ p_base+16(FP), SI
	MOVQ p_len+24(FP), DX
	SHRQ $6, DX
	JZ   done
	LEAQ constants<>(SB), AX
	MOVOU swap<>(SB), X10


	MOVOU   0(DI), X9
	MOVOU   16(DI), X2
	PSHUFD  $0xB1, X9, X9
	PSHUFD  $0x1B, X2, X2
	MOVO    X9, X1
	PALIGNR $8, X2, X1
	PBLENDW $0xF0, X9, X2


	MOVOU   0(BX), X9
	MOVOU   16(BX), X4
	PSHUFD  $0xB1, X9, X9
	PSHUFD  $0x1B, X4, X4
	MOVO    X9, X3
	PALIGNR $8, X4, X3
	PBLENDW $0xF0, X9, X4


loop:
	MOVO X1, X11
	MOVO X2, X12
	MOVO X3, X13
	MOVO X4, X14


	LOAD(0, X5)
	FIRST(X5, 0)
	SECOND

	LOAD(16, X6)
	FIRST(X6, 16)
	SECOND
	SHA256MSG1 X6, X5

	LOAD(32, X7)
	FIRST(X7, 32)
	SECOND
	SHA256MSG1 X7, X6

	LOAD(48, X8)
	FIRST(X8, 48)
	EXTEND(X7, X8, X5)
	SECOND
	SHA256MSG1 X8, X7

	FIRST(X5, 64)
	EXTEND(X8, X5, X6)
	SECOND
	SHA256MSG1 X5, X8

	FIRST(X6, 80)
	EXTEND(X5, X6, X7)
	SECOND
	SHA256MSG1 X6, X5

	FIRST(X7, 96)
	EXTEND(X6, X7, X8)
	SECOND
	SHA256MSG1 X7, X6

	FIRST(X8, 112)
	EXTEND(X7, X8, X5)
	SECOND
	SHA256MSG1 X8, X7

	FIRST(X5, 128)
	EXTEND(X8, X5, X6)
	SECOND
	SHA256MSG1 X5, X8

	FIRST(X6, 144)
	EXTEND(X5, X6, X7)
	SECOND
	SHA256MSG1 X6, X5

	FIRST(X7, 160)
	EXTEND(X6, X7, X8)
	SECOND
	SHA256MSG1 X7, X6

	FIRST(X8, 176)
	EXTEND(X7, X8, X5)
	SECOND
	SHA256MSG1 X8, X7

	FIRST(X5, 192)
	EXTEND(X8, X5, X6)
	SECOND
	SHA256MSG1 X5, X8

	FIRST(X6, 208)
	EXTEND(X5, X6, X7)
	SECOND

	FIRST(X7, 224)
	EXTEND(X6, X7, X8)
	SECOND

	FIRST(X8, 240)
	SECOND

	PADDL X11, X1
	PADDL X12, X2
	PADDL X13, X3
	PADDL X14, X4
	ADDQ  $64, SI
	DECQ  DX
	JNZ   loop


	PSHUFD  $0x1B, X1, X9
	PSHUFD  $0xB1, X2, X2
	MOVO    X9, X1
	PBLENDW $0xF0, X2, X1
	PALIGNR $8, X9, X2
	MOVOU   X1, 0(DI)
	MOVOU   X2, 16(DI)


	PSHUFD  $0x1B, X3, X9
	PSHUFD  $0xB1, X4, X4
	MOVO    X9, X3
	PBLENDW $0xF0, X4, X3
	PALIGNR $8, X9, X4
	MOVOU   X3, 0(BX)
	MOVOU   X4, 16(BX)


done:
	RET

DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

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
