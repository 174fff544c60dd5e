package blocks

import (
	"context"
	"sync"
)

// Leases are those that are held, for the drivers to share. Its zero value has none.
type Leases struct {
	mu   sync.Mutex
	held map[*lease]struct{}
}

type lease struct {
	from *Leases
	done chan struct{}
	once sync.Once
}

// Begin begins a lease.
func (l *Leases) Begin() Lease {
	h := &lease{from: l, done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[*lease]struct{}{}
	}
	l.held[h] = struct{}{}
	return h
}

// Release implements Lease.
func (h *lease) Release() {
	h.once.Do(func() {
		h.from.mu.Lock()
		delete(h.from.held, h)
		h.from.mu.Unlock()
		close(h.done)
	})
}

// Wait returns when every lease held now is released.
func (l *Leases) Wait(ctx context.Context) error {
	l.mu.Lock()
	var all []*lease
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
