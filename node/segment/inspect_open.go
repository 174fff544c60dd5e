package segment

import (
	"context"
	"fmt"
	"slices"

	"github.com/whypfs/whypfs/node/blocks"
)

// Inspect is the package's Inspect of a store that is open and in use. It looks
// at the sealed segments, which nobody writes to any more, reads no data, and
// changes nothing: the store itself makes an index again when it meets a bad
// one. unseen says how many segments it left out, as they are being written, or
// their indexes are.
func (s *Store) Inspect(ctx context.Context, known []string, fn func(blocks.Fault)) (unseen int, err error) {
	dir := ""
	if s.root != nil {
		dir = s.root.Name()
	}
	i := inspector{dir: dir, files: s.files, open: true, opt: InspectOptions{Known: known}, fn: fn}
	if i.names, err = s.files.list(); err != nil {
		return 0, err
	}
	slices.Sort(i.names)
	for _, name := range i.names {
		if isOwn(name) {
			continue // may come and go
		}
		if err := i.file(ctx, name); err != nil {
			return 0, fmt.Errorf("inspect %s: %w", name, err)
		}
	}
	for g := s.after(-1); g != nil; g = s.after(int64(g.id)) {
		seen, err := s.inspect(ctx, &i, g)
		if err != nil {
			return unseen, fmt.Errorf("inspect %s: %w", dataName(g.id), err)
		}
		if !seen {
			unseen++
		}
	}
	return unseen, nil
}

// inspect looks at one segment, and releases it: until then its files stay,
// even if a sweep removes it.
func (s *Store) inspect(ctx context.Context, i *inspector, g *segment) (seen bool, err error) {
	defer func() {
		if err := g.release(); err != nil {
			s.log.WarnContext(ctx, "close segment", "segment", g.id, "err", err)
		}
	}()
	if err := ctx.Err(); err != nil {
		return false, context.Cause(ctx)
	}
	g.indexing.Lock() // the index is not made again meanwhile
	defer g.indexing.Unlock()
	s.mu.RLock()
	seen = g.sealed && g.settled
	s.mu.RUnlock()
	if !seen {
		return false, nil
	}
	return true, i.segment(ctx, g.id)
}

// isOwn says whether a file is of a segment.
func isOwn(name string) bool {
	var id uint32
	_, _ = fmt.Sscanf(name, "%d.", &id)
	return slices.Contains([]string{dataName(id), indexName(id), checkName(id), indexName(id) + ".tmp"}, name)
}
