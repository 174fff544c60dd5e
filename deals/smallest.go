package deals

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/deals/mk12"
)

const (
	askTTL     = 30 * time.Minute // as long as Estuary took an ask for true
	askFailTTL = time.Minute      // a provider that did not answer is left alone for so long
	askers     = 8                // providers asked at a time
)

// asks keeps what providers ask for, because each answer takes a round trip to
// the other end of the world.
type asks struct {
	mu    sync.Mutex
	known map[string]knownAsk // guarded by mu; by provider
}

type knownAsk struct {
	ask   mk12.Ask
	err   error
	until time.Time
}

// cachedAsk returns what a provider asks for, as it said not long ago.
func (d *Deals) cachedAsk(ctx context.Context, provider string) (mk12.Ask, error) {
	d.asks.mu.Lock()
	known, ok := d.asks.known[provider]
	d.asks.mu.Unlock()
	if ok && d.queue.Now().Before(known.until) {
		return known.ask, known.err
	}
	a, err := d.engineOf(provider).Ask(ctx, provider)
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	known = knownAsk{a, err, d.queue.Now().Add(askTTL)}
	if err != nil {
		known.until = d.queue.Now().Add(askFailTTL)
	}
	d.asks.mu.Lock()
	defer d.asks.mu.Unlock()
	if d.asks.known == nil {
		d.asks.known = make(map[string]knownAsk)
	}
	d.asks.known[provider] = known
	return a, err
}

// SmallestPiece returns the padded size of the smallest piece that n of the
// configured providers take at a price of ours, or all of them if there are
// fewer, as far as their asks are known. It is 0 if no provider is configured;
// an error says why no ask is known.
func (d *Deals) SmallestPiece(ctx context.Context, n int) (int64, error) {
	providers := d.providers()
	if len(providers) == 0 {
		return 0, nil
	}
	if d.chain == nil {
		return 0, errors.New(noChain)
	}
	found := make([]knownAsk, len(providers))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(askers)
	for i, p := range providers {
		g.Go(func() error {
			found[i].ask, found[i].err = d.cachedAsk(gctx, p)
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var sizes []int64
	var reasons []string
	for i, f := range found {
		switch {
		case f.err != nil:
			reasons = append(reasons, providers[i]+" cannot be reached: "+short(f.err.Error()))
		case d.maxPrice != nil && f.ask.Price.Cmp(d.maxPrice) > 0:
			reasons = append(reasons, fmt.Sprintf("%s asks %s attoFIL per GiB and epoch, the limit is %s", providers[i], f.ask.Price, d.opt.MaxPrice))
		default:
			sizes = append(sizes, f.ask.Min)
		}
	}
	if len(sizes) == 0 {
		return 0, errors.New(join(reasons))
	}
	slices.Sort(sizes)
	return sizes[max(0, min(n, len(sizes))-1)], nil
}
