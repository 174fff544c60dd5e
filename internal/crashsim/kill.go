package crashsim

import (
	"path/filepath"
	"slices"
)

// Kill makes the log that of processes that were killed at a time: what begins
// later never happens. What was under way is done, but for syncs. The next
// process finds Killed of the same time.
func (l *Log) Kill(at int) {
	for _, n := range l.nodes {
		n.data = killed(n.data, at, func(d *dataOp) *span { return &d.span })
		n.names = killed(n.names, at, func(d *nameOp) *span { return &d.span })
		n.syncs = slices.DeleteFunc(slices.Clone(n.syncs), func(s *syncOp) bool { return s.end > at })
		if n.dir {
			clear(n.entries)
		}
	}
	l.marks = slices.DeleteFunc(l.marks, func(m Mark) bool { return m.Begin > at })
	l.end = at + 1
	l.settle()
	c := l.newCut(at, keepAll, nil)
	for dir, names := range c.names() {
		for name, node := range names {
			if node != nil {
				dir.entries[name] = node
				node.path = filepath.Join(dir.path, name)
			}
		}
	}
	for _, n := range l.nodes {
		if !n.dir {
			n.size = c.file(n).Size
		}
	}
}

// killed are the operations that happened, in their order. After names have
// moved an operation that gave one is found by its new place.
func killed[T any](ops []T, at int, of func(*T) *span) []T {
	var left []T
	for _, op := range ops {
		if of(&op).begin <= at {
			left = append(left, op)
		}
	}
	slices.SortStableFunc(left, func(a, b T) int { return order(*of(&a), *of(&b), at) })
	for i := range left {
		if s := of(&left[i]); s.end > at {
			s.end = at
		}
	}
	return left
}
