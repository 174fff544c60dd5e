package commp

import (
	"errors"
	"fmt"

	commcid "github.com/filecoin-project/go-fil-commcid"
	"github.com/ipfs/go-cid"
)

// ErrCID means that a CID names no piece.
var ErrCID = errors.New("not a piece CID")

// ToV2 returns the piece CID v2 (bafkzci…, FRC-0069) of a piece with that CID
// v1 and size bytes of data, at least 127: data and CID v1 alone do not tell
// how long the data is, a v2 does.
func ToV2(v1 cid.Cid, size int64) (cid.Cid, error) {
	if !v1.Defined() || size < 0 {
		return cid.Undef, fmt.Errorf("%w: %q of %d bytes", ErrCID, v1, size)
	}
	c, err := commcid.PieceCidV2FromV1(v1, uint64(size))
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: %q of %d bytes: %w", ErrCID, v1, size, err)
	}
	return c, nil
}

// ToV1 returns the piece CID v1 (baga6ea4sea…) of one of version 2, and the
// number of bytes of data. A CID that ToV2 would not make is an error, so a
// piece has one v2 for each length of its data.
func ToV1(v2 cid.Cid) (cid.Cid, int64, error) {
	if !v2.Defined() || v2.Type() != cid.Raw {
		return cid.Undef, 0, fmt.Errorf("%w: %q", ErrCID, v2)
	}
	v1, size, err := commcid.PieceCidV1FromV2(v2)
	if err != nil {
		return cid.Undef, 0, fmt.Errorf("%w: %q: %w", ErrCID, v2, err)
	}
	// The height of the tree is one byte that the library does not look at.
	again, err := ToV2(v1, int64(size))
	if err != nil {
		return cid.Undef, 0, err
	}
	if !again.Equals(v2) {
		return cid.Undef, 0, fmt.Errorf("%w: %q is not the shortest form", ErrCID, v2)
	}
	return v1, int64(size), nil
}
