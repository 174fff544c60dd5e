package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	sourceTTL = 10 * time.Minute // for what a provider said about where it serves
	sourceBad = time.Minute      // for which a provider that failed is asked last
	rateBytes = 256 << 10        // say something of how fast a provider is
)

// sources remembers how providers give data back: a restore asks many times,
// and a provider that is gone costs a timeout each time.
type sources struct {
	mu    sync.Mutex
	all   map[string]source        // guarded by mu; by provider
	slots map[string]chan struct{} // guarded by mu; of what no reader waits for, by provider
}

type source struct {
	urls  []string
	until time.Time
	bad   time.Time // last failure
	busy  int       // fetches under way
	rate  float64   // bytes a second of late, 0 if nothing is known
}

func (s *sources) get(provider string) source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[provider]
}

func (s *sources) edit(provider string, edit func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string]source)
	}
	src := s.all[provider]
	edit(&src)
	s.all[provider] = src
}

// bases returns the base URLs at which a provider serves.
func (r *Retriever) bases(ctx context.Context, provider string) ([]string, error) {
	if src := r.sources.get(provider); time.Now().Before(src.until) {
		return src.urls, nil
	}
	urls, err := r.from.Transports(ctx, provider)
	if err != nil {
		return nil, err
	}
	r.sources.edit(provider, func(s *source) { s.urls, s.until = urls, time.Now().Add(sourceTTL) })
	return urls, nil
}

// replicas lists who should be able to give a piece back: those that failed
// lately last, and before them whoever can be expected to give it soonest.
func (r *Retriever) replicas(ctx context.Context, piece string) ([]string, error) {
	list, err := r.from.Holders(ctx, piece)
	if err != nil {
		return nil, err
	}
	list = slices.Clone(list)
	r.sources.mu.Lock()
	defer r.sources.mu.Unlock()
	best := 1.0
	for _, p := range list {
		best = max(best, r.sources.all[p].rate)
	}
	wait := func(p string) float64 {
		s := r.sources.all[p]
		rate := s.rate
		if rate == 0 {
			rate = best // worth a try
		}
		if time.Since(s.bad) < sourceBad {
			return math.Inf(1)
		}
		return float64(s.busy+1) / rate
	}
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(wait(a), wait(b)) })
	return list, nil
}

// A replica is where a provider serves, and how long it may send too little.
type replica struct {
	provider, base string
	patience       time.Duration
}

// errLocal says that data came, and could not be kept here.
var errLocal = errors.New("store restored blocks")

// asking is how a window asks providers.
type asking struct {
	ticket *ticket // nil: a reader waits, or will
	hurry  bool    // one that stalls is left soon
}

// eachReplica tries the providers of a piece, given the base URL of each, until
// try succeeds with one. In a hurry one that stalls is left soon, and asked
// again, with patience, when the others have failed.
func (r *Retriever) eachReplica(ctx context.Context, piece string, how asking, try func(replica) error) error {
	list, err := r.replicas(ctx, piece)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: no provider holds piece %s", ErrNoReplica, piece)
	}
	var reasons []error
	patience := stallTimeout
	if how.hurry && len(list) > 1 {
		patience = hurryTimeout
	}
	first := len(list)
	for i := 0; i < len(list); i++ {
		if i == first {
			patience = stallTimeout
		}
		provider := list[i]
		err := r.ask(ctx, provider, patience, how.ticket, try)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errLocal) {
			return err
		}
		r.log.WarnContext(ctx, "replica cannot be read", "miner", provider, "cid", piece, "err", err)
		if patience < stallTimeout && errors.Is(err, errStalled) {
			list = append(list, provider)
		} else {
			reasons = append(reasons, fmt.Errorf("%s: %w", provider, err))
		}
	}
	return fmt.Errorf("%w: %w", ErrNoReplica, errors.Join(reasons...))
}

// slot waits until a provider may be asked for what no reader waits for.
func (r *Retriever) slot(ctx context.Context, provider string, t *ticket) (release func(), err error) {
	free := func() {}
	if r.perProvider <= 0 || t == nil {
		return free, nil
	}
	r.sources.mu.Lock()
	if r.sources.slots == nil {
		r.sources.slots = map[string]chan struct{}{}
	}
	places := r.sources.slots[provider]
	if places == nil {
		places = make(chan struct{}, r.perProvider)
		r.sources.slots[provider] = places
	}
	r.sources.mu.Unlock()
	select {
	case <-t.hot: // a reader waits for no place
		return free, nil
	default:
	}
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-t.hot:
		return free, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask tries one provider, and remembers how that went.
func (r *Retriever) ask(ctx context.Context, provider string, patience time.Duration, t *ticket, try func(replica) error) error {
	release, err := r.slot(ctx, provider, t)
	if err != nil {
		return err
	}
	defer release()
	urls, err := r.bases(ctx, provider)
	if err != nil {
		r.sources.edit(provider, func(s *source) { s.bad, s.until = time.Now(), time.Time{} })
		return err
	}
	r.sources.edit(provider, func(s *source) { s.busy++ })
	for _, u := range urls {
		if err = try(replica{provider, u, patience}); err == nil || errors.Is(err, errLocal) {
			break
		}
	}
	r.sources.edit(provider, func(s *source) {
		s.busy--
		switch {
		case err == nil:
			s.bad = time.Time{}
		case ctx.Err() == nil && !errors.Is(err, errLocal):
			s.bad, s.until = time.Now(), time.Time{}
		}
	})
	return err
}

// gave notes how fast a provider sent.
func (r *Retriever) gave(at replica, bytes int64, waited time.Duration) {
	if bytes < rateBytes || waited <= 0 {
		return
	}
	rate := float64(bytes) / waited.Seconds()
	r.sources.edit(at.provider, func(s *source) {
		if s.rate == 0 {
			s.rate = rate
		}
		s.rate += (rate - s.rate) / 4
	})
}
