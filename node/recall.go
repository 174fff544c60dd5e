package node

import (
	"sync"
	"time"
)

// maxSayings bounds the memory of each recall.
const maxSayings = 4096

// recall remembers what others said, for as long as it holds. The zero value
// is empty.
type recall[V any] struct {
	mu   sync.Mutex // guards said
	said map[string]saying[V]
}

type saying[V any] struct {
	value V
	err   error
	until time.Time
}

func (a *recall[V]) get(question string) (saying[V], bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	said, ok := a.said[question]
	return said, ok && time.Now().Before(said.until)
}

// put remembers an answer for ttl, or an error for a moment.
func (a *recall[V]) put(question string, value V, ttl time.Duration, err error) {
	ttl = min(ttl, nameKept)
	if err != nil {
		ttl = nameMissed
	}
	if ttl <= 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if len(a.said) >= maxSayings {
		for q, said := range a.said {
			if now.After(said.until) {
				delete(a.said, q)
			}
		}
	}
	if len(a.said) >= maxSayings {
		clear(a.said) // many names, all in use: begin anew
	}
	if a.said == nil {
		a.said = map[string]saying[V]{}
	}
	a.said[question] = saying[V]{value, err, now.Add(ttl)}
}
