package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// tryTimeout is how long one of several endpoints gets before the next is asked.
	tryTimeout = 10 * time.Second
	// headLag is how many epochs the heads of endpoints may be apart.
	headLag = 20
)

// EpochTime is how long an epoch of a Filecoin chain takes.
const EpochTime = 30 * time.Second

// A pool is the endpoints of one chain.
type pool struct {
	endpoints []*endpoint

	mu     sync.Mutex
	agreed int64 // the last head that two endpoints agreed on; 0: none yet
	at     time.Time
}

func newPool(opt Options) *pool {
	p := &pool{}
	for _, e := range opt.Endpoints {
		p.endpoints = append(p.endpoints, openEndpoint(e, opt.Rate))
	}
	return p
}

// order lists the endpoints as they are to be asked: first those that are well,
// in the order that was configured.
func (p *pool) order() []*endpoint {
	now := time.Now()
	rank := make(map[*endpoint]int64)
	for _, e := range p.endpoints {
		switch s := e.look(); {
		case now.Before(s.Paused):
			rank[e] = s.Paused.UnixNano()
		case s.Aside:
			rank[e] = 1
		}
	}
	out := slices.Clone(p.endpoints)
	slices.SortStableFunc(out, func(a, b *endpoint) int { return cmp.Compare(rank[a], rank[b]) })
	return out
}

// shuffled is order with the healthy ones in random order, so that in the long
// run none is always the first to be believed.
func (p *pool) shuffled() []*endpoint {
	out := p.order()
	now := time.Now()
	n := 0
	for n < len(out) {
		if s := out[n].look(); s.Aside || now.Before(s.Paused) {
			break
		}
		n++
	}
	rand.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// call asks the endpoints in turn until one answers.
func (p *pool) call(ctx context.Context, method string, out any, params ...any) error {
	return p.each(ctx, p.order(), func(ctx context.Context, e *endpoint) error {
		return e.call(ctx, method, out, params...)
	})
}

// each tries endpoints in turn until one gives an answer, be it a refusal.
func (p *pool) each(ctx context.Context, list []*endpoint, try func(context.Context, *endpoint) error) error {
	var failed []error
	for _, e := range list {
		err := p.limited(ctx, e, try)
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		if len(list) > 1 {
			err = fmt.Errorf("%s: %w", e.look().Name, err)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// limited keeps an endpoint that is silent from using up the time of the others.
func (p *pool) limited(ctx context.Context, e *endpoint, try func(context.Context, *endpoint) error) error {
	if len(p.endpoints) == 1 {
		return try(ctx, e)
	}
	limited, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := try(limited, e)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		e.note(err) // its own time is over, not its caller's
	}
	return err
}

// head asks all endpoints at once. The heads of most, which are close together,
// count; an endpoint that is not among them is left aside. Where there is no
// such majority the lowest head counts: too low a head makes things late, too
// high a one would end deals. For the same reason one endpoint alone, of
// several, takes the head no further than time has.
func (p *pool) head(ctx context.Context) (int64, error) {
	heights := make([]int64, len(p.endpoints))
	faults := make([]error, len(p.endpoints))
	var wg sync.WaitGroup
	for i, e := range p.endpoints {
		wg.Go(func() {
			faults[i] = p.limited(ctx, e, func(ctx context.Context, e *endpoint) (err error) {
				heights[i], err = headOf(ctx, e)
				return err
			})
		})
	}
	wg.Wait()
	var known []int64
	for i, err := range faults {
		if err == nil {
			known = append(known, heights[i])
		}
	}
	if len(known) == 0 {
		return 0, errors.Join(faults...)
	}
	best, most := judge(known)
	best, err := p.bound(best, most && len(known) > 1, len(known))
	if err != nil {
		return 0, err
	}
	for i, e := range p.endpoints {
		if faults[i] == nil {
			e.sawHead(heights[i], most && (heights[i] > best || heights[i] < best-headLag))
		}
	}
	return best, nil
}

// bound returns how much of a head counts that one of several endpoints says, or
// as the lowest of answers that differ: it is late at worst. confirmed says that two agree.
func (p *pool) bound(head int64, confirmed bool, answers int) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case confirmed || len(p.endpoints) == 1:
		p.agreed, p.at = head, now
	case p.agreed > 0:
		head = min(head, p.agreed+int64(now.Sub(p.at)/EpochTime)+headLag)
	case answers < 2:
		return 0, fmt.Errorf("%w: only one of %d endpoints answers, and none has confirmed a head since the start", ErrUnavailable, len(p.endpoints))
	}
	return head, nil
}

func headOf(ctx context.Context, e *endpoint) (int64, error) {
	var head struct{ Height *int64 }
	if err := e.call(ctx, "ChainHead", &head); err != nil {
		return 0, err
	}
	// Epoch 0 out of an empty answer would end up in proposals.
	if head.Height == nil || *head.Height < 0 {
		return 0, fmt.Errorf("%w: ChainHead: no height in the answer", ErrUnavailable)
	}
	return *head.Height, nil
}

// judge finds the head that counts. most says that more than half of all
// heights are within headLag below it.
func judge(heights []int64) (head int64, most bool) {
	slices.Sort(heights)
	for i := len(heights) - 1; i >= 0; i-- {
		near := 0
		for _, h := range heights[:i+1] {
			if h >= heights[i]-headLag {
				near++
			}
		}
		if 2*near > len(heights) {
			return heights[i], true
		}
	}
	return heights[0], false
}
