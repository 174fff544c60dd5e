package segment

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/freespace"
)

const (
	// maxDirty bounds what one batch leaves in the page cache: a large upload shares
	// its segment with small ones, whose sync writes its bytes too.
	maxDirty = 32 << 20
	// maxRecords bounds the memory that the index of the active segment takes, and
	// the time to write it: a segment of tiny blocks would have millions.
	maxRecords = 1 << 18
	// askEvery is how many bytes are written between questions for free space.
	askEvery = 16 << 20
	// Metadata shares the disk with blocks and must still be able to change,
	// or nothing could be deleted: blocks leave maxReserve, or 1/reservePart of a small disk.
	maxReserve  = 128 << 20
	reservePart = 8
)

// A record is what is appended to a segment at once: a block with its mark, or a
// verdict. Appending it completes entry or opinion.
type record struct {
	parts   [][]byte
	entry   *entry
	opinion *opinion
}

// newBlockRecord is the record of a block.
func newBlockRecord(c cid.Cid, data []byte, private bool) (record, error) {
	head := car.SectionHead(c, len(data))
	if len(data) > MaxBlock || markSize+len(head) > maxHead {
		return record{}, fmt.Errorf("block of %d bytes is too large", len(data))
	}
	m := mark{length: uint32(len(head) + len(data)), crc: crc32.Checksum(head, castagnoli)}
	m.crc = crc32.Update(m.crc, castagnoli, data)
	if private {
		m.flags = flagPrivate
	}
	e := newEntry(multihashOf(c), loc{size: uint32(len(data)), head: uint8(markSize + len(head)), flags: m.flags})
	enc := m.encode()
	return record{parts: [][]byte{enc[:], head, data}, entry: &e}, nil
}

// newVerdictRecord is the record of a verdict.
func newVerdictRecord(k key, private bool) record {
	o := opinion{k, verdict{private: private}}
	enc := o.encode()
	return record{parts: [][]byte{enc[:]}, opinion: &o}
}

func (r record) size() (n int64) {
	for _, p := range r.parts {
		n += int64(len(p))
	}
	return n
}

// end is where an appended record ends.
func (r record) end() int64 {
	if r.entry != nil {
		return r.entry.loc.end()
	}
	return r.opinion.end()
}

// append writes a record at the end of the active segment. The segments in full
// have to be sealed then, whatever err is. The caller holds appendMu.
func (s *Store) append(r record) (g *segment, full []*segment, err error) {
	if s.closed {
		return nil, nil, ErrClosed
	}
	n := r.size()
	if s.active != nil && !s.hasRoom(s.active, n) {
		full = append(full, s.endActive())
	}
	if s.active == nil {
		id := s.nextID
		s.nextID++ // whatever happens: a failed creation may leave a file of that name
		if s.active, err = create(s.files, id); err != nil {
			return nil, full, fmt.Errorf("new segment: %w", err)
		}
		s.mu.Lock()
		s.insert(s.active)
		s.mu.Unlock()
	}
	g = s.active
	off := g.written
	if err := s.allocate(g, off+n); err != nil {
		s.unasked = 0
		return nil, full, fmt.Errorf("allocate room in segment %d: %w", g.id, err)
	}
	if err := g.tail.Append(r.parts...); err != nil {
		s.unasked = 0
		return nil, append(full, s.endActive()), fmt.Errorf("write segment %d: %w", g.id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.err != nil { // a sync failed during the write
		return nil, full, g.err
	}
	g.written = off + n
	if e := r.entry; e != nil {
		e.seg, e.off = g.id, uint32(off)
		g.mem.add(*e)
		g.totals.add(e.loc, 1)
	} else {
		r.opinion.seg, r.opinion.off = g.id, uint32(off)
		g.opinions = append(g.opinions, *r.opinion)
		s.verdicts.add(*r.opinion)
	}
	return g, full, nil
}

// hasRoom says whether the active segment g takes another n bytes.
func (s *Store) hasRoom(g *segment, n int64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if g.sealed || len(g.mem.entries) >= maxRecords {
		return false
	}
	return g.written == int64(len(header)) || g.written+n <= s.opt.SegmentSize
}

// endActive ends the active segment. It has to be sealed afterwards. The caller holds appendMu.
func (s *Store) endActive() *segment {
	g := s.active
	s.active = nil
	if g != nil {
		s.mu.Lock()
		g.sealed = true
		s.mu.Unlock()
	}
	return g
}

// checkSpace says whether n bytes more leave the reserve untouched.
func (s *Store) checkSpace(n int64) error {
	if s.unasked -= n; s.unasked >= 0 {
		return nil
	}
	free, err := s.forBlocks()
	if err != nil {
		return err
	}
	if s.unasked = 0; free < n {
		return fmt.Errorf("%w: %d bytes are left for blocks", ErrFull, max(free, 0))
	}
	s.unasked = min(askEvery, free-n)
	return nil
}

// forBlocks is the room on the disk, less the reserve.
func (s *Store) forBlocks() (free int64, err error) {
	free, total, err := s.opt.space()
	if err != nil {
		return 0, fmt.Errorf("ask for disk space: %w", err)
	}
	return free - min(maxReserve, total/reservePart), nil
}

// asFull makes an error for want of room ErrFull.
func asFull(err error) error {
	if freespace.IsNone(err) && !errors.Is(err, ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// short says whether less than a few segments fit on the disk.
func (s *Store) short() bool {
	free, err := s.forBlocks()
	return err != nil || free < 4*s.opt.SegmentSize
}
