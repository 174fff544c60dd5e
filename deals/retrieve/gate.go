package retrieve

import (
	"context"
	"sync"
)

// A Class says who is waiting for bytes: the smaller is served first.
type Class int

const (
	ForReader  Class = iota // somebody waits for the bytes
	ForRestore              // somebody asked for the content
	Ahead                   // a reader may come to want them
	ForRepair               // a replica is made of them
	ForRest                 // nobody waits
)

// hurried says that a provider that stalls is left soon: a reader is there.
func (c Class) hurried() bool { return c == ForReader || c == Ahead }

// A gate bounds the bytes that are on their way at once. Those who wait are let
// in by class, and in each in the order of their coming.
type gate struct {
	mu      sync.Mutex // guards what follows, and the tickets
	limit   int64
	used    int64
	waiting []*ticket // in the order of their coming
}

// A ticket is one window's way through a gate.
type ticket struct {
	gate  *gate
	class Class
	bytes int64
	in    bool
	over  bool
	open  chan struct{} // closed when it is in
	hot   chan struct{} // closed when a reader waits for it
}

// ask takes a place among those who wait.
func (g *gate) ask(c Class, bytes int64) *ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &ticket{gate: g, class: c, bytes: min(bytes, g.limit), open: make(chan struct{}), hot: make(chan struct{})}
	if c == ForReader {
		close(t.hot)
	}
	g.waiting = append(g.waiting, t)
	g.admit()
	return t
}

// admit lets in whom there is room for. The first in line is not passed by,
// lest small ones keep it out for ever. The caller holds mu.
func (g *gate) admit() {
	for len(g.waiting) > 0 {
		best := 0
		for i, t := range g.waiting {
			if t.class < g.waiting[best].class {
				best = i
			}
		}
		t := g.waiting[best]
		if g.used+t.bytes > g.limit {
			return
		}
		g.waiting = append(g.waiting[:best], g.waiting[best+1:]...)
		g.used += t.bytes
		t.in = true
		close(t.open)
	}
}

// raise has a ticket served as one of a better class.
func (t *ticket) raise(c Class) {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	if c < t.class {
		if t.class = c; c == ForReader {
			close(t.hot)
		}
		t.gate.admit()
	}
}

// is says whether a ticket is of a class now.
func (t *ticket) is(c Class) bool {
	t.gate.mu.Lock()
	defer t.gate.mu.Unlock()
	return t.class == c
}

// wait waits until the ticket is in.
func (t *ticket) wait(ctx context.Context) error {
	select {
	case <-t.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives its room back, or its place among those who wait.
func (t *ticket) release() {
	g := t.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.over {
		return
	}
	t.over = true
	if t.in {
		g.used -= t.bytes
	} else {
		for i, other := range g.waiting {
			if other == t {
				g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
				break
			}
		}
	}
	g.admit()
}
