package car

import (
	"encoding/binary"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-varint"
)

// MediaType of CAR files, as registered with IANA.
const MediaType = "application/vnd.ipld.car"

// Header is the header of a CARv1 with one root. DAG-CBOR of
// {"roots": [root], "version": 1} is short enough to be written by hand.
func Header(root cid.Cid) []byte {
	id := root.Bytes()
	h := []byte("\xa2\x65roots\x81\xd8\x2a") // a map of two, "roots", an array of one, tag 42
	switch n := len(id) + 1; {               // a byte string
	case n < 24:
		h = append(h, 0x40|byte(n))
	case n < 256:
		h = append(h, 0x58, byte(n))
	default:
		h = binary.BigEndian.AppendUint16(append(h, 0x59), uint16(n))
	}
	h = append(h, 0) // multibase identity
	h = append(h, id...)
	h = append(h, "\x67version\x01"...)
	return append(varint.ToUvarint(uint64(len(h))), h...)
}

// SectionSize is the size of a block of size bytes in a CARv1.
func SectionSize(c cid.Cid, size int) int64 {
	n := c.ByteLen() + size
	return int64(varint.UvarintSize(uint64(n)) + n)
}

// SectionHead is what stands before the bytes of a block in a CARv1.
func SectionHead(c cid.Cid, size int) []byte {
	k := c.KeyString()
	n := uint64(len(k) + size)
	b := make([]byte, 0, varint.UvarintSize(n)+len(k))
	b = binary.AppendUvarint(b, n)
	return append(b, k...)
}

// ParseSection splits the section that b is, whole. The data is part of b.
func ParseSection(b []byte) (c cid.Cid, data []byte, ok bool) {
	n, k, err := varint.FromUvarint(b)
	if err != nil || n != uint64(len(b)-k) {
		return c, nil, false
	}
	m, c, err := cid.CidFromBytes(b[k:])
	if err != nil {
		return c, nil, false
	}
	return c, b[k+m:], true
}
