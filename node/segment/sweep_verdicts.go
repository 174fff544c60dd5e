package segment

import (
	"context"
	"fmt"
	"slices"
)

// candidateVerdicts lists the verdicts in each candidate.
func (s *Store) candidateVerdicts() map[uint32][]opinion {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := map[uint32][]opinion{}
	for k, last := range s.verdicts.last {
		for _, v := range slices.Concat(s.verdicts.older[k], []verdict{last}) {
			if g := s.segs[v.seg]; g != nil && g.candidate {
				all[v.seg] = append(all[v.seg], opinion{k, v})
			}
		}
	}
	return all
}

// binding says whether a verdict in the candidate g has to be written again if g
// goes: not if a newer one replaces it, and not if the flags of all that is left
// of the block say the same. What cannot be read may say otherwise.
func (w *sweeper) binding(g *segment, o opinion) bool {
	s := w.store
	s.mu.RLock()
	last := s.verdicts.last[o.key]
	// Without o one that is older, and not of g, would be the newest.
	older := slices.ContainsFunc(s.verdicts.older[o.key], func(v verdict) bool { return v.seg != g.id })
	judge := s.segs[last.seg]
	unsettled := s.lingering.Load() > 0
	for _, h := range s.order {
		unsettled = unsettled || !h.settled && h.finished
	}
	s.mu.RUnlock()
	if last != o.verdict {
		if judge != nil {
			w.public.await(judge, last.end(), 0)
		}
		return false
	}
	if older || unsettled {
		return true
	}
	// A dead copy may come back when an index is made again.
	differs, err := s.traces(o.key, g, func(l loc) bool { return l.private() != o.private })
	if differs || err != nil {
		return true
	}
	if w.removed { // nor may a crash bring back a copy that was removed
		if err := s.files.sync(); err != nil {
			return true
		}
		w.removed = false
	}
	return false
}

// carry writes the verdicts of a plan again, unless newer ones were written meanwhile.
func (w *sweeper) carry(ctx context.Context, p *plan) error {
	s := w.store
	for _, o := range p.carry {
		done, err := s.appendAll(ctx, w.public, 0, func() []record {
			if last, _ := s.verdictOn(o.key, &found{}); last != o.verdict {
				return nil
			}
			return []record{newVerdictRecord(o.key, o.private)}
		})
		if err != nil {
			return fmt.Errorf("carry a verdict: %w", err)
		}
		for _, d := range done {
			w.result.Bytes -= d.size()
		}
	}
	return nil
}

// checkVerdicts makes sure that the verdicts in a candidate can go: those that
// bind have been written again, or been replaced, and that is durable. The
// caller holds Store.mu.
func (w *sweeper) checkVerdicts(p *plan) error {
	s := w.store
	carried := make(map[uint32]bool, len(p.carry))
	for _, o := range p.carry {
		carried[o.off] = true
	}
	for _, o := range w.verdicts[p.g.id] {
		last := s.verdicts.last[o.key]
		switch h := s.segs[last.seg]; {
		case last == o.verdict && !carried[o.off]:
		case last == o.verdict || h != nil && h.synced < last.end():
			return fmt.Errorf("verdict at %d: %w", o.off, errUncovered)
		}
	}
	return nil
}

// isPrivate says whether the block of e is private. With err it may have a
// public copy that cannot be found now.
func (s *Store) isPrivate(e entry) (bool, error) {
	s.mu.RLock()
	v, ok := s.verdicts.last[e.key]
	s.mu.RUnlock()
	if ok {
		return v.private, nil
	}
	if !e.private() {
		return false, nil
	}
	public, err := s.find(e.key, func(_ *segment, l loc) bool { return !l.private() && !l.bad() })
	return !public, err
}

// forgetRemoved forgets the verdicts in segments that are gone for good: their
// removal is durable.
func (s *Store) forgetRemoved() {
	if s.lingering.Load() > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts.removeSegments(func(seg uint32) bool { return s.segs[seg] == nil })
}
