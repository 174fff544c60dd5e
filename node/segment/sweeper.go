package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// A sweeper sweeps the candidates one after the other.
type sweeper struct {
	store  *Store
	marked Live
	small  map[*segment]bool // are rewritten, waste or not
	result Swept
	pace   *pacer

	verdicts map[uint32][]opinion // those in each candidate
	removed  bool                 // a segment was, which a crash may bring back

	// The copies of the blocks of one candidate.
	public, private *Batch
}

// order puts those first that need the least room for copies, so that a sweep
// of a full disk makes room as it goes.
func (w *sweeper) order(candidates []*segment) []*segment {
	need := make(map[*segment]int64, len(candidates))
	for _, g := range candidates {
		entries, err := w.store.records(g)
		if err != nil {
			need[g] = g.synced // as if all were live
		}
		for _, e := range entries {
			if !e.dead() && w.live(g, e) {
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
// because an upload that began during the sweep found it here. One whose name
// cannot be read is: nobody can say that it is not needed.
func (w *sweeper) live(g *segment, e entry) bool {
	mh, err := multihashIn(g, e)
	if err != nil || w.marked(multihash.Multihash(mh)) {
		return true
	}
	w.store.foundMu.Lock()
	defer w.store.foundMu.Unlock()
	return w.store.found[e.key]
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

// A cover is a copy outside the candidates that serves all whom a record of a
// candidate serves. Without one segment is nil, because the record is not live.
type cover struct {
	entry
	segment *segment
	loc     loc
}

// A plan is what is to become of one candidate.
type plan struct {
	g      *segment
	all    []entry   // its records, dead ones too
	kept   []entry   // the live ones that no copy covers
	gone   []cover   // the others that are not dead yet
	carry  []opinion // verdicts that have to stay
	rest   int64     // bytes of the segment that kept and carry do not need
	synced int64
}

// plan decides about the records of g.
func (w *sweeper) plan(g *segment) (*plan, error) {
	s := w.store
	all, err := s.records(g)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, byOffset)
	p := &plan{g: g, all: all, synced: g.synced, rest: g.synced - int64(len(header)) - trailerSize}
	for _, e := range all {
		if e.dead() {
			continue
		}
		c := cover{entry: e}
		if w.live(g, e) {
			f := s.stored(e.key, e.private())
			if !f.serves {
				p.kept = append(p.kept, e)
				p.rest -= e.length()
				continue
			}
			w.public.awaitFound(f) // an upload may not have synced it yet
			c.segment, c.loc = f.segment, f.loc
		}
		p.gone = append(p.gone, c)
	}
	for _, o := range w.verdicts[g.id] {
		if w.binding(g, o) {
			p.carry = append(p.carry, o)
			p.rest -= verdictSize
		}
	}
	return p, nil
}

// segment sweeps one candidate.
func (w *sweeper) segment(ctx context.Context, g *segment) error {
	s := w.store
	w.public, w.private = s.batch(false), s.batch(true)
	w.public.sweeps, w.private.sweeps = true, true
	p, err := w.plan(g)
	if err != nil {
		return err
	}
	join := w.small[g] && w.mayCopy(g, p.kept)
	idle := int64(len(w.verdicts[g.id])-len(p.carry)) * verdictSize
	if len(p.gone) == 0 && len(p.kept)+len(p.carry) > 0 && idle < p.synced/minWaste && !join {
		s.mu.Lock()
		defer s.mu.Unlock()
		g.candidate = false
		w.result.Kept += int64(len(p.kept))
		return nil
	}
	trim := p.rest < p.synced/minWaste && !join
	if !trim {
		for _, e := range p.kept {
			c, err := w.copy(ctx, g, e)
			if err != nil {
				return err
			}
			p.gone = append(p.gone, c)
			if err := w.pace.rest(ctx); err != nil {
				return err
			}
		}
		if err := w.carry(ctx, p); err != nil {
			return err
		}
	}
	if err := errors.Join(w.public.Sync(ctx), w.private.Sync(ctx)); err != nil {
		return err
	}
	if trim {
		return w.trim(p)
	}
	return w.drop(ctx, p)
}

// trim forgets the records of a candidate that are not kept, and leaves their
// bytes until there are enough of them. It is a candidate no longer.
func (w *sweeper) trim(p *plan) error {
	s, g := w.store, p.g
	g.indexing.Lock()
	defer g.indexing.Unlock()
	s.mu.Lock()
	if err := w.checkCopies(p); err != nil {
		s.mu.Unlock()
		return err
	}
	w.forget(p)
	g.candidate = false
	old := g.disk
	c := contents{end: p.synced, entries: p.all, verdicts: s.verdicts.of(g.id)}
	if old != nil {
		c.skipped = int64(old.skipped)
	}
	for i, e := range p.all {
		p.all[i].flags |= g.flags[e.off]
	}
	s.mu.Unlock()
	w.result.Kept += int64(len(p.kept))
	// Only now, when nobody finds them any more: a crash before it brings them back, as garbage.
	disk, err := writeIndex(s.files, g.id, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	g.disk, g.mem, g.opinions = s.adopt(disk), nil, nil
	s.indexed++
	s.reprobe()
	for _, e := range p.all {
		if g.flags[e.off] == flagDead {
			delete(g.flags, e.off)
		}
	}
	s.mu.Unlock()
	if old != nil {
		return old.release()
	}
	return nil
}

// errUncovered says that a live block has no durable copy outside the candidates.
var errUncovered = errors.New("block has no other durable copy")

// checkCopies makes sure that the records can go: one may have been found to
// be needed, or a copy have been lost, after the plan was made. The caller holds Store.mu.
func (w *sweeper) checkCopies(p *plan) error {
	s := w.store
	for _, c := range p.gone {
		if h := c.segment; h == nil {
			if !s.found[c.key] {
				continue
			}
		} else if l := c.loc; s.segs[h.id] == h && !h.candidate && h.synced >= l.end() && h.flags[l.off]&(flagBad|flagDead) == 0 {
			continue
		}
		return fmt.Errorf("at %d: %w", c.off, errUncovered)
	}
	return nil
}

// forget marks records as dead. The caller holds Store.mu.
func (w *sweeper) forget(p *plan) {
	for _, c := range p.gone {
		p.g.totals.add(c.entry.loc, -1)
		p.g.flags[c.off] |= flagDead
		if c.segment == nil {
			w.result.Blocks++
		}
	}
	w.store.removals++
}

// copy appends the block of e, unless it was stored again meanwhile. It is
// public if any copy of it is.
func (w *sweeper) copy(ctx context.Context, g *segment, e entry) (cover, error) {
	s := w.store
	c, data, err := readRecord(g, e)
	if errors.Is(err, ErrDamaged) {
		mh, ok := e.multihash()
		if !ok {
			return cover{}, fmt.Errorf("at %d: %w", e.off, err)
		}
		c = cid.NewCidV1(cid.Raw, multihash.Multihash(mh))
		data, err = s.Block(c, false, nil) // there may be another copy
	}
	if err != nil {
		return cover{}, fmt.Errorf("at %d: %w", e.off, err)
	}
	batch := w.public
	private, err := s.isPrivate(e)
	if err != nil {
		s.log.WarnContext(ctx, "copy a private block whose other copies are unknown", "err", err)
	}
	if private {
		batch = w.private
	}
	before := batch.written
	h, l, err := batch.put(ctx, c, data)
	w.result.Bytes -= batch.written - before
	return cover{e, h, l}, err
}

// drop removes a candidate once all that is live in it is durable elsewhere.
func (w *sweeper) drop(ctx context.Context, p *plan) error {
	s, g := w.store, p.g
	s.mu.Lock()
	if err := errors.Join(w.checkCopies(p), w.checkVerdicts(p)); err != nil {
		s.mu.Unlock()
		return err
	}
	w.forget(p)
	s.remove(g)
	s.mu.Unlock()
	w.result.Kept += int64(len(p.kept))
	w.result.Bytes += p.synced
	s.log.DebugContext(ctx, "segment removed", "segment", g.id, "size", p.synced, "kept", len(p.kept))
	w.removed = true
	return g.release()
}
