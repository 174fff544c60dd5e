package piece

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/whypfs/whypfs/node/blocks"
	"golang.org/x/time/rate"
)

// Limits bound what providers pull. Zero values stand for the defaults.
type Limits struct {
	Pulls     int   // requests at once, of all together; default 64
	PullsEach int   // requests at once with one token; default 16
	Rate      int64 // bytes a second, of all together; default: no limit
	RateEach  int64 // bytes a second with one token; default: no limit
}

// pulls are the requests that are being answered.
type pulls struct {
	limits Limits
	pace   *rate.Limiter

	mu   sync.Mutex
	n    int                          // guarded by mu
	each map[[sha256.Size]byte]*token // guarded by mu; by hash of the token
}

// A token is what is known of a token that pulls, or did a moment ago.
type token struct {
	n    int // requests; guarded by pulls.mu
	pace *rate.Limiter
}

func newPulls(l Limits) *pulls {
	if l.Pulls <= 0 {
		l.Pulls = 64
	}
	if l.PullsEach <= 0 {
		l.PullsEach = 16
	}
	return &pulls{limits: l, pace: newPace(l.Rate), each: make(map[[sha256.Size]byte]*token)}
}

// newPace lets so many bytes a second pass, in one piece what is read in one.
func newPace(perSecond int64) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), blocks.MaxBlock)
}

// A pull is one request.
type pull struct {
	all *pulls
	own *token // nil: not let in yet
}

// begin takes a request, if not too many are there. It is ended by end.
func (p *pulls) begin() (*pull, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n >= p.limits.Pulls {
		return nil, false
	}
	p.n++
	return &pull{all: p}, true
}

// by says whose request it is, and whether that one has not too many. Strangers
// never come here, so no more tokens are remembered than there are deals.
func (q *pull) by(authorization string) bool {
	p, id := q.all, tokenID(authorization)
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.each[id]
	if t == nil {
		p.forget()
		t = &token{pace: newPace(p.limits.RateEach)}
		p.each[id] = t
	}
	if t.n >= p.limits.PullsEach {
		return false
	}
	t.n++
	q.own = t
	return true
}

func tokenID(authorization string) [sha256.Size]byte { return sha256.Sum256([]byte(authorization)) }

// forget drops the tokens that pull no longer and have waited for all that they
// had: who comes again in between does not get a new allowance. Called with mu held.
func (p *pulls) forget() {
	for id, t := range p.each {
		if t.n == 0 && (p.limits.RateEach <= 0 || t.pace.Tokens() >= float64(t.pace.Burst())) {
			delete(p.each, id)
		}
	}
}

func (q *pull) end() {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	q.all.n--
	if q.own != nil {
		q.own.n--
	}
}

// wait returns when n bytes may be sent, n at most a block.
func (q *pull) wait(ctx context.Context, n int) error {
	if err := q.own.pace.WaitN(ctx, n); err != nil {
		return err
	}
	return q.all.pace.WaitN(ctx, n)
}
