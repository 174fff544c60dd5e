package segment

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sort"
)

// A page is a piece of an index file that is read, and checked, by itself. It
// holds entries of entrySize bytes, sorted by key and offset; all pages but the last are full.
const (
	indexPage = 4096
	entrySize = 32 + 4 + 4 + 1 + 1 // sum, offset, data size, bytes before the data, flags
	perPage   = 97

	pageCount   = 4080 // where the number of entries is, 4 bytes
	pageNumber  = 4084 // of the page in its file, from 0, 4 bytes
	pageSegment = 4088 // 4 bytes
	pageSum     = 4092 // CRC32C of all before it, 4 bytes
)

// errBadIndex says that an index file is not what was written.
var errBadIndex = fmt.Errorf("bad index: %w", ErrDamaged)

// encodePage fills b with page number n of the index of segment seg.
func encodePage(b []byte, seg uint32, n int, entries []entry) {
	clear(b)
	at := b[:0]
	for _, e := range entries {
		at = appendEntry(at, e)
	}
	binary.LittleEndian.PutUint32(b[pageCount:], uint32(len(entries)))
	binary.LittleEndian.PutUint32(b[pageNumber:], uint32(n))
	binary.LittleEndian.PutUint32(b[pageSegment:], seg)
	binary.LittleEndian.PutUint32(b[pageSum:], crc32.Checksum(b[:pageSum], castagnoli))
}

// A page is one that was checked.
type page struct {
	b     []byte
	seg   uint32
	count int
}

// decodePage checks that b is page number n of the index of segment seg, whose
// valid part ends at end.
func decodePage(b []byte, seg uint32, n int, end int64) (p page, err error) {
	if len(b) != indexPage || binary.LittleEndian.Uint32(b[pageSum:]) != crc32.Checksum(b[:pageSum], castagnoli) {
		return p, fmt.Errorf("%w: wrong checksum of page %d", errBadIndex, n)
	}
	count := binary.LittleEndian.Uint32(b[pageCount:])
	if count > perPage || binary.LittleEndian.Uint32(b[pageNumber:]) != uint32(n) ||
		binary.LittleEndian.Uint32(b[pageSegment:]) != seg {
		return p, fmt.Errorf("%w: another page in the place of page %d", errBadIndex, n)
	}
	p = page{b, seg, int(count)}
	for i := range p.count {
		if l := p.entry(i).loc; !l.possible() || l.end() > end {
			return p, fmt.Errorf("%w: page %d has an entry that cannot be", errBadIndex, n)
		}
	}
	return p, nil
}

// entry is the i-th entry.
func (p page) entry(i int) entry { return parseEntry(p.b[i*entrySize:], p.seg) }

// appendEntry appends an entry as index and checkpoint files have it.
func appendEntry(b []byte, e entry) []byte {
	b = append(b, e.sum[:]...)
	b = binary.LittleEndian.AppendUint32(b, e.off)
	b = binary.LittleEndian.AppendUint32(b, e.size)
	return append(b, e.head, e.flags&^flagBad)
}

func parseEntry(b []byte, seg uint32) (e entry) {
	copy(e.sum[:], b)
	e.loc = loc{
		seg: seg, off: binary.LittleEndian.Uint32(b[32:]), size: binary.LittleEndian.Uint32(b[36:]),
		head: b[40], flags: b[41] &^ flagBad,
	}
	e.other = e.flags&flagOther != 0
	return e
}

// possible says whether there can be such a record. One begins with its mark, so
// one that is shorter is none: readers rely on that.
func (l loc) possible() bool { return l.head > markSize && l.size <= MaxBlock }

// find appends the records of a block, oldest first.
func (p page) find(k key, found []loc) []loc {
	sum := func(i int) []byte { return p.b[i*entrySize:][:32] }
	i := sort.Search(p.count, func(i int) bool { return bytes.Compare(sum(i), k.sum[:]) >= 0 })
	for ; i < p.count && bytes.Equal(sum(i), k.sum[:]); i++ {
		if e := p.entry(i); e.other == k.other {
			found = append(found, e.loc)
		}
	}
	return found
}
