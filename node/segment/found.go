package segment

import "slices"

// A found is a copy of a block, and the verdict about it.
type found struct {
	segment *segment // nil: there is no copy
	loc     loc
	serves  bool // nothing has to be written
	verdict verdict
	judge   *segment // where the verdict is; nil if there is none, or if it was durable long ago
	indexed uint64   // Store.indexed before the look
}

// take looks at a copy for a private or a public batch, and says whether it is
// the one to find. The caller holds s.mu.
func (f *found) take(s *Store, k key, g *segment, l loc, private bool) bool {
	if l.bad() {
		return false
	}
	v, judged := s.verdicts.last[k]
	if hidden := s.private(k, l); hidden && !private {
		if f.segment == nil {
			*f = found{segment: g, loc: l}
		}
		return judged // else another copy may be public
	}
	*f = found{segment: g, loc: l, serves: true}
	if judged {
		f.verdict, f.judge = v, s.segs[v.seg]
	}
	return true
}

// stored finds a copy that makes writing another one needless. If an index
// cannot be read the block is written again: that costs room, and no more.
func (s *Store) stored(k key, private bool) (f found) {
	s.mu.RLock()
	indexed := s.indexed
	s.mu.RUnlock()
	s.lookup(k, func(g *segment, l loc) bool { return f.take(s, k, g, l, private) })
	f.indexed = indexed
	return f
}

// storedSince looks for what was stored since the look that gave old: in memory
// only, so stale says that it may be in an index file by now. The caller holds appendMu.
func (s *Store) storedSince(k key, old found, private bool) (f found, stale bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.indexed != old.indexed {
		return f, true
	}
	for _, g := range slices.Backward(s.order) {
		if g.mem == nil || g.candidate {
			continue
		}
		take := func(g *segment, l loc) bool { return f.take(s, k, g, l, private) }
		if g.mem.each(k, func(l loc) bool { return g.offer(l, false, take) }) {
			break
		}
	}
	if f.segment == nil {
		f = old
	}
	return f, false
}

// verdictOn is the verdict about a block; f is to wait for it.
func (s *Store) verdictOn(k key, f *found) (v verdict, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v, ok = s.verdicts.last[k]; ok {
		f.verdict, f.judge = v, s.segs[v.seg]
	}
	return v, ok
}

// published says whether there is a block, perhaps in a candidate, that a
// verdict made public: then storing it as private changes nothing. If an index
// cannot be read it may be there.
func (s *Store) published(k key) bool {
	if v, ok := s.verdictOn(k, &found{}); !ok || v.private {
		return false
	}
	ok, err := s.find(k, func(*segment, loc) bool { return true })
	return ok || err != nil
}
