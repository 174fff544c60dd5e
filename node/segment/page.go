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
	for i, e := range entries {
		d := b[i*entrySize:]
		copy(d, e.sum[:])
		binary.LittleEndian.PutUint32(d[32:], e.off)
		binary.LittleEndian.PutUint32(d[36:], e.size)
		d[40], d[41] = e.head, e.flags&^flagBad
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
		l := p.entry(i).loc
		// A record begins with its mark, so one that is shorter is none: readers rely on that.
		if l.head <= markSize || l.size > MaxBlock || l.end() > end {
			return p, fmt.Errorf("%w: page %d has an entry that cannot be", errBadIndex, n)
		}
	}
	return p, nil
}

// entry is the i-th entry.
func (p page) entry(i int) (e entry) {
	d := p.b[i*entrySize:]
	copy(e.sum[:], d)
	e.loc = loc{
		seg: p.seg, off: binary.LittleEndian.Uint32(d[32:]), size: binary.LittleEndian.Uint32(d[36:]),
		head: d[40], flags: d[41] &^ flagBad,
	}
	e.other = e.flags&flagOther != 0
	return e
}

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
