package segment

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math"

	"github.com/whypfs/whypfs/internal/car"
)

// window reads a file forward through one buffer.
type window struct {
	r    io.ReaderAt
	size int64
	base int64 // offset of buf
	buf  []byte
	err  error // of the first read that failed
}

const (
	windowSize = 1 << 20
	// After a failed read the scan goes on behind the disk's next sector.
	sectorSize = 4096
)

// at returns the n bytes at off, or fewer at the end of the file; they are
// valid until the next call.
func (w *window) at(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.size-off))
	if n <= 0 {
		return nil, nil
	}
	if off < w.base || off+int64(n) > w.base+int64(len(w.buf)) {
		want := int(min(int64(max(n, windowSize)), w.size-off))
		if cap(w.buf) < want {
			w.buf = make([]byte, min(max(int64(want), windowSize), w.size))
		}
		w.base, w.buf = off, w.buf[:want]
		if k, err := w.r.ReadAt(w.buf, off); k < want {
			w.buf = w.buf[:k]
			if k < n {
				err = errors.Join(err, io.ErrUnexpectedEOF)
				if w.err == nil {
					w.err = err
				}
				return nil, err
			}
		}
	}
	return w.buf[off-w.base:][:n], nil
}

// record reads the record at off and checks its CRC.
func (w *window) record(off int64, seg uint32) (e entry, ok bool, err error) {
	b, err := w.at(off, markSize)
	if err != nil {
		return e, false, err
	}
	m, ok := parseMark(b)
	if !ok {
		return e, false, nil
	}
	b, err = w.at(off+markSize, int(m.length))
	if err != nil || len(b) < int(m.length) || crc32.Checksum(b, castagnoli) != m.crc {
		return e, false, err
	}
	c, data, ok := car.ParseSection(b)
	if !ok || len(data) > MaxBlock || len(b)-len(data) > maxHead-markSize {
		return e, false, nil
	}
	return newEntry(multihashOf(c), loc{
		seg: seg, off: uint32(off), size: uint32(len(data)),
		head: uint8(markSize + len(b) - len(data)), flags: m.flags & flagPrivate,
	}), true, nil
}

// matches says whether the block of e, just read by record, has its hash.
func (w *window) matches(e entry) bool {
	b, err := w.at(int64(e.off)+markSize, int(e.head)-markSize+int(e.size))
	if err != nil {
		return false
	}
	c, data, ok := car.ParseSection(b)
	return ok && Matches(c, data)
}

// next is the offset of the first thing at or after off that looks like a mark
// or a verdict, or the file's size.
func (w *window) next(off int64) int64 {
	for off < w.size {
		b, err := w.at(off, windowSize/4)
		if err != nil {
			off = (off/sectorSize + 1) * sectorSize
			continue
		}
		i, j := bytes.Index(b, markPrefix), bytes.Index(b, verdictPrefix)
		if i < 0 || j >= 0 && j < i {
			i = j
		}
		if i >= 0 {
			return off + int64(i)
		}
		if len(b) < len(markPrefix) {
			break
		}
		off += int64(len(b) - len(markPrefix) + 1)
	}
	return w.size
}

// verdict reads the verdict at off.
func (w *window) verdict(off int64, seg uint32) (o opinion, ok bool) {
	b, err := w.at(off, verdictSize)
	if err != nil {
		return o, false
	}
	o, ok = parseVerdict(b)
	o.seg, o.off = seg, uint32(off)
	return o, ok
}

// trailer reads the trailer at off, and ends c with it.
func (w *window) trailer(off int64, seg uint32, c *contents) bool {
	b, err := w.at(off, trailerSize)
	if err != nil {
		return false
	}
	t, ok := parseTrailer(b)
	if !ok || t.seg != seg || t.end != uint64(off) {
		return false
	}
	c.whole = t == newTrailer(seg, *c)
	c.end = off + trailerSize
	return true
}

// scan finds the records of a segment. What is damaged is skipped: the scan goes
// on at the next whole record; end is where the last one ends. With err some of
// the file could not be read, so what was not found may be there.
func scan(r io.ReaderAt, size int64, seg uint32) (c contents, err error) {
	return scanFrom(r, size, seg, contents{end: int64(len(header))})
}

// scanFrom is scan for who knows the contents up to the end of c already.
func scanFrom(r io.ReaderAt, size int64, seg uint32, c contents) (contents, error) {
	w := &window{r: r, size: size}
	size = min(size, math.MaxUint32) // what offsets can tell
	inStep := true                   // off is where a record ends, not where something looks like one
	for off := c.end; off < size; {
		e, ok, err := w.record(off, seg)
		// A user's data may hold what looks like a record; only in step is it known to be one.
		if err == nil && ok && (inStep || w.matches(e)) {
			c.skipped += off - c.end
			c.entries = append(c.entries, e)
			c.end, off, inStep = e.end(), e.end(), true
			continue
		}
		// Out of step a verdict may be a forgery. One that hides a block is
		// believed all the same: what was hidden must not come back.
		if o, ok := w.verdict(off, seg); ok && (inStep || o.private) {
			c.skipped += off - c.end
			c.verdicts = append(c.verdicts, o)
			c.end, off = o.end(), o.end()
			continue
		}
		// Nothing comes behind a trailer.
		if inStep && w.trailer(off, seg, &c) {
			break
		}
		off, inStep = w.next(off+1), false
	}
	c.end = min(c.end, size)
	return c, w.err
}
