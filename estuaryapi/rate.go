package estuaryapi

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/whypfs/whypfs/internal/clientaddr"
	"golang.org/x/time/rate"
)

// maxKeys is how many keys of a generation a limiter remembers.
const maxKeys = 16_384

// generation is how long it remembers a key at least, unless there are too many.
const generation = 2 * time.Second

// limiter lets each key have so many requests a second, and as many at once,
// as V1's does. A key that was not seen for a second has all of them again, so
// those of the generation before last are forgotten. When there are more keys
// than it remembers, some get a little more than theirs.
type limiter[K comparable] struct {
	rate rate.Limit // 0: without limit

	mu          sync.Mutex
	now, before map[K]*rate.Limiter
	since       time.Time // when now began
}

func newLimiter[K comparable](perSecond float64) *limiter[K] {
	return &limiter[K]{rate: rate.Limit(perSecond), now: map[K]*rate.Limiter{}}
}

// allow takes one request of a key's, if it has one.
func (l *limiter[K]) allow(key K) bool {
	if l.rate <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := time.Now(); t.Sub(l.since) >= l.lasts() || len(l.now) >= maxKeys {
		l.now, l.before, l.since = make(map[K]*rate.Limiter), l.now, t
	}
	one := l.now[key]
	if one == nil {
		if one = l.before[key]; one == nil {
			one = rate.NewLimiter(l.rate, max(1, int(l.rate)))
		}
		l.now[key] = one
	}
	return one.Allow()
}

// lasts is a generation: at least what one more request takes to be allowed.
func (l *limiter[K]) lasts() time.Duration {
	return max(generation, time.Duration(float64(time.Second)/float64(l.rate)))
}

// limited answers a client that sends too much, and says whether it did.
func (s *server) limited(w http.ResponseWriter, r *http.Request) bool {
	// Without an address there is one limit for all such clients.
	if s.addresses.allow(clientaddr.Of(r)) {
		return false
	}
	s.writeError(w, r, errRate)
	return true
}

// retryAfter is how many seconds it takes at least until one more request is allowed.
func (s *server) retryAfter() string {
	return strconv.Itoa(max(1, int(math.Ceil(1/s.opt.Rate))))
}

// limits are those of addresses and of users.
type limits struct {
	addresses *limiter[netip.Addr]
	users     *limiter[uint64]
}

func newLimits(perSecond float64) limits {
	return limits{newLimiter[netip.Addr](perSecond), newLimiter[uint64](perSecond)}
}
