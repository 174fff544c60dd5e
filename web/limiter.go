package web

import (
	"net/netip"
	"sync"
	"time"
)

const (
	maxAttempts  = 10               // logins that may fail in a row
	attemptEvery = 30 * time.Second // after which one more is allowed
	maxAddresses = 10_000
)

// limiter limits failed logins per address. It forgets with the process: it
// slows guessing down, and an argon2id hash does the rest.
type limiter struct {
	mu   sync.Mutex
	left map[netip.Addr]allowance // guarded by mu; an absent address has all
}

// allowance is how many attempts an address had left at a time.
type allowance struct {
	n  float64
	at time.Time
}

func (a allowance) now(t time.Time) float64 {
	return min(maxAttempts, a.n+float64(t.Sub(a.at))/float64(attemptEvery))
}

func newLimiter() *limiter { return &limiter{left: map[netip.Addr]allowance{}} }

// take counts an attempt before it is made, so that parallel ones count too. If
// there is none left it says how long to wait.
func (l *limiter) take(addr netip.Addr) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := time.Now()
	n := float64(maxAttempts)
	if a, found := l.left[addr]; found {
		n = a.now(t)
	} else if len(l.left) >= maxAddresses {
		l.shrink(t)
	}
	if n < 1 {
		return time.Duration((1 - n) * float64(attemptEvery)), false
	}
	l.left[addr] = allowance{n - 1, t}
	return 0, true
}

// giveBack takes an attempt back that was no guess.
func (l *limiter) giveBack(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := time.Now()
	if a, found := l.left[addr]; found {
		l.left[addr] = allowance{min(maxAttempts, a.now(t)+1), t}
	}
}

// shrink makes room for a while: addresses that have all attempts back go, and
// if they are few any others, so that memory stays bounded.
func (l *limiter) shrink(t time.Time) {
	for addr, a := range l.left {
		if a.now(t) >= maxAttempts {
			delete(l.left, addr)
		}
	}
	for addr := range l.left {
		if len(l.left) <= maxAddresses*9/10 {
			return
		}
		delete(l.left, addr)
	}
}
