package ffi_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	ffi "github.com/filecoin-project/filecoin-ffi"
	commcid "github.com/filecoin-project/go-fil-commcid"
	commp "github.com/filecoin-project/go-fil-commp-hashhash"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
)

const proofType = abi.RegisteredSealProof_StackedDrg32GiBV1_1

// zeroPiece is the commitment of 127 zero bytes, as every Filecoin implementation has it.
const zeroPiece = "baga6ea4seaqdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy"

func pieceOf(t *testing.T, data []byte) cid.Cid {
	t.Helper()
	path := filepath.Join(t.TempDir(), "piece")
	// What stands after the piece is not part of it.
	if err := os.WriteFile(path, append(bytes.Clone(data), "more"...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := ffi.GeneratePieceCIDFromFile(proofType, f, abi.UnpaddedPieceSize(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reference hashes bytes in one go.
func reference(t *testing.T, data []byte) (cid.Cid, uint64) {
	t.Helper()
	var calc commp.Calc
	calc.Write(data)
	raw, size, err := calc.Digest()
	if err != nil {
		t.Fatal(err)
	}
	c, err := commcid.DataCommitmentV1ToCID(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c, size
}

func TestPieceCID(t *testing.T) {
	if got := pieceOf(t, make([]byte, 127)); got.String() != zeroPiece {
		t.Errorf("127 zeros = %s, want %s", got, zeroPiece)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if c, err := ffi.GeneratePieceCIDFromFile(proofType, f, 127); err == nil {
		t.Errorf("a piece without its bytes has the commitment %s", c)
	}
	if c, err := ffi.GeneratePieceCIDFromFile(proofType, f, 128); err == nil {
		t.Errorf("128 bytes, no size of a piece, have the commitment %s", c)
	}
}

// TestUnsealedCID combines pieces, and hashes what they make up in one go.
func TestUnsealedCID(t *testing.T) {
	cases := map[string][]int{ // sizes in units of 127 bytes
		"one piece":          {4},
		"two equal":          {2, 2},
		"falling":            {8, 4, 2, 1},
		"rising, with gaps":  {1, 4, 2},
		"one after a full":   {4, 4, 1},
		"small between":      {2, 1, 4, 1, 8},
		"many":               {1, 1, 1, 1, 1},
		"large after small":  {1, 16},
		"ends inside a gap":  {16, 1},
		"equal after a join": {1, 1, 2, 4, 8},
	}
	for name, sizes := range cases {
		var whole []byte
		var pieces []abi.PieceInfo
		for i, n := range sizes {
			data := make([]byte, 127*n)
			rand.NewChaCha8([32]byte{byte(i), byte(n)}).Read(data)
			for len(whole)%len(data) != 0 {
				whole = append(whole, make([]byte, 127)...)
			}
			whole = append(whole, data...)
			pieces = append(pieces, abi.PieceInfo{Size: abi.PaddedPieceSize(128 * n), PieceCID: pieceOf(t, data)})
		}
		want, _ := reference(t, whole)
		got, err := ffi.GenerateUnsealedCID(proofType, pieces)
		if err != nil || got != want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, want)
		}
	}
}

func TestUnsealedCIDRefuses(t *testing.T) {
	piece := pieceOf(t, make([]byte, 127))
	raw := cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	for name, pieces := range map[string][]abi.PieceInfo{
		"no pieces":                nil,
		"no piece commitment":      {{Size: 128, PieceCID: raw}},
		"no size of a piece":       {{Size: 129, PieceCID: piece}},
		"more than a sector holds": {{Size: 32 << 30, PieceCID: piece}, {Size: 128, PieceCID: piece}},
	} {
		if c, err := ffi.GenerateUnsealedCID(proofType, pieces); err == nil {
			t.Errorf("%s: %s", name, c)
		}
	}
}
