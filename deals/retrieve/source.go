package retrieve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
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
// lately last.
func (r *Retriever) replicas(ctx context.Context, piece string) ([]string, error) {
	list, err := r.from.Holders(ctx, piece)
	if err != nil {
		return nil, err
	}
	var bad []string
	good := list[:0:0]
	for _, p := range list {
		if time.Since(r.sources.get(p).bad) < sourceBad {
			bad = append(bad, p)
		} else {
			good = append(good, p)
		}
	}
	return append(good, bad...), nil
}

// errLocal says that data came, and could not be kept here.
var errLocal = errors.New("store restored blocks")

// eachReplica tries the providers of a piece, given the base URL of each, until
// try succeeds with one.
func (r *Retriever) eachReplica(ctx context.Context, piece string, try func(base string) error) error {
	list, err := r.replicas(ctx, piece)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: no provider holds piece %s", ErrNoReplica, piece)
	}
	var reasons []error
	for _, provider := range list {
		urls, err := r.bases(ctx, provider)
		if err == nil {
			if err = firstOf(urls, try); err == nil {
				r.sources.edit(provider, func(s *source) { s.bad = time.Time{} })
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errLocal) {
			return err
		}
		r.log.WarnContext(ctx, "replica cannot be read", "miner", provider, "cid", piece, "err", err)
		r.sources.edit(provider, func(s *source) { s.bad, s.until = time.Now(), time.Time{} })
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
