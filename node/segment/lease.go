package segment

import (
	"context"
	"sync"

	"github.com/whypfs/whypfs/node/blocks"
)

// leases are those that are held. Its zero value has none.
type leases struct {
	mu   sync.Mutex
	held map[*Lease]struct{}
}

// A Lease says that its holder counts on blocks that no root reaches yet.
type Lease struct {
	from *leases
	done chan struct{}
	once sync.Once
}

// Lease begins a lease. A sweep that begins while it is held waits for its end.
func (s *Store) Lease() blocks.Lease {
	l := &Lease{from: &s.leases, done: make(chan struct{})}
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if s.leases.held == nil {
		s.leases.held = map[*Lease]struct{}{}
	}
	s.leases.held[l] = struct{}{}
	return l
}

// Release ends the lease; a second call does nothing.
func (l *Lease) Release() {
	l.once.Do(func() {
		l.from.mu.Lock()
		delete(l.from.held, l)
		l.from.mu.Unlock()
		close(l.done)
	})
}

// wait returns when every lease held now is released.
func (l *leases) wait(ctx context.Context) error {
	l.mu.Lock()
	var all []*Lease
	for h := range l.held {
		all = append(all, h)
	}
	l.mu.Unlock()
	for _, h := range all {
		select {
		case <-h.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
