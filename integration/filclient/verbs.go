package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/application-research/filclient"
	smtypes "github.com/filecoin-project/boost/storagemarket/types"
	"github.com/filecoin-project/go-address"
	cborutil "github.com/filecoin-project/go-cbor-util"
	"github.com/filecoin-project/go-fil-markets/storagemarket"
	"github.com/filecoin-project/go-fil-markets/storagemarket/network"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/lotus/chain/types"
	"github.com/ipfs/go-cid"
)

type verb func(ctx context.Context, e *engine, params json.RawMessage) (any, error)

// verbs are filclient's words.
func verbs() map[string]verb {
	return map[string]verb{
		"ask":        with((*engine).ask),       // GetAsk
		"make":       with((*engine).make),      // MakeDealWithOptions
		"propose":    with((*engine).propose),   // SendProposalV120WithOptions
		"status":     with((*engine).status),    // DealStatus
		"chain_deal": with((*engine).chainDeal), // CheckChainDeal
		"balance":    with((*engine).balance),   // Balance
		"lock_funds": with((*engine).lockFunds), // LockMarketFunds
	}
}

// with decodes the parameters of a verb.
func with[P any](do func(*engine, context.Context, P) (any, error)) verb {
	return func(ctx context.Context, e *engine, params json.RawMessage) (any, error) {
		var p P
		if len(params) > 0 {
			if err := json.Unmarshal(params, &p); err != nil {
				return nil, fail(codeInvalid, fmt.Errorf("parameters: %w", err))
			}
		}
		return do(e, ctx, p)
	}
}

// reach connects to a provider. After it, what fails may have been read.
func (e *engine) reach(ctx context.Context, provider address.Address) error {
	if provider == address.Undef {
		return fail(codeInvalid, errors.New("no provider"))
	}
	_, err := e.client.ConnectToMiner(ctx, provider)
	return chainFault(codeUnreached, err)
}

type askParams struct {
	Provider address.Address `json:"provider"`
}

type askResult struct {
	Price         big.Int             `json:"price"` // attoFIL per GiB and epoch
	VerifiedPrice big.Int             `json:"verified_price"`
	Min           abi.PaddedPieceSize `json:"min_piece_size"`
	Max           abi.PaddedPieceSize `json:"max_piece_size"`
}

func (e *engine) ask(ctx context.Context, p askParams) (any, error) {
	if err := e.reach(ctx, p.Provider); err != nil {
		return nil, err
	}
	resp, err := e.client.GetAsk(ctx, p.Provider)
	if err != nil {
		return nil, chainFault(codeReached, err)
	}
	if resp.Ask == nil || resp.Ask.Ask == nil {
		return nil, fail(codeReached, errors.New("the provider answers without an ask"))
	}
	a := resp.Ask.Ask
	return askResult{Price: a.Price, VerifiedPrice: a.VerifiedPrice, Min: a.MinPieceSize, Max: a.MaxPieceSize}, nil
}

type makeParams struct {
	Provider      address.Address     `json:"provider"`
	Root          cid.Cid             `json:"root"`
	Piece         cid.Cid             `json:"piece"`
	PieceSize     abi.PaddedPieceSize `json:"piece_size"`
	PayloadSize   uint64              `json:"payload_size"`
	PricePerEpoch big.Int             `json:"price_per_epoch"`
	Start         abi.ChainEpoch      `json:"start_epoch"`
	End           abi.ChainEpoch      `json:"end_epoch"`
	Verified      bool                `json:"verified"`
	Label         string              `json:"label"` // "": the root
}

type makeResult struct {
	Proposal []byte `json:"proposal"` // CBOR of the signed ClientDealProposal
}

// make fills in and signs a proposal. filclient chooses the provider's
// collateral: a tenth above the least that the chain names.
func (e *engine) make(ctx context.Context, p makeParams) (any, error) {
	if !p.Piece.Defined() || !p.Root.Defined() || p.PayloadSize == 0 || p.PricePerEpoch.Nil() {
		return nil, fail(codeInvalid, errors.New("a proposal needs root, piece, payload_size and price_per_epoch"))
	}
	opts := []filclient.DealOption{
		// Without the piece's figures the transfer has the size 0, which providers refuse.
		filclient.DealWithPieceInfo(filclient.DealPieceInfo{Cid: p.Piece, Size: p.PieceSize, PayloadSize: p.PayloadSize}),
		filclient.DealWithStartEpoch(p.Start), filclient.DealWithEndEpoch(p.End),
		filclient.DealWithPricePerEpoch(p.PricePerEpoch), filclient.DealWithVerified(p.Verified),
	}
	if p.Label != "" {
		label, err := market.NewLabelFromString(p.Label)
		if err != nil {
			return nil, fail(codeInvalid, err)
		}
		opts = append(opts, filclient.DealWithLabel(label))
	}
	made, err := e.client.MakeDealWithOptions(ctx, p.Provider, p.Root, types.EmptyInt, p.End-p.Start, opts...)
	if err != nil {
		return nil, chainFault(codeFailed, err)
	}
	raw, err := cborutil.Dump(made.DealProposal)
	if err != nil {
		return nil, err
	}
	return makeResult{raw}, nil
}

type proposeParams struct {
	Deal []byte `json:"deal"` // CBOR of the DealParams of protocol 1.2
}

type proposeResult struct {
	Accepted bool   `json:"accepted"`
	Message  string `json:"message"` // why not
}

// propose sends a signed proposal.
func (e *engine) propose(ctx context.Context, p proposeParams) (any, error) {
	var deal smtypes.DealParams
	if err := deal.UnmarshalCBOR(bytes.NewReader(p.Deal)); err != nil {
		return nil, fail(codeInvalid, fmt.Errorf("deal: %w", err))
	}
	provider := deal.ClientDealProposal.Proposal.Provider
	proto, err := e.client.DealProtocolForMiner(ctx, provider)
	if err != nil {
		return nil, chainFault(codeUnreached, err)
	}
	if proto != filclient.DealProtocolv120 {
		return nil, fail(codeUnreached, fmt.Errorf("%s speaks %s only", provider, proto))
	}
	refused, err := e.client.SendProposalV120WithOptions(ctx,
		network.Proposal{
			DealProposal: &deal.ClientDealProposal, FastRetrieval: !deal.RemoveUnsealedCopy,
			Piece: &storagemarket.DataRef{TransferType: storagemarket.TTGraphsync, Root: deal.DealDataRoot, RawBlockSize: deal.Transfer.Size},
		},
		filclient.ProposalV120WithDealUUID(deal.DealUUID), filclient.ProposalV120WithTransfer(deal.Transfer),
		filclient.ProposalV120WithOffline(deal.IsOffline), filclient.ProposalV120WithSkipIPNIAnnounce(deal.SkipIPNIAnnounce))
	switch {
	case refused:
		return proposeResult{Message: strings.TrimPrefix(err.Error(), "deal proposal rejected: ")}, nil
	case err != nil:
		return nil, chainFault(codeReached, err)
	}
	return proposeResult{Accepted: true}, nil
}
