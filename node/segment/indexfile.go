package segment

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/multiformats/go-varint"
)

// indexMagic begins an index file. After it come, little endian, the length of
// the segment's valid part (8) and the number of records (4); then for each
// record, sorted by multihash and offset, the multihash with its varint length,
// offset (4), data size (4), bytes before the data (1), flags (1); then the CRC32C of it all.
var indexMagic = []byte("WPFSIDX1")

const (
	indexHead  = 8 + 8 + 4
	indexFixed = 4 + 4 + 1 + 1
	// A multihash is at least a code and a length.
	minIndexEntry = 1 + 2 + indexFixed
)

var errBadIndex = errors.New("bad index file")

// An entry is one record of a segment.
type entry struct {
	mh string
	loc
}

func encodeIndex(end int64, entries []entry) []byte {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.mh, b.mh), cmp.Compare(a.off, b.off))
	})
	b := slices.Clone(indexMagic)
	b = binary.LittleEndian.AppendUint64(b, uint64(end))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entries)))
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(len(e.mh)))
		b = append(b, e.mh...)
		b = binary.LittleEndian.AppendUint32(b, e.off)
		b = binary.LittleEndian.AppendUint32(b, e.size)
		b = append(b, e.head, e.flags&^flagBad)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeIndex reads the index of segment seg, whose file has size bytes.
func decodeIndex(b []byte, seg uint32, size int64) (end int64, entries []entry, err error) {
	if len(b) < indexHead+4 || !bytes.HasPrefix(b, indexMagic) {
		return 0, nil, errBadIndex
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return 0, nil, fmt.Errorf("%w: wrong checksum", errBadIndex)
	}
	length, n := binary.LittleEndian.Uint64(body[8:]), binary.LittleEndian.Uint32(body[16:])
	body = body[indexHead:]
	if length > uint64(size) || length > math.MaxUint32 || uint64(n) > uint64(len(body)/minIndexEntry) {
		return 0, nil, fmt.Errorf("%w: wrong length", errBadIndex)
	}
	entries = make([]entry, 0, n)
	for range n {
		k, m, err := varint.FromUvarint(body)
		if err != nil || uint64(len(body)-m) < k+indexFixed || k > maxSection {
			return 0, nil, fmt.Errorf("%w: broken entry", errBadIndex)
		}
		mh, f := string(body[m:][:k]), body[m+int(k):]
		l := loc{
			seg: seg, off: binary.LittleEndian.Uint32(f), size: binary.LittleEndian.Uint32(f[4:]),
			head: f[8], flags: f[9] &^ flagBad,
		}
		if l.head <= markSize || l.size > MaxBlock || l.end() > int64(length) {
			return 0, nil, fmt.Errorf("%w: no such entry in the segment", errBadIndex)
		}
		entries = append(entries, entry{mh, l})
		body = f[indexFixed:]
	}
	if len(body) > 0 {
		return 0, nil, fmt.Errorf("%w: bytes after the last entry", errBadIndex)
	}
	return int64(length), entries, nil
}
