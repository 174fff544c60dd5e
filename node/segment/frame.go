package segment

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-varint"

	"github.com/whypfs/whypfs/node/blocks"
)

// MaxBlock bounds a block's data.
const MaxBlock = blocks.MaxBlock

const (
	maxSection = MaxBlock + 256 // with the CID
	markData   = 13
	markSize   = 1 + 4 + 2*markData // length, CID prefix, identity digest, data
	maxHead    = 255                // bytes of a record before its data, in loc and the index
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header begins every segment: the CARv1 header {roots: [root], version: 1}
// with the identity CID of "whypfs segment 1" as its root.
var header = func() []byte {
	name := "whypfs segment 1"
	root := append([]byte{0x00, 0x01, 0x55, 0x00, byte(len(name))}, name...) // 0x00: multibase, as DAG-CBOR has it
	h := []byte("\xa2\x65roots\x81\xd8\x2a")
	h = append(h, 0x40|byte(len(root))) // a byte string, its length below 24
	h = append(h, root...)
	h = append(h, "\x67version\x01"...)
	return append(varint.ToUvarint(uint64(len(h))), h...)
}()

// markPrefix begins every mark: its section length, then CIDv1, raw, identity, 13 bytes.
var markPrefix = []byte{markSize - 1, 0x01, 0x55, 0x00, markData}

// mark describes the section that follows it.
type mark struct {
	flags  byte
	length uint32
	crc    uint32
}

func (m mark) encode() (b [markSize]byte) {
	n := copy(b[:], markPrefix)
	d := b[n : n+markData]
	d[0] = m.flags
	binary.LittleEndian.PutUint32(d[1:], m.length)
	binary.LittleEndian.PutUint32(d[5:], m.crc)
	binary.LittleEndian.PutUint32(d[9:], crc32.Checksum(d[:9], castagnoli))
	copy(b[n+markData:], d)
	return b
}

// parseMark reads the mark that b begins with.
func parseMark(b []byte) (m mark, ok bool) {
	if len(b) < markSize || !bytes.HasPrefix(b, markPrefix) {
		return m, false
	}
	d, again := b[len(markPrefix):][:markData], b[len(markPrefix)+markData:][:markData]
	if !bytes.Equal(d, again) || binary.LittleEndian.Uint32(d[9:]) != crc32.Checksum(d[:9], castagnoli) {
		return m, false
	}
	m = mark{flags: d[0], length: binary.LittleEndian.Uint32(d[1:]), crc: binary.LittleEndian.Uint32(d[5:])}
	return m, m.length <= maxSection
}

func multihashOf(c cid.Cid) string { return blocks.Multihash(c) }

func identityData(c cid.Cid) (data []byte, ok bool) { return blocks.Identity(c) }

// Matches says whether data has the hash that c names.
func Matches(c cid.Cid, data []byte) bool { return blocks.Matches(c, data) }
