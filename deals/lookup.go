package deals

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/kv"
)

// ErrNoChain says that no endpoint of a chain is configured.
var ErrNoChain = errors.New(noChain)

// DealByID returns the deal with a number of ours, or ErrNoDeal.
func (d *Deals) DealByID(ctx context.Context, id uint64) (Deal, error) {
	return d.dealAt(ctx, keyByID(id), fmt.Sprintf("deal %d", id))
}

// DealByProposal returns the deal whose signed proposal has a CID, or ErrNoDeal.
func (d *Deals) DealByProposal(ctx context.Context, proposal cid.Cid) (Deal, error) {
	return d.dealAt(ctx, keyByProposal(proposal.String()), "deal with proposal "+proposal.String())
}

// dealAt returns the deal whose uuid an index has.
func (d *Deals) dealAt(ctx context.Context, key []byte, what string) (found Deal, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		id, err := tx.Get(key)
		if errors.Is(err, kv.ErrNotFound) {
			return ErrNoDeal
		}
		if err != nil {
			return err
		}
		row, err := getDeal(tx, string(id))
		found = row.Deal
		return err
	})
	if err != nil {
		return Deal{}, fmt.Errorf("%s: %w", what, err)
	}
	return found, nil
}

// SignedProposal returns what was sent to the provider. It is ErrNoDeal, too, for
// a deal that is not signed yet.
func (d *Deals) SignedProposal(ctx context.Context, id string) (market.ClientDealProposal, error) {
	var signed market.ClientDealProposal
	row, err := d.dealRow(ctx, id)
	if err == nil && len(row.Signed) == 0 {
		err = fmt.Errorf("deal %s is not signed yet: %w", id, ErrNoDeal)
	}
	if err == nil {
		err = signed.UnmarshalCBOR(bytes.NewReader(row.Signed))
	}
	if err != nil {
		return market.ClientDealProposal{}, fmt.Errorf("signed proposal: %w", err)
	}
	return signed, nil
}

// ChainDeal returns a deal as the chain has it, anybody's, or chain.ErrNotOnChain.
func (d *Deals) ChainDeal(ctx context.Context, id uint64) (chain.Deal, error) {
	if d.chain == nil {
		return chain.Deal{}, ErrNoChain
	}
	return d.chain.Deal(ctx, id)
}

// MinerInfo returns how the chain says a provider is reached.
func (d *Deals) MinerInfo(ctx context.Context, provider string) (chain.MinerInfo, error) {
	if d.chain == nil {
		return chain.MinerInfo{}, ErrNoChain
	}
	return d.chain.MinerInfo(ctx, provider)
}

// AskOf returns what any provider asks for, as it said in the last half hour or says now.
func (d *Deals) AskOf(ctx context.Context, provider string) (mk12.Ask, error) {
	if d.chain == nil {
		return mk12.Ask{}, ErrNoChain
	}
	err := d.isOnChain(ctx, provider)
	var a mk12.Ask
	if err == nil {
		a, err = d.cachedAsk(ctx, provider)
	}
	if err != nil {
		return mk12.Ask{}, fmt.Errorf("ask %s: %w", provider, err)
	}
	return a, nil
}

// isOnChain returns the chain's error if it knows no such provider. Anybody may
// ask for any address, and what is asked leaves a row: there are to be no more
// of these than providers.
func (d *Deals) isOnChain(ctx context.Context, provider string) error {
	known := false
	err := d.store.View(ctx, func(tx kv.Tx) error {
		_, source, err := d.config(tx, provider)
		if err != nil {
			return err
		}
		ask, err := getAsk(tx, provider)
		known = source != "" || !ask.Tried.IsZero()
		return err
	})
	if err != nil || known {
		return err
	}
	_, err = d.chain.Miner(ctx, provider)
	return err
}

// UnderWay returns the deals that their providers still have to publish.
func (d *Deals) UnderWay(ctx context.Context) (list []Deal, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		list = nil
		for r, err := range tx.Scan(kv.Range(prefix, "flight")) {
			var addr, id string
			if err == nil {
				err = kv.Unkey(r.Key, nil, nil, &addr, &id)
			}
			if err != nil {
				return err
			}
			row, err := getDeal(tx, id)
			if err != nil {
				return err
			}
			list = append(list, row.Deal)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("deals under way: %w", err)
	}
	return list, nil
}

// DealsWith returns a provider's deals, newest first, at most limit; failed ones
// only if they are asked for. It reads all deals.
func (d *Deals) DealsWith(ctx context.Context, provider string, failed bool, limit int) (list []Deal, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		list = nil
		for row, err := range scanDeals(tx, 0, "") {
			if err != nil {
				return err
			}
			if row.Provider != provider || !failed && (row.State == DealFailed || row.State == DealRejected) {
				continue
			}
			if list = append(list, row.Deal); len(list) == limit {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("deals with %s: %w", provider, err)
	}
	return list, nil
}

// ProviderState is what a provider says of a deal: a hint, while the chain decides.
type ProviderState struct {
	Status   string // a checkpoint of Boost's, or a state of Curio's
	Sealing  string
	Error    string
	Offline  bool
	Received uint64  // bytes of the transfer
	Publish  cid.Cid // message; undefined: none yet
	ChainID  uint64
	Proposal cid.Cid // signed; undefined: it was not told
}

// ProviderState asks the provider of a deal for it. A provider that does not
// know the deal is ErrNoDeal.
func (d *Deals) ProviderState(ctx context.Context, id string) (ProviderState, error) {
	row, err := d.dealRow(ctx, id)
	if err != nil {
		return ProviderState{}, fmt.Errorf("state at the provider: %w", err)
	}
	if d.chain == nil {
		return ProviderState{}, ErrNoChain
	}
	u, err := uuid.Parse(id)
	if err != nil {
		return ProviderState{}, fmt.Errorf("deal %q: %w", id, err)
	}
	resp, err := d.statusOf(ctx, row, u)
	switch {
	case err != nil:
		return ProviderState{}, fmt.Errorf("ask %s for deal %s: %w", row.Provider, id, err)
	case resp.DealStatus == nil:
		return ProviderState{}, fmt.Errorf("%s says of deal %s: %s: %w", row.Provider, id, short(resp.Error), ErrNoDeal)
	}
	s := ProviderState{
		Status: short(resp.DealStatus.Status), Sealing: short(resp.DealStatus.SealingStatus), Error: short(resp.DealStatus.Error),
		Offline: resp.IsOffline, Received: resp.NBytesReceived, ChainID: uint64(resp.DealStatus.ChainDealID), Proposal: resp.DealStatus.SignedProposalCid,
	}
	if resp.DealStatus.PublishCid != nil {
		s.Publish = *resp.DealStatus.PublishCid
	}
	return s, nil
}
