package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// recover reads the directory: every segment through its index, or else by a scan.
func (s *Store) recover(ctx context.Context) error {
	names, err := s.files.list()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		var id uint32
		if n, _ := fmt.Sscanf(name, "%d.", &id); n != 1 {
			continue
		}
		switch name {
		case dataName(id):
			if err := s.recoverSegment(ctx, id); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			s.nextID = max(s.nextID, id+1)
		case indexName(id):
			// What is left of a removed segment.
			if !slices.Contains(names, dataName(id)) {
				err = s.files.remove(name)
			}
		case checkName(id):
			// What is left of a segment that has its index, or was removed.
			if g := s.segs[id]; g == nil || g.disk != nil {
				err = ignoreNotExist(s.files.remove(name))
			}
		case indexName(id) + ".tmp":
			err = ignoreNotExist(s.files.remove(name)) // a rebuild took it away already
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) recoverSegment(ctx context.Context, id uint32) error {
	f, size, err := s.files.open(dataName(id), false)
	if err != nil {
		return err
	}
	g := newSegment(id, s.files, f)
	g.settled, g.sealed, g.finished = true, true, true
	var verdicts []opinion
	if g.disk, verdicts, err = openIndex(s.files, id, size); err == nil {
		g.totals, g.written, g.synced = g.disk.totals, int64(g.disk.end), int64(g.disk.end)
	} else if verdicts, err = s.rebuild(ctx, g, size, err); err != nil {
		return errors.Join(err, f.Close())
	}
	if g.disk == nil && len(g.mem.entries) == 0 && len(verdicts) == 0 && g.settled {
		return s.discard(ctx, g, size)
	}
	if g.disk != nil {
		s.adopt(g.disk)
	}
	s.insert(g)
	for _, o := range verdicts {
		s.verdicts.add(o)
	}
	return nil
}

// discard removes a segment without a whole record: one that a crash cut short
// in its first. If it has more bytes than that, it is kept under another name.
func (s *Store) discard(ctx context.Context, g *segment, size int64) error {
	if size > int64(len(header))+markSize+maxSection {
		s.log.ErrorContext(ctx, "segment without a readable block set aside", "segment", g.id, "size", size)
		return errors.Join(s.files.rename(dataName(g.id), dataName(g.id)+".bad"), g.release())
	}
	g.dead.Store(true)
	return g.release()
}

// rebuild scans a segment that has no good index, for the reason why, and gives
// it one. What cannot be read now may be readable later: then the segment is
// neither cut nor settled, and the next open scans it again.
func (s *Store) rebuild(ctx context.Context, g *segment, size int64, why error) ([]opinion, error) {
	c := readCheckpoint(s.files, g.id, g.file, size)
	known := c.end
	c, unread := scanFrom(g.file, size, g.id, c)
	c = cutUnwritten(g.file, size, known, c)
	g.mem = newMemIndex(c.entries)
	g.count(c.entries)
	if unread != nil {
		s.log.ErrorContext(ctx, "segment cannot be read", "segment", g.id, "blocks", len(c.entries), "size", size, "err", unread)
		g.settled, g.written, g.synced = false, size, size
		return c.verdicts, errors.Join(g.file.Sync(), s.files.sync())
	}
	g.written, g.synced = c.end, c.end
	if len(c.entries) == 0 && len(c.verdicts) == 0 {
		return nil, nil
	}
	s.log.WarnContext(ctx, "segment scanned", "segment", g.id, "blocks", len(c.entries),
		"from", known, "size", c.end, "skipped", c.skipped, "cut", size-c.end, "whole", c.whole, "err", why)
	// This also gives back the room that the segment was to be written to.
	if err := g.file.Truncate(c.end); err != nil {
		return nil, err
	}
	// The process that wrote the segment may have died before its sync.
	if err := g.file.Sync(); err != nil {
		return nil, err
	}
	if err := s.files.sync(); err != nil {
		return nil, err
	}
	// Without room for an index the store still opens; the next open scans again.
	disk, err := writeIndex(s.files, g.id, c)
	if err != nil {
		s.log.WarnContext(ctx, "write segment index", "segment", g.id, "err", err)
		return c.verdicts, nil
	}
	g.disk, g.mem = disk, nil
	return c.verdicts, nil
}
