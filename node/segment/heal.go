package segment

import (
	"errors"
	"fmt"
	"slices"
)

// heal makes the index of g anew, from what can be read of x and from a scan,
// after a page of x could not be read. It says whether g has another index now.
func (s *Store) heal(g *segment, x *diskIndex) bool {
	g.indexing.Lock()
	defer g.indexing.Unlock()
	s.mu.RLock()
	switch {
	case s.segs[g.id] != g || g.disk != x:
		s.mu.RUnlock()
		return true
	case g.unhealed:
		s.mu.RUnlock()
		return false
	}
	g.acquire()
	x.acquire()
	s.mu.RUnlock()
	err := s.reindex(g, x)
	if err != nil {
		s.log.Error("damaged index stays", "segment", g.id, "err", err)
		s.mu.Lock()
		g.unhealed = true
		s.mu.Unlock()
	}
	if e := errors.Join(x.release(), g.release()); e != nil {
		s.log.Warn("close segment", "segment", g.id, "err", e)
	}
	return err == nil
}

// errUnreadable says that an index file is not worth another try.
var errUnreadable = errors.New("the index made again cannot be read either")

// reindex gives g an index of all records that its bad index x still tells of
// and that a scan finds. The caller holds g.indexing.
func (s *Store) reindex(g *segment, x *diskIndex) error {
	known, lost := x.all()
	c, err := scan(g.file, int64(x.end), g.id)
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	at := make(map[uint32]bool, len(known))
	for _, e := range known {
		at[e.off] = true
	}
	skipped := c.skipped
	c.end, c.skipped = int64(x.end), int64(x.skipped)
	c.entries = slices.DeleteFunc(c.entries, func(e entry) bool { return at[e.off] })
	c.entries = append(c.entries, known...)
	s.mu.RLock()
	c.verdicts = s.verdicts.of(g.id) // which the index gave when it was opened
	s.mu.RUnlock()
	var disk *diskIndex
	if err = errUnreadable; !g.reindexed {
		disk, err = writeIndex(s.files, g.id, c)
	}
	g.reindexed = true
	s.log.Warn("segment index made again", "segment", g.id, "blocks", len(c.entries), "skipped", skipped, "err", errors.Join(lost, err))
	s.metrics.reindexed.Inc()
	s.mu.Lock()
	g.disk = disk
	if err != nil { // no room, say: it is kept in memory until the next open
		g.disk, g.mem = nil, newMemIndex(c.entries)
	}
	if skipped > 0 {
		g.settled = false // a record of the lost page may be among what the scan skipped
	}
	g.count(c.entries)
	s.reprobe()
	s.mu.Unlock()
	return x.release()
}
