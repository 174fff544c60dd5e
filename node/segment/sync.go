package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// syncTo returns when g is durable up to end. Whoever comes while no sync runs
// starts one for all that is written; the others wait for it, and the first of
// those whose records came too late for it starts the next.
func (s *Store) syncTo(ctx context.Context, g *segment, end int64) error {
	for {
		s.mu.Lock()
		switch {
		case g.synced >= end:
			s.mu.Unlock()
			return nil
		case g.err != nil:
			err := g.err
			s.mu.Unlock()
			return err
		case g.round == nil:
			s.lead(g) // unlocks
		default:
			done := g.round
			s.mu.Unlock()
			select {
			case <-done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// lead runs one sync of g. It is called with s.mu locked and unlocks it.
func (s *Store) lead(g *segment) {
	done := make(chan struct{})
	g.round = done
	target, n, judged := g.written, len(g.mem.entries), len(g.opinions)
	s.mu.Unlock()

	start := time.Now()
	err := g.file.Sync()
	s.metrics.syncs.Observe(time.Since(start).Seconds())

	s.mu.Lock()
	g.round = nil
	if err == nil {
		g.synced, g.durable, g.judged = target, n, judged
	} else {
		s.fail(g, asFull(fmt.Errorf("sync segment %d: %w", g.id, err)))
	}
	s.mu.Unlock()
	close(done)
	if err == nil {
		s.checkpoint(g)
	} else if err := s.finish(g); err != nil {
		s.log.Error("seal failed segment", "segment", g.id, "err", err)
	}
}

// fail forgets what is not durable in g. The caller holds s.mu.
func (s *Store) fail(g *segment, err error) {
	g.err, g.sealed = err, true
	gone := g.mem.cut(g.durable)
	for _, e := range gone {
		g.totals.add(e.loc, -1)
	}
	for _, o := range g.opinions[g.judged:] {
		s.verdicts.remove(o.key, func(v verdict) bool { return v == o.verdict })
	}
	g.opinions = g.opinions[:g.judged]
	s.removals++
	s.metrics.failures.Inc()
	s.log.Error("segment failed", "segment", g.id, "lost", len(gone), "err", err)
}

// seal ends and syncs a segment that takes no more blocks and writes its index.
// It is called once for a segment, by who ended it. Nothing
// interrupts it: finish would cut away what a sync under way makes durable.
func (s *Store) seal(g *segment) error {
	s.appendTrailer(g)
	s.mu.RLock()
	end := g.written
	s.mu.RUnlock()
	return errors.Join(s.syncTo(context.Background(), g, end), s.finish(g))
}

// sealActive ends and seals the active segment, if there is one.
func (s *Store) sealActive() error {
	s.appendMu.Lock()
	g := s.endActive()
	s.appendMu.Unlock()
	if g == nil {
		return nil
	}
	return s.seal(g)
}

// finish gives a sealed segment, all of which is synced or lost, its index, or
// removes it if nothing in it is durable. It does nothing the second time.
func (s *Store) finish(g *segment) error {
	s.appendMu.Lock() // a write to a segment that just failed ends first
	if s.active == g {
		s.active = nil
	}
	s.appendMu.Unlock()

	s.mu.Lock()
	if g.finished || s.segs[g.id] != g { // or the store was closed meanwhile
		s.mu.Unlock()
		return nil
	}
	g.finished = true
	// All of it is durable, and no more comes.
	c := contents{end: g.synced, entries: g.mem.entries, verdicts: g.opinions}
	if len(c.entries) == 0 && len(c.verdicts) == 0 {
		s.remove(g)
		s.mu.Unlock()
		return g.release()
	}
	g.acquire()
	s.mu.Unlock()
	// A torn record may follow, or after a failed sync whole ones that may
	// not be on the disk. The index ends before them, and so should the file.
	err := g.file.Truncate(c.end)
	disk, e := writeIndex(s.files, g.id, c)
	s.mu.Lock()
	g.settled = true
	if e == nil {
		g.disk, g.mem, g.opinions = s.adopt(disk), nil, nil
		s.indexed++
		s.reprobe()
	}
	s.mu.Unlock()
	if e == nil {
		e = g.endCheckpoint()
	}
	return errors.Join(err, e, g.release())
}

// remove takes g out of the store; its files go with the last reference. The
// caller holds s.mu.
func (s *Store) remove(g *segment) {
	delete(s.segs, g.id)
	s.order = slices.DeleteFunc(s.order, func(h *segment) bool { return h == g })
	s.reprobe()
	s.removals++
	s.lingering.Add(1)
	g.lingering = &s.lingering
	g.dead.Store(true)
}

// insert takes g into the store. The caller holds s.mu.
func (s *Store) insert(g *segment) {
	s.segs[g.id] = g
	i, _ := slices.BinarySearchFunc(s.order, g.id, func(h *segment, id uint32) int { return cmp.Compare(h.id, id) })
	s.order = slices.Insert(s.order, i, g)
	s.probes = slices.Insert(s.probes, i, newProbe(g))
}
