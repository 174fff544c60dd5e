package segment

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// A trailer ends a segment that was sealed in order, and says what is in it, so
// that one without an index file is known to be whole. Where a crash or a fault
// ended a segment there is none.
type trailer struct {
	seg      uint32
	records  uint32
	verdicts uint32
	end      uint64 // offset of the trailer
	sum      uint32 // CRC32C of the records and verdicts, as contents.sum has it
}

const (
	trailerKind    = 'T'
	trailerVersion = 1
	trailerData    = 1 + 1 + 3*4 + 8 + 4 + 4
	trailerSize    = 1 + 4 + 2*trailerData // a section like a mark
)

var trailerPrefix = []byte{trailerSize - 1, 0x01, 0x55, 0x00, trailerData}

// sum is the CRC32C of the records in order of offset, and then of the verdicts,
// each as an index file has it.
func (c contents) sum() uint32 {
	entries, verdicts := slices.Clone(c.entries), slices.Clone(c.verdicts)
	slices.SortFunc(entries, byOffset)
	slices.SortFunc(verdicts, func(a, b opinion) int { return cmp.Compare(a.off, b.off) })
	var b []byte
	var sum uint32
	for _, e := range entries {
		e.flags &= flagPrivate | flagOther
		b = appendEntry(b[:0], e)
		sum = crc32.Update(sum, castagnoli, b)
	}
	for _, o := range verdicts {
		b = appendOpinion(b[:0], o)
		sum = crc32.Update(sum, castagnoli, b)
	}
	return sum
}

// newTrailer is the trailer of a segment that has nothing behind c.end.
func newTrailer(seg uint32, c contents) trailer {
	return trailer{seg, uint32(len(c.entries)), uint32(len(c.verdicts)), uint64(c.end), c.sum()}
}

func (t trailer) encode() []byte {
	d := []byte{trailerKind, trailerVersion}
	for _, v := range []uint32{t.seg, t.records, t.verdicts} {
		d = binary.LittleEndian.AppendUint32(d, v)
	}
	d = binary.LittleEndian.AppendUint64(d, t.end)
	d = binary.LittleEndian.AppendUint32(d, t.sum)
	d = binary.LittleEndian.AppendUint32(d, crc32.Checksum(d, castagnoli))
	return slices.Concat(trailerPrefix, d, d)
}

// parseTrailer reads the trailer that b begins with.
func parseTrailer(b []byte) (t trailer, ok bool) {
	if len(b) < trailerSize || !bytes.HasPrefix(b, trailerPrefix) {
		return t, false
	}
	d, again := b[len(trailerPrefix):][:trailerData], b[len(trailerPrefix)+trailerData:][:trailerData]
	const sum = trailerData - 4
	if !bytes.Equal(d, again) || d[0] != trailerKind || d[1] != trailerVersion ||
		binary.LittleEndian.Uint32(d[sum:]) != crc32.Checksum(d[:sum], castagnoli) {
		return t, false
	}
	at := func(i int) uint32 { return binary.LittleEndian.Uint32(d[i:]) }
	return trailer{at(2), at(6), at(10), binary.LittleEndian.Uint64(d[14:]), at(22)}, true
}

// appendTrailer ends a segment that takes no more records. If it cannot be
// written the next sync fails, and says why.
func (s *Store) appendTrailer(g *segment) {
	s.mu.RLock()
	if g.err != nil || g.mem == nil || g.ended || g.written == int64(len(header)) {
		s.mu.RUnlock()
		return
	}
	c := contents{end: g.written, entries: g.mem.entries, verdicts: g.opinions}
	s.mu.RUnlock()
	b := newTrailer(g.id, c).encode()
	if g.tail.Append(b) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g.written += int64(len(b))
	g.ended = true
}
