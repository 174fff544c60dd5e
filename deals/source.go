package deals

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/whypfs/whypfs/kv"
)

const (
	sourceTTL = 10 * time.Minute // for what a provider said about where it serves
	sourceBad = time.Minute      // for which a provider that failed is asked last
)

// sources remembers how providers give data back: a restore asks many times,
// and a provider that is gone costs a timeout each time.
type sources struct {
	mu  sync.Mutex
	all map[string]source // guarded by mu; by provider
}

type source struct {
	urls  []string
	until time.Time
	bad   time.Time // last failure
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
func (d *Deals) bases(ctx context.Context, provider string) ([]string, error) {
	if src := d.sources.get(provider); time.Now().Before(src.until) {
		return src.urls, nil
	}
	urls, err := d.mk12.Transports(ctx, provider)
	if err != nil {
		return nil, err
	}
	d.sources.edit(provider, func(s *source) { s.urls, s.until = urls, time.Now().Add(sourceTTL) })
	return urls, nil
}

// replicas lists who should be able to give a piece back: those that did not
// fail lately first, and among them active deals, then those that have pulled
// it, then those whose deal came to its end.
func (d *Deals) replicas(ctx context.Context, piece string) ([]string, error) {
	rank := map[DealState]int{DealActive: 1, DealPublished: 2, DealAccepted: 3, DealExpired: 4}
	best := make(map[string]int) // by provider
	err := d.store.View(ctx, func(tx kv.Tx) error {
		clear(best)
		for row, err := range scanDeals(tx, 0, piece) {
			if err != nil {
				return err
			}
			if n := rank[row.State]; n > 0 && (best[row.Provider] == 0 || n < best[row.Provider]) {
				best[row.Provider] = n
			}
		}
		return nil
	})
	var out []string
	for p := range best {
		if time.Since(d.sources.get(p).bad) < sourceBad {
			best[p] += len(rank)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(best[a]-best[b], cmp.Compare(a, b)) })
	return out, err
}

// errLocal says that data came, and could not be kept here.
var errLocal = errors.New("store restored blocks")

// eachReplica tries the providers of a piece, given the base URL of each, until
// try succeeds with one.
func (d *Deals) eachReplica(ctx context.Context, piece string, try func(base string) error) error {
	if d.chain == nil {
		return fmt.Errorf("%w: %s", ErrNoReplica, noChain)
	}
	list, err := d.replicas(ctx, piece)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: no provider holds piece %s", ErrNoReplica, piece)
	}
	var reasons []error
	for _, provider := range list {
		urls, err := d.bases(ctx, provider)
		if err == nil {
			if err = firstOf(urls, try); err == nil {
				d.sources.edit(provider, func(s *source) { s.bad = time.Time{} })
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errLocal) {
			return err
		}
		d.log.WarnContext(ctx, "replica cannot be read", "miner", provider, "cid", piece, "err", err)
		d.sources.edit(provider, func(s *source) { s.bad, s.until = time.Now(), time.Time{} })
		reasons = append(reasons, fmt.Errorf("%s: %w", provider, err))
	}
	return fmt.Errorf("%w: %w", ErrNoReplica, errors.Join(reasons...))
}

func firstOf(urls []string, try func(string) error) (err error) {
	for _, u := range urls {
		if err = try(u); err == nil || errors.Is(err, errLocal) {
			return err
		}
	}
	return err
}
