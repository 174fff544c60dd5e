package segment

import "slices"

// lookup calls use, with Store.mu held for reading, for the copies of a block
// outside the candidates, roughly from the newest on, until it returns true. If
// an index cannot be read the block is looked for elsewhere, and an error says
// that it may be here though it was not found.
func (s *Store) lookup(k key, use func(*segment, loc) bool) (found bool, err error) {
	for {
		l := look{store: s, k: k, use: use, skip: func(g *segment) bool { return g.candidate }}
		found, again := l.run()
		if !again {
			return found, l.err
		}
	}
}

// find is lookup in all segments, for who can wait until a damaged index is made again.
func (s *Store) find(k key, use func(*segment, loc) bool) (found bool, err error) {
	for {
		l := look{store: s, k: k, use: use, skip: func(*segment) bool { return false }}
		found, again := l.run()
		if again || !found && l.failed.disk != nil && s.heal(l.failed.segment, l.failed.disk) {
			continue
		}
		return found, l.err
	}
}

// traces is find for all copies whose bytes are in files, dead ones too, in
// segments but g.
func (s *Store) traces(k key, g *segment, use func(loc) bool) (found bool, err error) {
	for {
		l := look{store: s, k: k, dead: true}
		l.use = func(_ *segment, m loc) bool { return use(m) }
		l.skip = func(h *segment) bool { return h == g }
		found, again := l.run()
		if !again {
			return found, l.err
		}
	}
}

// A look goes through the segments once.
type look struct {
	store *Store
	k     key
	use   func(*segment, loc) bool
	skip  func(*segment) bool // segments not to look at; called with Store.mu held
	dead  bool                // dead copies too

	err    error
	failed hit // the first whose index could not be read
	moved  bool
}

// A hit is a segment whose filter says that it may have the block.
type hit struct {
	segment *segment
	disk    *diskIndex
}

// run says whether the block was found and, if not, whether to look again
// because copies were removed meanwhile.
func (l *look) run() (found, again bool) {
	s := l.store
	var few [4]hit
	hits, removals, found := l.filters(few[:0])
	defer func() {
		for _, h := range hits {
			if err := h.disk.release(); err != nil {
				s.log.Warn("close index", "segment", h.segment.id, "err", err)
			}
		}
	}()
	for i := 0; i < len(hits) && !found; i++ {
		found = l.read(hits[i])
	}
	if found || len(hits) == 0 {
		return found, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return false, l.moved || s.removals != removals
}

// filters looks in memory: at the records of segments without an index file,
// and at the filters of the others.
func (l *look) filters(hits []hit) (_ []hit, removals uint64, found bool) {
	s := l.store
	s.mu.RLock()
	defer s.mu.RUnlock()
	var seed, hash uint64
	for i := len(s.probes) - 1; i >= 0; i-- {
		p := &s.probes[i]
		if p.seed != seed || hash == 0 { // nearly all have the same
			seed, hash = p.seed, murmur(l.k.hash()+p.seed)
		}
		switch g := p.segment; {
		case !p.mayHold(hash) || l.skip(g):
		case g.mem != nil:
			if g.mem.each(l.k, func(m loc) bool { return g.offer(m, l.dead, l.use) }) {
				return hits, s.removals, true
			}
		default:
			g.disk.acquire()
			hits = append(hits, hit{g, g.disk})
		}
	}
	return hits, s.removals, false
}

// current says whether a hit has its index still.
func (s *Store) current(h hit) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.segs[h.segment.id] == h.segment && h.segment.disk == h.disk
}

// read looks at the pages of one segment.
func (l *look) read(h hit) (found bool) {
	s := l.store
	locs, err := h.disk.find(l.k)
	if !s.current(h) {
		l.moved = true // what was read may be dead by now
		return false
	}
	switch {
	case err != nil:
		s.metrics.indexReads.WithLabelValues("failed").Inc()
		s.log.Error("read segment index", "segment", h.segment.id, "err", err)
		if l.err == nil {
			l.err, l.failed = err, h
		}
		return false
	case len(locs) == 0:
		s.metrics.indexReads.WithLabelValues("absent").Inc()
		return false
	}
	s.metrics.indexReads.WithLabelValues("found").Inc()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.segs[h.segment.id] != h.segment || h.segment.disk != h.disk {
		l.moved = true
		return false
	}
	return slices.ContainsFunc(locs, func(m loc) bool { return h.segment.offer(m, l.dead, l.use) })
}
