package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ipfs/go-cid"
)

// Block returns the bytes of a block, checked against its CID; public leaves
// private blocks out. They are in buf if it is large enough.
func (s *Store) Block(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	return s.block(c, public, func(g *segment, l loc) ([]byte, error) {
		data, err := readAt(g, l, buf)
		if err == nil && !Matches(c, data) {
			err = ErrDamaged
		}
		return data, err
	})
}

// Stored returns the bytes of a block, checked against the CRC of its record. A
// large one is read past the page cache, and kept if that happens again.
func (s *Store) Stored(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	return s.block(c, public, func(g *segment, l loc) ([]byte, error) {
		if l.size < largeBlock {
			return readChecked(g, l, c, buf)
		}
		if data, ok := s.cache.get(l, buf); ok {
			s.metrics.cached.Inc()
			return data, nil
		}
		data, past, err := readLarge(g, l, c, buf)
		if err == nil && past {
			s.cache.read(l, data)
		}
		return data, err
	})
}

// Lend lends a block of the cache, which was checked when it came there. Like
// Stored it asks the cache for what the store has found and may show only.
func (s *Store) Lend(c cid.Cid, public bool) (data []byte, done func(), ok bool) {
	g, l, _ := s.pick(keyOf(multihashOf(c)), public, nil)
	if g == nil {
		return nil, nil, false
	}
	if l.size >= largeBlock {
		data, done, ok = s.cache.lend(l)
	}
	if err := g.release(); err != nil {
		s.log.Warn("remove segment", "segment", g.id, "err", err)
	}
	if ok {
		s.metrics.cached.Inc()
	}
	return data, done, ok
}

// block finds a copy of a block for which read returns no error.
func (s *Store) block(c cid.Cid, public bool, read func(*segment, loc) ([]byte, error)) ([]byte, error) {
	if data, ok := identityData(c); ok {
		return data, nil
	}
	k := keyOf(multihashOf(c))
	var err error
	var tried []loc
	for {
		g, l, e := s.pick(k, public, tried)
		if g == nil {
			if err == nil || !errors.Is(e, ErrNotFound) {
				err = fmt.Errorf("%s: %w", c, e)
			}
			return nil, err
		}
		data, e := read(g, l)
		if re := g.release(); re != nil {
			s.log.Warn("remove segment", "segment", g.id, "err", re)
		}
		if e == nil {
			return data, nil
		}
		err = fmt.Errorf("%s: segment %d at %d: %w", c, l.seg, l.off, e)
		if tried = append(tried, l); errors.Is(e, ErrDamaged) {
			s.damaged(c, g, l)
		}
	}
}

// pick finds a copy that was not tried yet, and keeps its segment open until it
// is released. Those known to be bad come last. Without one g is nil, and err says why.
func (s *Store) pick(k key, public bool, tried []loc) (g *segment, l loc, err error) {
	for _, bad := range []bool{false, true} {
		others := false
		found, err := s.find(k, func(h *segment, m loc) bool {
			if public && s.private(k, m) || slices.ContainsFunc(tried, m.same) {
				return false
			}
			if m.bad() != bad {
				others = true
				return false
			}
			h.acquire()
			g, l = h, m
			return true
		})
		switch {
		case found:
			return g, l, nil
		case err != nil:
			return nil, l, err
		case !others:
			return nil, l, s.absent()
		}
	}
	return nil, l, s.absent()
}

// absent says why a block is not here.
func (s *Store) absent() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.gone {
		return ErrClosed
	}
	return ErrNotFound
}

func readAt(g *segment, l loc, buf []byte) ([]byte, error) {
	if cap(buf) < int(l.size) {
		buf = make([]byte, l.size)
	}
	buf = buf[:l.size]
	n, err := g.file.ReadAt(buf, int64(l.off)+int64(l.head))
	if n == len(buf) {
		return buf, nil
	}
	if n > 0 || errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil, err
}

// damaged notes that a copy is bad, so that Put writes the block again.
func (s *Store) damaged(c cid.Cid, g *segment, l loc) {
	s.mu.Lock()
	known := g.flags[l.off]&flagBad != 0
	g.flags[l.off] |= flagBad
	s.mu.Unlock()
	if known {
		return // it is told once
	}
	s.log.Error("block is damaged", "cid", c.String(), "segment", l.seg, "offset", l.off)
	s.metrics.damaged.Inc()
}

// Has says whether a block that is not known to be damaged is here, and its size.
func (s *Store) Has(c cid.Cid, public bool) (size int, ok bool) {
	if data, ok := identityData(c); ok {
		return len(data), true
	}
	// An index that cannot be read was logged. Who is told that a block is not
	// here looks for it elsewhere, which does no harm.
	k := keyOf(multihashOf(c))
	ok, _ = s.find(k, func(_ *segment, l loc) bool {
		size = int(l.size)
		return !l.bad() && (!public || !s.private(k, l))
	})
	if !ok {
		return 0, false
	}
	return size, true
}

// Find is Has for one who, with a lease, counts on what is found: it is durable,
// and a sweep that runs now does not remove it. It waits for a sync under way.
func (s *Store) Find(ctx context.Context, c cid.Cid) (size int, ok bool) {
	if data, ok := identityData(c); ok {
		return len(data), true
	}
	k := keyOf(multihashOf(c))
	for {
		g, l, ok := s.hold(k)
		if !ok {
			return 0, false
		}
		if s.syncTo(ctx, g, l.end()) == nil {
			return int(l.size), true
		}
		if ctx.Err() != nil {
			return 0, false
		}
		// The sync failed and took this copy along; there may be another.
	}
}

// hold looks a block up and keeps it from the sweep. If an index cannot be read
// it does not find it, and then nobody counts on it.
func (s *Store) hold(k key) (g *segment, l loc, ok bool) {
	ok, _ = s.find(k, func(h *segment, m loc) bool {
		if m.bad() {
			return false
		}
		g, l = h, m
		if h.candidate {
			s.foundMu.Lock()
			defer s.foundMu.Unlock()
			s.found[k] = true
		}
		return true
	})
	return g, l, ok
}
