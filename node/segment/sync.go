package segment

import (
	"context"
	"errors"
	"fmt"
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
	target, n := g.written, len(g.entries)
	s.mu.Unlock()

	start := time.Now()
	err := g.file.Sync()
	s.metrics.syncs.Observe(time.Since(start).Seconds())

	s.mu.Lock()
	g.round = nil
	if err == nil {
		g.synced, g.durable = target, n
	} else {
		s.fail(g, asFull(fmt.Errorf("sync segment %d: %w", g.id, err)))
	}
	s.mu.Unlock()
	close(done)
	if err != nil {
		if err := s.finish(g); err != nil {
			s.log.Error("seal failed segment", "segment", g.id, "err", err)
		}
	}
}

// fail forgets what is not durable in g. The caller holds s.mu.
func (s *Store) fail(g *segment, err error) {
	s.metrics.failures.Inc()
	s.log.Error("segment failed", "segment", g.id, "lost", len(g.entries)-g.durable, "err", err)
	g.err, g.sealed = err, true
	for _, e := range g.entries[g.durable:] {
		s.index.remove(e.mh, e.loc)
	}
	g.entries = g.entries[:g.durable]
}

// seal syncs a segment that takes no more blocks and writes its index. Nothing
// interrupts it: finish would cut away what a sync under way makes durable.
func (s *Store) seal(g *segment) error {
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
	if g.finished {
		s.mu.Unlock()
		return nil
	}
	g.finished = true
	end, entries := g.synced, g.entries
	g.entries, g.durable = nil, 0
	if len(entries) == 0 {
		delete(s.segs, g.id)
		g.dead.Store(true)
		s.mu.Unlock()
		return g.release()
	}
	s.mu.Unlock()
	// A torn record may follow, or after a failed sync whole ones that may
	// not be on the disk. The index ends before them, and so should the file.
	err := g.file.Truncate(end)
	err = errors.Join(err, writeIndex(s.files, g.id, end, entries))
	s.mu.Lock()
	g.settled = true
	s.mu.Unlock()
	return err
}
