package main

import (
	"context"
	"errors"
	"strings"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-fil-markets/storagemarket"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/lotus/chain/types"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
)

type statusParams struct {
	Provider address.Address `json:"provider"`
	Deal     uuid.UUID       `json:"deal"`
}

// statusResult is what a provider said of a deal. filclient passes on no more.
type statusResult struct {
	Known   bool       `json:"known"`
	Message string     `json:"message,omitempty"` // of a provider that does not know the deal, or has given it up
	Failed  bool       `json:"failed"`            // it has given it up
	State   string     `json:"state,omitempty"`   // go-fil-markets' name; StorageDealUnknown: in words that filclient does not know
	Publish *cid.Cid   `json:"publish,omitempty"`
	ChainID abi.DealID `json:"chain_id,omitempty"`
}

// What filclient's errors begin with after the provider answered that it has no
// status to tell. It has no values for them.
const (
	noStatus  = "deal status error: "
	nilStatus = "deal status is nil"
)

func (e *engine) status(ctx context.Context, p statusParams) (any, error) {
	if err := e.reach(ctx, p.Provider); err != nil {
		return nil, err
	}
	st, err := e.client.DealStatus(ctx, p.Provider, cid.Undef, &p.Deal)
	if err != nil {
		if why, ok := strings.CutPrefix(err.Error(), noStatus); ok || why == nilStatus {
			return statusResult{Message: why}, nil
		}
		return nil, chainFault(codeReached, err)
	}
	return statusResult{
		Known: true, Failed: st.State == storagemarket.StorageDealError, Message: st.Message,
		State: storagemarket.DealStates[st.State], Publish: st.PublishCid, ChainID: st.DealID,
	}, nil
}

type chainDealParams struct {
	ID abi.DealID `json:"id"`
}

type chainDealResult struct {
	Found    bool                 `json:"found"`
	Proposal *market.DealProposal `json:"proposal,omitempty"`
	State    *market.DealState    `json:"state,omitempty"`
}

func (e *engine) chainDeal(ctx context.Context, p chainDealParams) (any, error) {
	found, deal, err := e.client.CheckChainDeal(ctx, p.ID)
	if err != nil {
		return nil, chainFault(codeFailed, err)
	}
	if !found {
		return chainDealResult{}, nil
	}
	return chainDealResult{Found: true, Proposal: &deal.Proposal, State: &market.DealState{
		SectorStartEpoch: deal.State.SectorStartEpoch, LastUpdatedEpoch: deal.State.LastUpdatedEpoch, SlashEpoch: deal.State.SlashEpoch,
	}}, nil
}

type none struct{}

// balanceResult is in attoFIL.
type balanceResult struct {
	Address   string  `json:"address"`
	Balance   big.Int `json:"balance"`
	Escrow    big.Int `json:"market_escrow"`
	Locked    big.Int `json:"market_locked"`
	Available big.Int `json:"market_available"`
}

func (e *engine) balance(ctx context.Context, _ none) (any, error) {
	b, err := e.client.Balance(ctx)
	if err != nil {
		return nil, chainFault(codeFailed, err)
	}
	return balanceResult{b.Account.String(), big.Int(b.Balance), big.Int(b.MarketEscrow), big.Int(b.MarketLocked), big.Int(b.MarketAvailable)}, nil
}

type lockParams struct {
	Amount big.Int `json:"amount"` // attoFIL
}

type lockResult struct {
	Message cid.Cid `json:"message"` // on its way to the chain
}

func (e *engine) lockFunds(ctx context.Context, p lockParams) (any, error) {
	if p.Amount.Nil() || p.Amount.Sign() <= 0 {
		return nil, fail(codeInvalid, errors.New("no amount to lock"))
	}
	resp, err := e.client.LockMarketFunds(ctx, types.FIL(p.Amount))
	if err != nil {
		return nil, chainFault(codeFailed, err)
	}
	return lockResult{resp.MsgCid}, nil
}
