package proof

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const (
	// maxBlock bounds a block: no block store of the ecosystem takes larger ones.
	maxBlock = 4 << 20
	// maxCID bounds a CID, in characters; identity CIDs hold some bytes of data.
	maxCID = 1024
)

// ErrRefused says that a file and a proof do not prove what the proof says.
var ErrRefused = errors.New("refused")

// A refusal is an ErrRefused that says only what is wrong: reports begin with the word.
type refusal struct{ text string }

func (r refusal) Error() string        { return r.text }
func (r refusal) Is(target error) bool { return target == ErrRefused }

func refuse(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

// sound are the hash functions of which nobody makes two inputs with one digest.
var sound = map[uint64]bool{
	multihash.SHA2_256: true, multihash.SHA2_512: true, multihash.DBL_SHA2_256: true,
	multihash.SHA3_224: true, multihash.SHA3_256: true, multihash.SHA3_384: true, multihash.SHA3_512: true,
	multihash.KECCAK_256: true, multihash.KECCAK_384: true, multihash.KECCAK_512: true,
	multihash.BLAKE3: true, multihash.BLAKE2B_MIN + 31: true, multihash.BLAKE2B_MAX: true, multihash.BLAKE2S_MAX: true,
}

// leastDigest is the length below which a digest proves nothing.
const leastDigest = 28

// checkHash refuses data that does not have the hash in c.
func checkHash(c cid.Cid, data []byte) error {
	pre := c.Prefix()
	if !sound[pre.MhType] || pre.MhLength < leastDigest {
		return refuse("block %s: its hash function %#x with %d bytes proves nothing", c, pre.MhType, pre.MhLength)
	}
	got, err := pre.Sum(data)
	if err != nil {
		return refuse("block %s: %v", c, err)
	}
	if !got.Equals(c) {
		return refuse("bytes that should be block %s do not have its hash", c)
	}
	return nil
}

// inlined returns the data of a block that stands in its CID.
func inlined(c cid.Cid) (data []byte, ok bool) {
	if c.Prefix().MhType != multihash.IDENTITY {
		return nil, false
	}
	d, err := multihash.Decode(c.Hash())
	if err != nil {
		return nil, false
	}
	return d.Digest, true
}
