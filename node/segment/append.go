package segment

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/freespace"
	"github.com/whypfs/whypfs/node/blocks"
)

const (
	// maxDirty bounds what one batch leaves unsynced: a large upload shares its
	// segment with small ones, whose sync writes its bytes too.
	maxDirty = 32 << 20
	// askEvery is how many bytes are written between questions for free space.
	askEvery = 16 << 20
	// Metadata shares the disk with blocks and must still be able to change,
	// or nothing could be deleted: blocks leave maxReserve, or 1/reservePart of a small disk.
	maxReserve  = 64 << 20
	reservePart = 64
)

// A Batch is a blocks.Batch.
type Batch struct {
	store   *Store
	private bool
	sweeps  bool // may use the reserve, as it makes more room than it takes

	mu    sync.Mutex
	ends  map[*segment]int64 // what Sync waits for
	dirty int64
}

// Batch begins a batch of private or public blocks.
func (s *Store) Batch(private bool) blocks.Batch { return s.batch(private) }

func (s *Store) batch(private bool) *Batch {
	return &Batch{store: s, private: private, ends: map[*segment]int64{}}
}

// Put stores a block whose hash the caller has checked. It is durable once Sync
// returns nil. A block that is here already is not written again.
func (b *Batch) Put(ctx context.Context, c cid.Cid, data []byte) error {
	_, err := b.put(ctx, c, data)
	return err
}

// Has says whether Put would find the block here; then Sync waits for it too.
func (b *Batch) Has(c cid.Cid) bool {
	if _, ok := identityData(c); ok {
		return true
	}
	g, end, ok := b.store.stored(multihashOf(c), b.private)
	if ok {
		b.await(g, end, 0)
	}
	return ok
}

// put also says how many bytes were written.
func (b *Batch) put(ctx context.Context, c cid.Cid, data []byte) (n int64, err error) {
	if _, ok := identityData(c); ok {
		return 0, nil
	}
	g, end, n, err := b.store.put(ctx, c, data, b.private, b.sweeps)
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", c, err)
	}
	if b.await(g, end, n) {
		return n, b.Sync(ctx)
	}
	return n, nil
}

// await makes Sync wait until g is durable up to end, n bytes of which this
// batch wrote. It says whether it is time to sync.
func (b *Batch) await(g *segment, end, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ends[g] = max(b.ends[g], end)
	b.dirty += n
	return b.dirty >= maxDirty
}

// Sync returns when everything put before is durable. After an error some of
// it is not, and every later Sync fails too.
func (b *Batch) Sync(ctx context.Context) error {
	b.mu.Lock()
	ends := maps.Clone(b.ends)
	b.dirty = 0
	b.mu.Unlock()
	for g, end := range ends {
		if err := b.store.syncTo(ctx, g, end); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for g, end := range ends {
		if b.ends[g] == end {
			delete(b.ends, g)
		}
	}
	return nil
}

// put finds or appends a block: it is durable once g is synced up to end.
// written is 0 if it was found.
func (s *Store) put(ctx context.Context, c cid.Cid, data []byte, private, sweeps bool) (g *segment, end, written int64, err error) {
	mh, head := multihashOf(c), car.SectionHead(c, len(data))
	if g, end, ok := s.stored(mh, private); ok {
		s.metrics.puts.WithLabelValues("found").Inc()
		return g, end, 0, nil
	}
	if len(data) > MaxBlock || markSize+len(head) > maxHead {
		return nil, 0, 0, fmt.Errorf("block of %d bytes is too large", len(data))
	}
	n := int64(markSize + len(head) + len(data))
	m := mark{length: uint32(len(head) + len(data)), crc: crc32.Checksum(head, castagnoli)}
	m.crc = crc32.Update(m.crc, castagnoli, data)
	if private {
		m.flags = flagPrivate
	}
	s.appendMu.Lock()
	if g, end, ok := s.stored(mh, private); ok { // since the first look
		s.appendMu.Unlock()
		s.metrics.puts.WithLabelValues("found").Inc()
		return g, end, 0, nil
	}
	if err := s.checkSpace(n); err != nil && !sweeps {
		s.appendMu.Unlock()
		s.metrics.puts.WithLabelValues("failed").Inc()
		return nil, 0, 0, err
	}
	e := entry{mh, loc{size: uint32(len(data)), head: uint8(markSize + len(head)), flags: m.flags}}
	g, full, err := s.append(m, head, data, &e)
	s.appendMu.Unlock()
	for _, f := range full {
		// Whoever ends a segment seals it. A fault in it is for those to hear whose blocks it takes.
		if err := s.seal(f); err != nil {
			s.log.ErrorContext(ctx, "seal segment", "segment", f.id, "err", err)
		}
	}
	if err != nil {
		s.metrics.puts.WithLabelValues("failed").Inc()
		return nil, 0, 0, asFull(err)
	}
	s.metrics.puts.WithLabelValues("written").Inc()
	s.metrics.bytes.Add(float64(len(data)))
	return g, e.end(), n, nil
}

// stored finds a copy that makes writing another one needless.
func (s *Store) stored(mh string, private bool) (g *segment, end int64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.index.find(mh, func(l loc) bool {
		return !l.bad() && (private || !l.private()) && !s.segs[l.seg].candidate
	})
	if !ok {
		return nil, 0, false
	}
	return s.segs[l.seg], l.end(), true
}

// append writes a record at the end of the active segment and completes e. The
// segments in full have to be sealed then, whatever err is. The caller holds appendMu.
func (s *Store) append(m mark, head, data []byte, e *entry) (g *segment, full []*segment, err error) {
	if s.closed {
		return nil, nil, ErrClosed
	}
	n := int64(e.head) + int64(e.size)
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
		s.segs[s.active.id] = s.active
		s.mu.Unlock()
	}
	g = s.active
	off := g.written
	if err := s.write(g.tail, m, head, data); err != nil {
		s.unasked = 0
		return nil, append(full, s.endActive()), fmt.Errorf("write segment %d: %w", g.id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.err != nil { // a sync failed during the write
		return nil, full, g.err
	}
	e.seg, e.off = g.id, uint32(off)
	g.written = off + n
	g.entries = append(g.entries, *e)
	s.index.add(e.mh, e.loc)
	return g, full, nil
}

// hasRoom says whether the active segment g takes another n bytes.
func (s *Store) hasRoom(g *segment, n int64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return !g.sealed && (len(g.entries) == 0 || g.written+n <= s.opt.SegmentSize)
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

func (s *Store) write(t *tail, m mark, head, data []byte) error {
	enc := m.encode()
	return t.Append(enc[:], head, data)
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
