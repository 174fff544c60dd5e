package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/verifcid"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// FetchConfig lets the gateway fetch what is not here. The zero value does not.
type FetchConfig struct {
	// On has the gateway ask peers, and with a DHT the providers it names, for
	// blocks that are neither here nor can be restored. What comes is served
	// and kept, public, under no root: the next Sweep takes it. It is never announced.
	On bool
	// Bytes that one request may fetch; default 1 GiB.
	Bytes int64
	// Wait for one block; default 30 seconds, then the answer is 504.
	Wait time.Duration
	// Requests that fetch at once; default 64, more are answered 503.
	Requests int
	// Cache is how many bytes are kept between two sweeps; default 10 GiB. What
	// is fetched beyond is served and not kept.
	Cache int64
}

func (c FetchConfig) check() (FetchConfig, error) {
	if c.Bytes < 0 || c.Wait < 0 || c.Requests < 0 || c.Cache < 0 {
		return c, fmt.Errorf("negative limit of fetches: %+v", c)
	}
	if c.Bytes == 0 {
		c.Bytes = 1 << 30
	}
	if c.Wait == 0 {
		c.Wait = 30 * time.Second
	}
	if c.Requests == 0 {
		c.Requests = 64
	}
	if c.Cache == 0 {
		c.Cache = 10 << 30
	}
	return c, nil
}

// fetchRetry is when a reader may come back that found too many before him.
const fetchRetry = 5 * time.Second

var (
	errFetchBusy = gateway.NewErrorRetryAfter(gateway.NewErrorStatusCode(
		errors.New("too much is being fetched from other nodes"), http.StatusServiceUnavailable), fetchRetry)
	errFetchLarge = gateway.NewErrorStatusCode(errors.New("more of this content would have to be fetched than this gateway does for one request"), http.StatusBadGateway)
	errFetchLate  = gateway.NewErrorStatusCode(errors.New("no other node has sent a block of this content in time"), http.StatusGatewayTimeout)
)

// gatewayFetcher gets blocks from other nodes for the gateway's readers.
type gatewayFetcher struct {
	cfg     FetchConfig
	swap    func() exchange.SessionExchange // nil without a host
	blocks  blockstore.Blockstore           // where public ones are kept
	local   func(context.Context, cid.Cid) bool
	private func(context.Context, cid.Cid) bool // nil: no root is
	log     *slog.Logger
	slots   chan struct{}
	kept    atomic.Int64 // bytes since the last sweep
	metrics fetchMetrics
}

// newGatewayFetcher returns nil if the gateway is not to fetch.
func newGatewayFetcher(cfg Config, blocks blockstore.Blockstore, local func(context.Context, cid.Cid) bool, swap func() exchange.SessionExchange) (*gatewayFetcher, error) {
	limits, err := cfg.Gateway.Fetch.check()
	if err != nil || !limits.On {
		return nil, err
	}
	if len(cfg.ListenAddrs) == 0 {
		return nil, fmt.Errorf("a gateway that fetches: %w", ErrNoHost)
	}
	f := &gatewayFetcher{cfg: limits, swap: swap, blocks: blocks, local: local, private: cfg.Private, log: cfg.Log,
		slots: make(chan struct{}, limits.Requests)}
	f.metrics.register(cfg.Metrics, f)
	return f, nil
}

// A fetching is what one visit fetches; it holds a slot from its first block on.
type fetching struct {
	session exchange.Fetcher
	bytes   atomic.Int64
}

// join returns the fetching of v, beginning it if there is a slot.
func (f *gatewayFetcher) join(v *visit) *fetching {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fetching != nil || v.over {
		return v.fetching
	}
	select {
	case f.slots <- struct{}{}:
	default:
		return nil
	}
	// The visit's context, not that of the first reader: others come after it.
	v.fetching = &fetching{session: f.swap().NewSession(v.ctx)}
	v.leave = func() { <-f.slots }
	return v.fetching
}

// block fetches a block. Errors are those that boxo maps to a status.
func (f *gatewayFetcher) block(ctx context.Context, v *visit, c cid.Cid) ([]byte, error) {
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return nil, gateway.NewErrorStatusCode(fmt.Errorf("%s: %w", c, err), http.StatusBadRequest)
	}
	job := f.join(v)
	if job == nil {
		f.metrics.done("busy")
		return nil, errFetchBusy
	}
	if job.bytes.Load() >= f.cfg.Bytes {
		f.metrics.done("large")
		return nil, errFetchLarge
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Wait)
	defer cancel()
	b, err := job.session.GetBlock(ctx, c)
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.metrics.done("late")
		return nil, errFetchLate
	case ctx.Err() != nil:
		f.metrics.done("given up")
		return nil, ctx.Err()
	default:
		f.metrics.done("failed")
		f.log.WarnContext(ctx, "fetch block for gateway", "cid", c.String(), "err", err)
		return nil, errFetchLate
	}
	job.bytes.Add(int64(len(b.RawData())))
	f.metrics.done("fetched")
	f.metrics.bytes.Add(float64(len(b.RawData())))
	f.keep(ctx, v, b)
	return b.RawData(), nil
}

// keep stores a block for the next reader. What is here as private, or is of
// content that is private here, stays as it is: that a stranger has the same
// bytes is no reason to show ours, and he must not learn that they are here.
func (f *gatewayFetcher) keep(ctx context.Context, v *visit, b blocks.Block) {
	size := int64(len(b.RawData()))
	if f.local(ctx, b.Cid()) || f.kept.Add(size) > f.cfg.Cache {
		return
	}
	if f.private != nil {
		for _, root := range v.holders(b.Cid()) {
			if f.private(ctx, root) {
				return
			}
		}
	}
	err := f.blocks.Put(ctx, b)
	if err == nil {
		err = f.swap().NotifyNewBlocks(ctx, b)
	}
	if errors.Is(err, ErrFull) {
		f.kept.Store(f.cfg.Cache) // the disk's room is not for this
	}
	if err != nil && ctx.Err() == nil {
		f.log.WarnContext(ctx, "keep block fetched for gateway", "cid", b.Cid().String(), "err", err)
	}
}

// swept notes that what was kept is gone.
func (f *gatewayFetcher) swept() {
	if f != nil {
		f.kept.Store(0)
	}
}
