package blocks

import (
	"crypto/sha256"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-varint"
)

// Multihash is c's multihash as a string, without copying.
func Multihash(c cid.Cid) string {
	k := c.KeyString()
	if len(k) == 34 && k[0] == 0x12 && k[1] == 0x20 {
		return k // CIDv0 is a bare multihash
	}
	for range 2 { // version and codec
		for len(k) > 0 && k[0]&0x80 != 0 {
			k = k[1:]
		}
		if len(k) > 0 {
			k = k[1:]
		}
	}
	return k
}

// Identity is the data that an identity CID carries in itself.
func Identity(c cid.Cid) (data []byte, ok bool) {
	mh := Multihash(c)
	if len(mh) < 2 || mh[0] != 0x00 {
		return nil, false
	}
	n, k, err := varint.FromUvarint([]byte(mh[1:min(len(mh), 11)]))
	if err != nil || uint64(len(mh)-1-k) != n {
		return nil, false
	}
	return []byte(mh[1+k:]), true
}

// Matches says whether data has the hash that c names.
func Matches(c cid.Cid, data []byte) bool {
	if mh := Multihash(c); len(mh) == 34 && mh[0] == 0x12 && mh[1] == 0x20 {
		sum := sha256.Sum256(data)
		return mh[2:] == string(sum[:])
	}
	got, err := c.Prefix().Sum(data)
	return err == nil && got.Equals(c)
}
