#include "textflag.h"

// The rounds of RFC 1321 for two independent inputs. Each step waits for the one
// before it; the other input's step runs in that time.
//
//	AX BX CX DX      first state, and R8 R9 for scratch
//	R10 R11 R12 R13  second state, and R14 R15 for scratch
//	SI DI            blocks

// The functions of §3.4: what does not need b, which comes last, is done first.
#define F(a, b, c, d, p, k, t, s, x, y) \
	ADDL $t, a; ADDL (k*4)(p), a; MOVL c, x; XORL d, x; \
	ANDL b, x; XORL d, x; ADDL x, a; ROLL $s, a; ADDL b, a

#define G(a, b, c, d, p, k, t, s, x, y) \
	ADDL $t, a; ADDL (k*4)(p), a; MOVL d, x; NOTL x; ANDL c, x; ADDL x, a; MOVL d, y; \
	ANDL b, y; ADDL y, a; ROLL $s, a; ADDL b, a

#define H(a, b, c, d, p, k, t, s, x, y) \
	ADDL $t, a; ADDL (k*4)(p), a; MOVL c, x; XORL d, x; \
	XORL b, x; ADDL x, a; ROLL $s, a; ADDL b, a

#define I(a, b, c, d, p, k, t, s, x, y) \
	ADDL $t, a; ADDL (k*4)(p), a; MOVL d, x; NOTL x; \
	ORL b, x; XORL c, x; ADDL x, a; ROLL $s, a; ADDL b, a

// func blocks(a, b *[4]uint32, p, q *byte, n int)
TEXT ·blocks(SB), NOSPLIT, $8-40
	MOVQ n+32(FP), R8
	MOVQ R8, left-8(SP)
	MOVQ a+0(FP), R8
	MOVL 0(R8), AX
	MOVL 4(R8), BX
	MOVL 8(R8), CX
	MOVL 12(R8), DX
	MOVQ b+8(FP), R8
	MOVL 0(R8), R10
	MOVL 4(R8), R11
	MOVL 8(R8), R12
	MOVL 12(R8), R13
	MOVQ p+16(FP), SI
	MOVQ q+24(FP), DI

loop:
	F(AX, BX, CX, DX, SI, 0, -0x28955b88, 7, R8, R9)
	F(R10, R11, R12, R13, DI, 0, -0x28955b88, 7, R14, R15)
	F(DX, AX, BX, CX, SI, 1, -0x173848aa, 12, R8, R9)
	F(R13, R10, R11, R12, DI, 1, -0x173848aa, 12, R14, R15)
	F(CX, DX, AX, BX, SI, 2, 0x242070db, 17, R8, R9)
	F(R12, R13, R10, R11, DI, 2, 0x242070db, 17, R14, R15)
	F(BX, CX, DX, AX, SI, 3, -0x3e423112, 22, R8, R9)
	F(R11, R12, R13, R10, DI, 3, -0x3e423112, 22, R14, R15)
	F(AX, BX, CX, DX, SI, 4, -0x0a83f051, 7, R8, R9)
	F(R10, R11, R12, R13, DI, 4, -0x0a83f051, 7, R14, R15)
	F(DX, AX, BX, CX, SI, 5, 0x4787c62a, 12, R8, R9)
	F(R13, R10, R11, R12, DI, 5, 0x4787c62a, 12, R14, R15)
	F(CX, DX, AX, BX, SI, 6, -0x57cfb9ed, 17, R8, R9)
	F(R12, R13, R10, R11, DI, 6, -0x57cfb9ed, 17, R14, R15)
	F(BX, CX, DX, AX, SI, 7, -0x02b96aff, 22, R8, R9)
	F(R11, R12, R13, R10, DI, 7, -0x02b96aff, 22, R14, R15)
	F(AX, BX, CX, DX, SI, 8, 0x698098d8, 7, R8, R9)
	F(R10, R11, R12, R13, DI, 8, 0x698098d8, 7, R14, R15)
	F(DX, AX, BX, CX, SI, 9, -0x74bb0851, 12, R8, R9)
	F(R13, R10, R11, R12, DI, 9, -0x74bb0851, 12, R14, R15)
	F(CX, DX, AX, BX, SI, 10, -0x0000a44f, 17, R8, R9)
	F(R12, R13, R10, R11, DI, 10, -0x0000a44f, 17, R14, R15)
	F(BX, CX, DX, AX, SI, 11, -0x76a32842, 22, R8, R9)
	F(R11, R12, R13, R10, DI, 11, -0x76a32842, 22, R14, R15)
	F(AX, BX, CX, DX, SI, 12, 0x6b901122, 7, R8, R9)
	F(R10, R11, R12, R13, DI, 12, 0x6b901122, 7, R14, R15)
	F(DX, AX, BX, CX, SI, 13, -0x02678e6d, 12, R8, R9)
	F(R13, R10, R11, R12, DI, 13, -0x02678e6d, 12, R14, R15)
	F(CX, DX, AX, BX, SI, 14, -0x5986bc72, 17, R8, R9)
	F(R12, R13, R10, R11, DI, 14, -0x5986bc72, 17, R14, R15)
	F(BX, CX, DX, AX, SI, 15, 0x49b40821, 22, R8, R9)
	F(R11, R12, R13, R10, DI, 15, 0x49b40821, 22, R14, R15)
	G(AX, BX, CX, DX, SI, 1, -0x09e1da9e, 5, R8, R9)
	G(R10, R11, R12, R13, DI, 1, -0x09e1da9e, 5, R14, R15)
	G(DX, AX, BX, CX, SI, 6, -0x3fbf4cc0, 9, R8, R9)
	G(R13, R10, R11, R12, DI, 6, -0x3fbf4cc0, 9, R14, R15)
	G(CX, DX, AX, BX, SI, 11, 0x265e5a51, 14, R8, R9)
	G(R12, R13, R10, R11, DI, 11, 0x265e5a51, 14, R14, R15)
	G(BX, CX, DX, AX, SI, 0, -0x16493856, 20, R8, R9)
	G(R11, R12, R13, R10, DI, 0, -0x16493856, 20, R14, R15)
	G(AX, BX, CX, DX, SI, 5, -0x29d0efa3, 5, R8, R9)
	G(R10, R11, R12, R13, DI, 5, -0x29d0efa3, 5, R14, R15)
	G(DX, AX, BX, CX, SI, 10, 0x02441453, 9, R8, R9)
	G(R13, R10, R11, R12, DI, 10, 0x02441453, 9, R14, R15)
	G(CX, DX, AX, BX, SI, 15, -0x275e197f, 14, R8, R9)
	G(R12, R13, R10, R11, DI, 15, -0x275e197f, 14, R14, R15)
	G(BX, CX, DX, AX, SI, 4, -0x182c0438, 20, R8, R9)
	G(R11, R12, R13, R10, DI, 4, -0x182c0438, 20, R14, R15)
	G(AX, BX, CX, DX, SI, 9, 0x21e1cde6, 5, R8, R9)
	G(R10, R11, R12, R13, DI, 9, 0x21e1cde6, 5, R14, R15)
	G(DX, AX, BX, CX, SI, 14, -0x3cc8f82a, 9, R8, R9)
	G(R13, R10, R11, R12, DI, 14, -0x3cc8f82a, 9, R14, R15)
	G(CX, DX, AX, BX, SI, 3, -0x0b2af279, 14, R8, R9)
	G(R12, R13, R10, R11, DI, 3, -0x0b2af279, 14, R14, R15)
	G(BX, CX, DX, AX, SI, 8, 0x455a14ed, 20, R8, R9)
	G(R11, R12, R13, R10, DI, 8, 0x455a14ed, 20, R14, R15)
	G(AX, BX, CX, DX, SI, 13, -0x561c16fb, 5, R8, R9)
	G(R10, R11, R12, R13, DI, 13, -0x561c16fb, 5, R14, R15)
	G(DX, AX, BX, CX, SI, 2, -0x03105c08, 9, R8, R9)
	G(R13, R10, R11, R12, DI, 2, -0x03105c08, 9, R14, R15)
	G(CX, DX, AX, BX, SI, 7, 0x676f02d9, 14, R8, R9)
	G(R12, R13, R10, R11, DI, 7, 0x676f02d9, 14, R14, R15)
	G(BX, CX, DX, AX, SI, 12, -0x72d5b376, 20, R8, R9)
	G(R11, R12, R13, R10, DI, 12, -0x72d5b376, 20, R14, R15)
	H(AX, BX, CX, DX, SI, 5, -0x0005c6be, 4, R8, R9)
	H(R10, R11, R12, R13, DI, 5, -0x0005c6be, 4, R14, R15)
	H(DX, AX, BX, CX, SI, 8, -0x788e097f, 11, R8, R9)
	H(R13, R10, R11, R12, DI, 8, -0x788e097f, 11, R14, R15)
	H(CX, DX, AX, BX, SI, 11, 0x6d9d6122, 16, R8, R9)
	H(R12, R13, R10, R11, DI, 11, 0x6d9d6122, 16, R14, R15)
	H(BX, CX, DX, AX, SI, 14, -0x021ac7f4, 23, R8, R9)
	H(R11, R12, R13, R10, DI, 14, -0x021ac7f4, 23, R14, R15)
	H(AX, BX, CX, DX, SI, 1, -0x5b4115bc, 4, R8, R9)
	H(R10, R11, R12, R13, DI, 1, -0x5b4115bc, 4, R14, R15)
	H(DX, AX, BX, CX, SI, 4, 0x4bdecfa9, 11, R8, R9)
	H(R13, R10, R11, R12, DI, 4, 0x4bdecfa9, 11, R14, R15)
	H(CX, DX, AX, BX, SI, 7, -0x0944b4a0, 16, R8, R9)
	H(R12, R13, R10, R11, DI, 7, -0x0944b4a0, 16, R14, R15)
	H(BX, CX, DX, AX, SI, 10, -0x41404390, 23, R8, R9)
	H(R11, R12, R13, R10, DI, 10, -0x41404390, 23, R14, R15)
	H(AX, BX, CX, DX, SI, 13, 0x289b7ec6, 4, R8, R9)
	H(R10, R11, R12, R13, DI, 13, 0x289b7ec6, 4, R14, R15)
	H(DX, AX, BX, CX, SI, 0, -0x155ed806, 11, R8, R9)
	H(R13, R10, R11, R12, DI, 0, -0x155ed806, 11, R14, R15)
	H(CX, DX, AX, BX, SI, 3, -0x2b10cf7b, 16, R8, R9)
	H(R12, R13, R10, R11, DI, 3, -0x2b10cf7b, 16, R14, R15)
	H(BX, CX, DX, AX, SI, 6, 0x04881d05, 23, R8, R9)
	H(R11, R12, R13, R10, DI, 6, 0x04881d05, 23, R14, R15)
	H(AX, BX, CX, DX, SI, 9, -0x262b2fc7, 4, R8, R9)
	H(R10, R11, R12, R13, DI, 9, -0x262b2fc7, 4, R14, R15)
	H(DX, AX, BX, CX, SI, 12, -0x1924661b, 11, R8, R9)
	H(R13, R10, R11, R12, DI, 12, -0x1924661b, 11, R14, R15)
	H(CX, DX, AX, BX, SI, 15, 0x1fa27cf8, 16, R8, R9)
	H(R12, R13, R10, R11, DI, 15, 0x1fa27cf8, 16, R14, R15)
	H(BX, CX, DX, AX, SI, 2, -0x3b53a99b, 23, R8, R9)
	H(R11, R12, R13, R10, DI, 2, -0x3b53a99b, 23, R14, R15)
	I(AX, BX, CX, DX, SI, 0, -0x0bd6ddbc, 6, R8, R9)
	I(R10, R11, R12, R13, DI, 0, -0x0bd6ddbc, 6, R14, R15)
	I(DX, AX, BX, CX, SI, 7, 0x432aff97, 10, R8, R9)
	I(R13, R10, R11, R12, DI, 7, 0x432aff97, 10, R14, R15)
	I(CX, DX, AX, BX, SI, 14, -0x546bdc59, 15, R8, R9)
	I(R12, R13, R10, R11, DI, 14, -0x546bdc59, 15, R14, R15)
	I(BX, CX, DX, AX, SI, 5, -0x036c5fc7, 21, R8, R9)
	I(R11, R12, R13, R10, DI, 5, -0x036c5fc7, 21, R14, R15)
	I(AX, BX, CX, DX, SI, 12, 0x655b59c3, 6, R8, R9)
	I(R10, R11, R12, R13, DI, 12, 0x655b59c3, 6, R14, R15)
	I(DX, AX, BX, CX, SI, 3, -0x70f3336e, 10, R8, R9)
	I(R13, R10, R11, R12, DI, 3, -0x70f3336e, 10, R14, R15)
	I(CX, DX, AX, BX, SI, 10, -0x00100b83, 15, R8, R9)
	I(R12, R13, R10, R11, DI, 10, -0x00100b83, 15, R14, R15)
	I(BX, CX, DX, AX, SI, 1, -0x7a7ba22f, 21, R8, R9)
	I(R11, R12, R13, R10, DI, 1, -0x7a7ba22f, 21, R14, R15)
	I(AX, BX, CX, DX, SI, 8, 0x6fa87e4f, 6, R8, R9)
	I(R10, R11, R12, R13, DI, 8, 0x6fa87e4f, 6, R14, R15)
	I(DX, AX, BX, CX, SI, 15, -0x01d31920, 10, R8, R9)
	I(R13, R10, R11, R12, DI, 15, -0x01d31920, 10, R14, R15)
	I(CX, DX, AX, BX, SI, 6, -0x5cfebcec, 15, R8, R9)
	I(R12, R13, R10, R11, DI, 6, -0x5cfebcec, 15, R14, R15)
	I(BX, CX, DX, AX, SI, 13, 0x4e0811a1, 21, R8, R9)
	I(R11, R12, R13, R10, DI, 13, 0x4e0811a1, 21, R14, R15)
	I(AX, BX, CX, DX, SI, 4, -0x08ac817e, 6, R8, R9)
	I(R10, R11, R12, R13, DI, 4, -0x08ac817e, 6, R14, R15)
	I(DX, AX, BX, CX, SI, 11, -0x42c50dcb, 10, R8, R9)
	I(R13, R10, R11, R12, DI, 11, -0x42c50dcb, 10, R14, R15)
	I(CX, DX, AX, BX, SI, 2, 0x2ad7d2bb, 15, R8, R9)
	I(R12, R13, R10, R11, DI, 2, 0x2ad7d2bb, 15, R14, R15)
	I(BX, CX, DX, AX, SI, 9, -0x14792c6f, 21, R8, R9)
	I(R11, R12, R13, R10, DI, 9, -0x14792c6f, 21, R14, R15)

	MOVQ a+0(FP), R8
	ADDL 0(R8), AX
	ADDL 4(R8), BX
	ADDL 8(R8), CX
	ADDL 12(R8), DX
	MOVL AX, 0(R8)
	MOVL BX, 4(R8)
	MOVL CX, 8(R8)
	MOVL DX, 12(R8)
	MOVQ b+8(FP), R8
	ADDL 0(R8), R10
	ADDL 4(R8), R11
	ADDL 8(R8), R12
	ADDL 12(R8), R13
	MOVL R10, 0(R8)
	MOVL R11, 4(R8)
	MOVL R12, 8(R8)
	MOVL R13, 12(R8)
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ left-8(SP)
	JNZ  loop
	RET
