package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node/blocks"
)

// A segment is rewritten once a minWaste-th of it is waste; with less, copying
// would cost more than the room is worth.
const minWaste = 16

// Each sweep seals a segment, however short. Those below a smallPart-th of the
// full size are joined, lest files and descriptors grow with every sweep.
const smallPart = 16

// A candidate is looked at again at most maxTries times because uploads found
// blocks in it just when it was to go.
const maxTries = 1000

type (
	// Live says whether a block is to be kept.
	Live = blocks.Live
	// Swept is what a sweep did.
	Swept = blocks.Swept
)

// Sweep removes the blocks that are not live; see the package comment. It asks
// for live when blocks stored earlier are frozen, and live is used until Sweep
// returns. It waits for leases held now, so its caller holds none. What cannot be read
// is kept. After an error some segments may not have been swept.
func (s *Store) Sweep(ctx context.Context, live func(context.Context) (Live, error)) (Swept, error) {
	select {
	case s.sweep <- struct{}{}:
		defer func() { <-s.sweep }()
	case <-ctx.Done():
		return Swept{}, context.Cause(ctx)
	}
	if err := s.sealActive(); err != nil {
		return Swept{}, err
	}
	candidates := s.candidates()
	defer s.thaw(candidates)
	if err := s.leases.Wait(ctx); err != nil {
		return Swept{}, fmt.Errorf("wait for uploads: %w", err)
	}
	isLive, err := live(ctx)
	if err != nil {
		return Swept{}, err
	}
	w := &sweeper{store: s, marked: isLive, small: s.small(candidates)}
	var errs []error
	for _, g := range w.order(candidates) {
		if err := ctx.Err(); err != nil {
			errs = append(errs, context.Cause(ctx))
			break
		}
		err := w.segment(ctx, g)
		for tries := 0; errors.Is(err, errUncovered) && tries < maxTries; tries++ {
			err = w.segment(ctx, g) // with what was found or lost meanwhile; the copies made are not made again
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("sweep segment %d: %w", g.id, err))
		}
	}
	w.result.Bytes = max(w.result.Bytes, 0)
	// Removed blocks do not come back with a crash.
	return w.result, errors.Join(append(errs, s.files.sync())...)
}

// candidates marks all sealed segments whose blocks are all known, and returns them from the oldest on.
func (s *Store) candidates() []*segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = map[string]bool{}
	var all []*segment
	for _, g := range s.segs {
		if g.settled {
			g.candidate = true
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })
	return all
}

// small returns those candidates that are to be joined: none if there is one only.
func (s *Store) small(candidates []*segment) map[*segment]bool {
	small := map[*segment]bool{}
	for _, g := range candidates {
		if g.synced < s.opt.SegmentSize/smallPart {
			small[g] = true
		}
	}
	if len(small) < 2 {
		return nil
	}
	return small
}

// thaw ends the sweep of the candidates.
func (s *Store) thaw(candidates []*segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range candidates {
		g.candidate = false
	}
	s.found = nil
}

// A sweeper sweeps the candidates one after the other.
type sweeper struct {
	store  *Store
	marked Live
	small  map[*segment]bool // are rewritten, waste or not
	result Swept

	// The copies of the blocks of one candidate.
	public, private *Batch
}

// order puts those first that need the least room for copies, so that a sweep
// of a full disk makes room as it goes.
func (w *sweeper) order(candidates []*segment) []*segment {
	need := make(map[*segment]int64, len(candidates))
	for _, g := range candidates {
		for _, e := range w.entries(g) {
			if w.live(e.mh) {
				need[g] += e.length()
			}
		}
	}
	slices.SortFunc(candidates, func(a, b *segment) int {
		return cmp.Or(cmp.Compare(need[a], need[b]), cmp.Compare(a.id, b.id))
	})
	return candidates
}

// live says whether a block is to be kept: because a root reaches it, or
// because an upload that began during the sweep found it here.
func (w *sweeper) live(mh string) bool {
	if w.marked(multihash.Multihash(mh)) {
		return true
	}
	w.store.foundMu.Lock()
	defer w.store.foundMu.Unlock()
	return w.store.found[mh]
}

// mayCopy says whether there is room for all of g once more, and all that is
// needed of it can be read: else a sweep copies only what makes room.
func (w *sweeper) mayCopy(g *segment, needed []entry) bool {
	if free, err := w.store.forBlocks(); err != nil || free < g.synced {
		return false
	}
	for _, e := range needed {
		if _, _, err := readRecord(g, e); err != nil {
			return false
		}
	}
	return true
}

// entries lists the records of a candidate. Without an index file they are
// those that the store knows of: a scan would miss what cannot be read now, and
// what is missed is lost with the segment.
func (w *sweeper) entries(g *segment) []entry {
	s := w.store
	_, entries, err := readIndex(s.files, g.id, g.synced)
	if err != nil {
		s.mu.RLock()
		defer s.mu.RUnlock()
		entries = s.index.of(g.id)
	}
	return entries
}

// segment sweeps one candidate.
func (w *sweeper) segment(ctx context.Context, g *segment) error {
	s := w.store
	entries := w.entries(g)
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.off, b.off) })
	w.public, w.private = s.batch(false), s.batch(true)
	w.public.sweeps, w.private.sweeps = true, true
	var needed []entry
	waste := g.synced - int64(len(header))
	for _, e := range entries {
		if !w.live(e.mh) {
			continue
		}
		if other, end, ok := s.stored(e.mh, e.private()); ok {
			w.public.await(other, end, 0) // an upload may not have synced it yet
		} else {
			needed = append(needed, e)
			waste -= e.length()
		}
	}
	join := w.small[g] && w.mayCopy(g, needed)
	if len(needed) == len(entries) && !join {
		s.mu.Lock()
		defer s.mu.Unlock()
		g.candidate = false
		w.result.Kept += int64(len(needed))
		return nil
	}
	trim := waste < g.synced/minWaste && !join
	if !trim {
		for _, e := range needed {
			if err := w.copy(ctx, g, e); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(w.public.Sync(ctx), w.private.Sync(ctx)); err != nil {
		return err
	}
	if trim {
		return w.trim(g, entries, needed)
	}
	return w.drop(ctx, g, entries, int64(len(needed)))
}

// trim forgets the records of a candidate that are not needed, and leaves their
// bytes until there are enough of them. It is a candidate no longer.
func (w *sweeper) trim(g *segment, entries, needed []entry) error {
	s := w.store
	keep := make(map[uint32]bool, len(needed))
	for _, e := range needed {
		keep[e.off] = true
	}
	gone := slices.DeleteFunc(entries, func(e entry) bool { return keep[e.off] })
	s.mu.Lock()
	if err := w.checkCopies(gone); err != nil {
		s.mu.Unlock()
		return err
	}
	w.forget(gone)
	g.candidate = false
	s.mu.Unlock()
	w.result.Kept += int64(len(needed))
	// Only now, when nobody finds them any more: a crash before it brings them back, as garbage.
	return writeIndex(s.files, g.id, g.synced, needed)
}

// errUncovered says that a live block has no durable copy outside the candidates.
var errUncovered = errors.New("block has no other durable copy")

// checkCopies makes sure that the records can go: one may have been found to
// be needed after the copies were made. The caller holds Store.mu.
func (w *sweeper) checkCopies(gone []entry) error {
	for _, e := range gone {
		if w.live(e.mh) && !w.covered(e) {
			return fmt.Errorf("at %d: %w", e.off, errUncovered)
		}
	}
	return nil
}

// forget takes records out of the index. The caller holds Store.mu.
func (w *sweeper) forget(gone []entry) {
	for _, e := range gone {
		if w.store.index.remove(e.mh, e.loc) {
			w.result.Blocks++
		}
	}
}

// covered says whether a block has a sound and durable copy outside the
// candidates that serves all whom e serves. The caller holds Store.mu.
func (w *sweeper) covered(e entry) bool {
	s := w.store
	_, ok := s.index.find(e.mh, func(l loc) bool {
		g := s.segs[l.seg]
		return !g.candidate && !l.bad() && (e.private() || !l.private()) && g.synced >= l.end()
	})
	return ok
}

// copy appends the block of e, unless it was stored again meanwhile. It is
// public if any copy of it is.
func (w *sweeper) copy(ctx context.Context, g *segment, e entry) error {
	s := w.store
	c, data, err := readRecord(g, e)
	if errors.Is(err, ErrDamaged) {
		c = cid.NewCidV1(cid.Raw, multihash.Multihash(e.mh))
		data, err = s.Block(c, false, nil) // there may be another copy
	}
	if err != nil {
		return fmt.Errorf("at %d: %w", e.off, err)
	}
	s.mu.RLock()
	_, public := s.index.find(e.mh, func(l loc) bool { return !l.private() && !l.bad() })
	s.mu.RUnlock()
	batch := w.private
	if public || !e.private() {
		batch = w.public
	}
	n, err := batch.put(ctx, c, data)
	w.result.Bytes -= n
	return err
}

// readRecord reads a record and checks all of it.
func readRecord(g *segment, e entry) (c cid.Cid, data []byte, err error) {
	rec := make([]byte, int(e.head)+int(e.size))
	if n, err := g.file.ReadAt(rec, int64(e.off)); n < len(rec) {
		return c, nil, err
	}
	m, ok := parseMark(rec)
	sec := rec[markSize:]
	if !ok || int(m.length) != len(sec) || crc32.Checksum(sec, castagnoli) != m.crc {
		return c, nil, ErrDamaged
	}
	c, data, ok = car.ParseSection(sec)
	if !ok || multihashOf(c) != e.mh || !Matches(c, data) {
		return c, nil, ErrDamaged
	}
	return c, data, nil
}

// drop removes a candidate once all that is live in it is durable elsewhere.
func (w *sweeper) drop(ctx context.Context, g *segment, entries []entry, kept int64) error {
	s := w.store
	s.mu.Lock()
	if err := w.checkCopies(entries); err != nil {
		s.mu.Unlock()
		return err
	}
	w.forget(entries)
	delete(s.segs, g.id)
	g.dead.Store(true)
	s.mu.Unlock()
	w.result.Kept += kept
	w.result.Bytes += g.synced
	s.log.DebugContext(ctx, "segment removed", "segment", g.id, "size", g.synced, "kept", kept)
	return g.release()
}
