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

	"github.com/FastFilter/xorfilter"
)

// indexMagic begins the footer of an index file. docs/format.md has all of the format.
var indexMagic = []byte("WPFSIDX2")

// footerSize is what an index file ends with. Before it come the pages, and
// between both the tail: the first 8 bytes of each page's first key, the
// fingerprints of the filter, and the verdicts.
const footerSize = 96

const (
	prefixSize = 8
)

// A footer sums up an index file.
type footer struct {
	seg     uint32
	pages   uint32
	records uint32 // in the pages
	totals
	end     uint64 // length of the segment's valid part
	skipped uint64 // bytes of it that the scan that made the index found damaged

	seed                        uint64 // of the filter
	segmentLength, segmentCount uint32
	fingerprints                uint32
	verdicts                    uint32
	tailSum                     uint32 // CRC32C of the tail
}

// totals counts the records that are not dead.
type totals struct {
	live   uint32
	public uint32
	bytes  uint64 // of data
}

// add counts a record n times.
func (t *totals) add(l loc, n int) {
	if l.dead() {
		return
	}
	t.live += uint32(n)
	t.bytes += uint64(n * int(l.size))
	if !l.private() {
		t.public += uint32(n)
	}
}

func (f footer) encode() []byte {
	b := slices.Clone(indexMagic)
	for _, v := range []uint32{f.seg, f.pages, f.records, f.live, f.public, f.fingerprints, f.segmentLength, f.segmentCount, f.verdicts} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range []uint64{f.bytes, f.end, f.skipped, f.seed} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, f.tailSum)
	b = append(b, make([]byte, footerSize-4-len(b))...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeFooter(b []byte) (f footer, err error) {
	if len(b) != footerSize || !bytes.HasPrefix(b, indexMagic) {
		return f, errBadIndex
	}
	if binary.LittleEndian.Uint32(b[footerSize-4:]) != crc32.Checksum(b[:footerSize-4], castagnoli) {
		return f, fmt.Errorf("%w: wrong checksum of the footer", errBadIndex)
	}
	b = b[len(indexMagic):]
	for _, v := range []*uint32{&f.seg, &f.pages, &f.records, &f.live, &f.public, &f.fingerprints, &f.segmentLength, &f.segmentCount, &f.verdicts} {
		*v, b = binary.LittleEndian.Uint32(b), b[4:]
	}
	for _, v := range []*uint64{&f.bytes, &f.end, &f.skipped, &f.seed} {
		*v, b = binary.LittleEndian.Uint64(b), b[8:]
	}
	f.tailSum = binary.LittleEndian.Uint32(b)
	return f, f.check()
}

// check makes sure that what the footer says can be, so that a filter of its
// measures answers every question.
func (f footer) check() error {
	length, count, n := uint64(f.segmentLength), uint64(f.segmentCount), uint64(f.fingerprints)
	power := length > 0 && length&(length-1) == 0
	if n > 0 && !(power && n == (count+2)*length) {
		return fmt.Errorf("%w: filter that cannot be", errBadIndex)
	}
	if f.end > math.MaxUint32 || f.live > f.records || f.public > f.live ||
		uint64(f.records) > uint64(f.pages)*perPage || f.bytes > f.end {
		return fmt.Errorf("%w: counts that cannot be", errBadIndex)
	}
	return nil
}

func (f footer) tailSize() int64 {
	return int64(f.pages)*prefixSize + int64(f.fingerprints)*2 + int64(f.verdicts)*verdictEntrySize
}

func (f footer) fileSize() int64 { return int64(f.pages)*indexPage + f.tailSize() + footerSize }

// decodeTail reads the tail b, whose size is right, and returns the verdicts in it.
func (x *diskIndex) decodeTail(b []byte) ([]opinion, error) {
	f := x.footer
	if crc32.Checksum(b, castagnoli) != f.tailSum {
		return nil, fmt.Errorf("%w: wrong checksum of the filter", errBadIndex)
	}
	x.prefixes = make([]uint64, f.pages)
	for i := range x.prefixes {
		x.prefixes[i], b = binary.BigEndian.Uint64(b), b[prefixSize:]
	}
	if f.fingerprints > 0 {
		x.filter = &xorfilter.BinaryFuse[uint16]{
			Seed: f.seed, SegmentLength: f.segmentLength, SegmentLengthMask: f.segmentLength - 1,
			SegmentCount: f.segmentCount, SegmentCountLength: f.segmentCount * f.segmentLength,
			Fingerprints: make([]uint16, f.fingerprints),
		}
		for i := range x.filter.Fingerprints {
			x.filter.Fingerprints[i], b = binary.LittleEndian.Uint16(b), b[2:]
		}
	}
	var all []opinion
	for ; len(b) > 0; b = b[verdictEntrySize:] {
		o, ok := parseOpinion(b, f.seg)
		if !ok || o.end() > int64(f.end) {
			return nil, fmt.Errorf("%w: verdict that cannot be", errBadIndex)
		}
		all = append(all, o)
	}
	return all, nil
}

// contents is what an index file tells of a segment.
type contents struct {
	end      int64 // of the segment's valid part
	skipped  int64 // bytes of it that are damaged
	whole    bool  // it ends with a trailer that agrees with the rest
	entries  []entry
	verdicts []opinion
}

// newFilter makes the filter of sorted entries. Without one, for none could be
// made, every question is answered by a page.
func newFilter(entries []entry) *xorfilter.BinaryFuse[uint16] {
	if len(entries) == 0 {
		return nil
	}
	keys := make([]uint64, len(entries))
	for i, e := range entries {
		keys[i] = e.hash()
	}
	slices.Sort(keys)
	filter, err := xorfilter.NewBinaryFuse[uint16](slices.Compact(keys))
	if err != nil {
		return nil
	}
	return filter
}

// writeIndex makes the index of a sealed segment durable. If it fails the next
// open scans.
func writeIndex(d files, id uint32, c contents) (*diskIndex, error) {
	tmp := indexName(id) + ".tmp"
	if err := ignoreNotExist(d.remove(tmp)); err != nil {
		return nil, err
	}
	f, _, err := d.open(tmp, true)
	if err != nil {
		return nil, err
	}
	c.entries, c.verdicts = slices.Clone(c.entries), slices.Clone(c.verdicts)
	slices.SortFunc(c.entries, byKey)
	slices.SortFunc(c.verdicts, func(a, b opinion) int { return cmp.Compare(a.off, b.off) })
	x := &diskIndex{files: d, file: f, filter: newFilter(c.entries)}
	x.refs.Store(1)
	x.footer = footer{seg: id, end: uint64(c.end), skipped: uint64(c.skipped)}
	err = x.write(c.entries, c.verdicts)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), d.remove(tmp))
	}
	if err := d.rename(tmp, indexName(id)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := d.sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return x, nil
}

// write writes the pages of the sorted entries, the tail and the footer, and
// completes x.
func (x *diskIndex) write(entries []entry, verdicts []opinion) error {
	f := &x.footer
	f.pages, f.records = uint32((len(entries)+perPage-1)/perPage), uint32(len(entries))
	out := &writer{file: x.file}
	var b [indexPage]byte
	for n, part := range chunks(entries) {
		encodePage(b[:], f.seg, n, part)
		out.write(b[:])
		x.prefixes = append(x.prefixes, part[0].prefix())
		for _, e := range part {
			f.add(e.loc, 1)
		}
	}
	var tail []byte
	for _, p := range x.prefixes {
		tail = binary.BigEndian.AppendUint64(tail, p)
	}
	if x.filter != nil {
		f.seed, f.segmentLength, f.segmentCount = x.filter.Seed, x.filter.SegmentLength, x.filter.SegmentCount
		f.fingerprints = uint32(len(x.filter.Fingerprints))
		for _, p := range x.filter.Fingerprints {
			tail = binary.LittleEndian.AppendUint16(tail, p)
		}
	}
	f.verdicts = uint32(len(verdicts))
	for _, o := range verdicts {
		tail = appendOpinion(tail, o)
	}
	f.tailSum = crc32.Checksum(tail, castagnoli)
	out.write(tail)
	out.write(f.encode())
	return out.flush()
}

// chunks cuts entries into those of each page.
func chunks(entries []entry) func(yield func(int, []entry) bool) {
	return func(yield func(int, []entry) bool) {
		n := 0
		for part := range slices.Chunk(entries, perPage) {
			if !yield(n, part) {
				return
			}
			n++
		}
	}
}
