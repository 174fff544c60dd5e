// Package aged keeps figures that cost something to count.
package aged

import (
	"sync"
	"time"
)

// share is by how much longer a count is good for than it took.
const share = 20

// A Value is what was counted last. Its zero value has counted nothing.
type Value[T any] struct {
	mu   sync.Mutex // held while counting too, so that askers share one count
	next time.Time  // when to count again
	last T
}

// Get returns what count returns, or what it did not longer ago than age, or
// where counting takes long, than twenty times that. An error is not kept.
func (v *Value[T]) Get(age time.Duration, count func() (T, error)) (T, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if began := time.Now(); began.After(v.next) {
		fresh, err := count()
		if err != nil {
			return fresh, err
		}
		v.last, v.next = fresh, time.Now().Add(max(age, share*time.Since(began)))
	}
	return v.last, nil
}
