package deals

import (
	"context"

	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/mk12"
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
func (d *Deals) engineOf(string) Engine { return d.mk12 }

// reach is how a provider is reached, by what the operator and the chain say.
func (d *Deals) reach(ctx context.Context, provider string) (mk12.Route, error) {
	own := d.providerConfig(provider).HTTP
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
