// Package keylock locks one key of many at a time.
package keylock

import (
	"context"
	"sync"
)

// A Lock lets one holder at a time work on a key. Its zero value is ready for use.
type Lock struct {
	mu   sync.Mutex
	held map[uint64]chan struct{} // guarded by mu
}

// Lock waits until nobody else holds key, or ctx ends.
func (l *Lock) Lock(ctx context.Context, key uint64) (unlock func(), err error) {
	for {
		l.mu.Lock()
		wait, busy := l.held[key]
		if !busy {
			if l.held == nil {
				l.held = make(map[uint64]chan struct{})
			}
			mine := make(chan struct{})
			l.held[key] = mine
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.held, key)
				l.mu.Unlock()
				close(mine)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
