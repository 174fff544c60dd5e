package ffi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"

	commcid "github.com/filecoin-project/go-fil-commcid"
	commp "github.com/filecoin-project/go-fil-commp-hashhash"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
)

// GeneratePieceCIDFromFile computes the piece commitment of the next pieceSize
// bytes of a file.
func GeneratePieceCIDFromFile(_ abi.RegisteredSealProof, file *os.File, pieceSize abi.UnpaddedPieceSize) (cid.Cid, error) {
	if err := pieceSize.Validate(); err != nil {
		return cid.Undef, fmt.Errorf("piece size: %w", err)
	}
	calc := new(commp.Calc)
	if _, err := io.CopyN(calc, file, int64(pieceSize)); err != nil {
		return cid.Undef, fmt.Errorf("read piece: %w", err)
	}
	raw, size, err := calc.Digest()
	if err != nil {
		return cid.Undef, fmt.Errorf("piece commitment: %w", err)
	}
	if size != uint64(pieceSize.Padded()) {
		return cid.Undef, fmt.Errorf("piece commitment covers %d bytes, not %d", size, pieceSize.Padded())
	}
	return commcid.DataCommitmentV1ToCID(raw)
}

// node is the root of a part of a commitment's tree.
type node struct {
	size abi.PaddedPieceSize
	root []byte
}

// GenerateUnsealedCID computes the commitment of pieces that lie one after the
// other, each at a multiple of its size, with zeros in between and at the end.
func GenerateUnsealedCID(proofType abi.RegisteredSealProof, pieces []abi.PieceInfo) (cid.Cid, error) {
	if len(pieces) == 0 {
		return cid.Undef, errors.New("no pieces")
	}
	limit, err := proofType.SectorSize()
	if err != nil {
		return cid.Undef, err
	}
	var stack []node
	for _, p := range pieces {
		if err := p.Size.Validate(); err != nil {
			return cid.Undef, fmt.Errorf("piece size: %w", err)
		}
		root, err := commcid.CIDToDataCommitmentV1(p.PieceCID)
		if err != nil {
			return cid.Undef, fmt.Errorf("piece %s: %w", p.PieceCID, err)
		}
		for len(stack) > 0 && top(stack).size < p.Size {
			if stack, err = push(stack, zeros(top(stack).size)); err != nil {
				return cid.Undef, err
			}
		}
		if stack, err = push(stack, node{p.Size, root}); err != nil {
			return cid.Undef, err
		}
	}
	for len(stack) > 1 {
		if stack, err = push(stack, zeros(top(stack).size)); err != nil {
			return cid.Undef, err
		}
	}
	if uint64(stack[0].size) > uint64(limit) {
		return cid.Undef, fmt.Errorf("pieces take %d bytes, a sector has %d", stack[0].size, limit)
	}
	return commcid.DataCommitmentV1ToCID(stack[0].root)
}

func top(stack []node) node { return stack[len(stack)-1] }

// push adds a part, and joins parts of one size.
func push(stack []node, n node) ([]node, error) {
	for len(stack) > 0 && top(stack).size == n.size {
		if bits.Len64(uint64(n.size)) > 62 {
			return nil, errors.New("pieces are too large")
		}
		n = node{2 * n.size, join(top(stack).root, n.root)}
		stack = stack[:len(stack)-1]
	}
	return append(stack, n), nil
}

// zeros is the commitment of as many zero bytes.
func zeros(size abi.PaddedPieceSize) node {
	root := make([]byte, 32)
	for have := abi.PaddedPieceSize(32); have < size; have *= 2 {
		root = join(root, root)
	}
	return node{size, root}
}

// join hashes two nodes to the 254 bits that are an element of the field.
func join(left, right []byte) []byte {
	sum := sha256.Sum256(append(append(make([]byte, 0, 64), left...), right...))
	sum[31] &= 0x3f
	return sum[:]
}
