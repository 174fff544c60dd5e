package segment

import (
	"fmt"
	"iter"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/multiformats/go-varint"
)

// Multihashes lists the public blocks, in no order, while others read, write and
// sweep: it lists all that are here from its begin to its end, perhaps some of
// those that come or go meanwhile, and a block that has several copies perhaps
// as often. It holds one segment's part of the list at a time.
func (s *Store) Multihashes() iter.Seq2[multihash.Multihash, error] {
	return func(yield func(multihash.Multihash, error) bool) {
		// A sweep copies blocks to newer segments only, so who goes from the
		// oldest on misses none.
		for g := s.after(-1); g != nil; g = s.after(int64(g.id)) {
			if !s.listSegment(g, yield) {
				return
			}
		}
	}
}

// after is the oldest segment that is newer than id; it stays open until it is
// released. It is nil if there is none.
func (s *Store) after(id int64) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(s.order, id, func(g *segment, id int64) int {
		return int(max(min(int64(g.id)-id, 1), -1))
	})
	for ; i < len(s.order); i++ {
		if g := s.order[i]; int64(g.id) > id {
			g.acquire()
			return g
		}
	}
	return nil
}

// listSegment lists one segment and releases it. It says whether to go on.
func (s *Store) listSegment(g *segment, yield func(multihash.Multihash, error) bool) bool {
	defer func() {
		if err := g.release(); err != nil {
			s.log.Warn("close segment", "segment", g.id, "err", err)
		}
	}()
	entries, err := s.records(g)
	if err != nil {
		return yield(nil, fmt.Errorf("list segment %d: %w", g.id, err))
	}
	for _, e := range entries {
		if e.bad() || e.dead() || s.hidden(e) {
			continue
		}
		mh, err := multihashIn(g, e)
		if err != nil {
			err = fmt.Errorf("list segment %d: %w", g.id, err)
		}
		if !yield(multihash.Multihash(mh), err) {
			return false
		}
	}
	return true
}

func (s *Store) hidden(e entry) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.private(e.key, e.loc)
}

// records lists all records of a segment, with all their flags, in no order.
func (s *Store) records(g *segment) ([]entry, error) {
	entries, err := s.listed(g)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i, e := range entries {
		entries[i].flags |= g.flags[e.off]
	}
	return entries, nil
}

// listed lists all records of a segment.
func (s *Store) listed(g *segment) ([]entry, error) {
	for {
		s.mu.RLock()
		if g.mem != nil {
			defer s.mu.RUnlock()
			return slices.Clone(g.mem.entries), nil
		}
		x := g.disk
		x.acquire()
		s.mu.RUnlock()
		entries, err := x.all()
		if e := x.release(); e != nil {
			s.log.Warn("close index", "segment", g.id, "err", e)
		}
		if err == nil {
			s.metrics.indexReads.WithLabelValues("listed").Inc()
			return entries, nil
		}
		s.metrics.indexReads.WithLabelValues("failed").Inc()
		s.log.Error("read segment index", "segment", g.id, "err", err)
		if !s.heal(g, x) {
			return nil, err
		}
	}
}

// multihashIn is the multihash of a record, read from it if its key does not tell.
func multihashIn(g *segment, e entry) (string, error) {
	if mh, ok := e.multihash(); ok {
		return mh, nil
	}
	head := make([]byte, int(e.head)-markSize)
	if err := readFull(g.file, head, int64(e.off)+markSize); err != nil {
		return "", err
	}
	if _, n, err := varint.FromUvarint(head); err == nil {
		if _, c, err := cid.CidFromBytes(head[n:]); err == nil && keyOf(multihashOf(c)) == e.key {
			return multihashOf(c), nil
		}
	}
	return "", fmt.Errorf("record at %d: %w", e.off, ErrDamaged)
}
