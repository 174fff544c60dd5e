package deals

import (
	"cmp"
	"context"
	"slices"

	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/filclient"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/kv"
)

// An Engine brings deals to providers, in filclient's words. What it answers is
// the provider's word, and a hint; the chain decides. It does not retry: an
// error that is not mk12.ErrReached says that the provider has read nothing.
type Engine interface {
	// Ask returns what a provider asks for.
	Ask(ctx context.Context, provider string) (mk12.Ask, error)
	// Propose sends a deal. Sending the same UUID again makes no second deal.
	Propose(ctx context.Context, provider string, deal *boostly.DealParams) (boostly.DealResponse, error)
	// Status returns how far a deal is; one without a DealStatus says that the
	// provider does not know the deal.
	Status(ctx context.Context, provider string, deal uuid.UUID) (boostly.DealStatusResponse, error)
}

// engineOf returns the engine that talks with a provider.
func (d *Deals) engineOf(ctx context.Context, provider string) (Engine, error) {
	cfg, err := d.configNow(ctx, provider)
	if err != nil {
		return nil, err
	}
	if d.engineName(cfg) == EngineFilclient {
		return d.filclient, nil
	}
	return d.mk12, nil
}

func (d *Deals) engineName(p ProviderConfig) string { return cmp.Or(p.Engine, d.opt.Engine) }

// runEngines runs the engines that are processes of their own, until ctx ends.
func (d *Deals) runEngines(ctx context.Context) error {
	for ctx.Err() == nil {
		other, used := d.nextList(), false
		d.insist(ctx, "see which engines the providers need", func(ctx context.Context) (err error) {
			used, err = d.usesFilclient(ctx)
			return err
		})
		if used {
			return d.filclient.Run(ctx)
		}
		select {
		case <-ctx.Done():
		case <-other:
		}
	}
	return nil
}

// usesFilclient says that filclient talks with some provider: also one that was
// removed, as it may have deals.
func (d *Deals) usesFilclient(ctx context.Context) (bool, error) {
	uses := func(p ProviderConfig) bool { return d.engineName(p) == EngineFilclient }
	// A provider that the settings list no more may have deals, and then the usual engine.
	used := d.opt.Engine == EngineFilclient || slices.ContainsFunc(d.opt.Providers, uses)
	err := d.store.View(ctx, func(tx kv.Tx) error {
		for row, err := range scanListed(tx) {
			if err != nil {
				return err
			}
			used = used || uses(row.ProviderConfig)
		}
		return nil
	})
	return used, err
}

// newFilclient returns filclient, which knows the first endpoint of the chain only.
func newFilclient(d *Deals, opt Options) *filclient.Client {
	o := filclient.Options{Path: opt.Filclient, Log: opt.Log}
	if len(opt.RPC) > 0 {
		o.RPC = opt.RPC[0]
	}
	return filclient.New(d.secret, o)
}

// asking returns the engine that asks after a deal. filclient signs with the
// one key that it was started with; after deals of other keys it is mk12 that
// asks, in the same protocol.
func (d *Deals) asking(ctx context.Context, row dealRow) (Engine, error) {
	e, err := d.engineOf(ctx, row.Provider)
	d.mu.Lock()
	defer d.mu.Unlock()
	if e == Engine(d.filclient) && d.given != "" && row.Client != "" && row.Client != d.given {
		return d.mk12, err
	}
	return e, err
}

// statusOf asks a deal's provider how far it is.
func (d *Deals) statusOf(ctx context.Context, row dealRow, id uuid.UUID) (boostly.DealStatusResponse, error) {
	e, err := d.asking(ctx, row)
	if err != nil {
		return boostly.DealStatusResponse{}, err
	}
	return e.Status(ctx, row.Provider, id)
}

// secret is the wallet's key, for an engine that signs for itself.
func (d *Deals) secret(ctx context.Context) ([]byte, error) {
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.given = k.Address().String()
	return k.Secret(), nil
}

// reach is how a provider is reached, by what the operator and the chain say.
func (d *Deals) reach(ctx context.Context, provider string) (mk12.Route, error) {
	cfg, err := d.configNow(ctx, provider)
	if err != nil {
		return mk12.Route{}, err
	}
	own := cfg.HTTP
	info, err := d.chain.MinerInfo(ctx, provider)
	if err != nil {
		return mk12.Route{}, err
	}
	r := mk12.Route{Peer: info.Peer, Addrs: info.Addrs, HTTP: mk12.MarketURLs(info.Addrs)}
	if own != "" {
		r.HTTP = []string{own}
	}
	return r, nil
}
