package filclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/mk12"
)

const (
	talkTimeout  = 20 * time.Second // for one question to a provider or the chain
	offerTimeout = time.Minute      // for a proposal: filters behind it ask other services
)

// ask asks the process, and maps what it refuses with.
func (c *Client) ask(ctx context.Context, limit time.Duration, method string, params, result any) error {
	err := c.call(ctx, limit, method, params, result)
	var no *refusal
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrDown):
		return err
	case errors.Is(err, errNotAsked):
		return fmt.Errorf("%w: %w", ErrDown, err)
	case !errors.As(err, &no), no.Code == "reached":
		return fmt.Errorf("%w: %w", mk12.ErrReached, err)
	case no.Code == "chain":
		return fmt.Errorf("%w: filclient: %w", chain.ErrUnavailable, err)
	}
	return err
}

// call asks the process that runs, and if that ends before it has the question, the next.
func (c *Client) call(ctx context.Context, limit time.Duration, method string, params, result any) error {
	for {
		p, err := c.running(ctx)
		if err != nil {
			return err
		}
		err = p.call(ctx, limit, method, params, result)
		if !errors.Is(err, errNotAsked) || !p.ended() {
			return err
		}
	}
}

// Ask asks a provider for its price and piece sizes.
func (c *Client) Ask(ctx context.Context, provider string) (mk12.Ask, error) {
	var r struct {
		Price    big.Int `json:"price"`
		Verified big.Int `json:"verified_price"`
		Min      int64   `json:"min_piece_size"`
		Max      int64   `json:"max_piece_size"`
	}
	if err := c.ask(ctx, talkTimeout, "ask", map[string]any{"provider": provider}, &r); err != nil {
		return mk12.Ask{}, err
	}
	if r.Price.Int == nil || r.Price.Sign() < 0 || r.Max <= 0 {
		return mk12.Ask{}, errors.New("ask: provider answers without a price or piece size")
	}
	if r.Verified.Int == nil || r.Verified.Sign() < 0 {
		r.Verified = r.Price
	}
	return mk12.Ask{Price: r.Price, VerifiedPrice: r.Verified, Min: r.Min, Max: r.Max}, nil
}

// Propose sends a deal and returns the provider's answer.
func (c *Client) Propose(ctx context.Context, _ string, deal *boostly.DealParams) (resp boostly.DealResponse, err error) {
	var raw bytes.Buffer
	if err := deal.MarshalCBOR(&raw); err != nil {
		return resp, fmt.Errorf("deal: %w", err)
	}
	var r struct {
		Accepted bool   `json:"accepted"`
		Message  string `json:"message"`
	}
	err = c.ask(ctx, offerTimeout, "propose", map[string]any{"deal": raw.Bytes()}, &r)
	return boostly.DealResponse{Accepted: r.Accepted, Message: r.Message}, err
}

// checkpoints are Boost's words for the states into which filclient translates
// them. Curio's words it does not know: they come as no word at all.
var checkpoints = map[string]string{
	"StorageDealWaitingForData":    "Accepted",
	"StorageDealVerifyData":        "Transferred",
	"StorageDealPublish":           "Published",
	"StorageDealPublishing":        "Published",
	"StorageDealStaged":            "PublishConfirmed",
	"StorageDealAwaitingPreCommit": "AddedPiece",
	"StorageDealSealing":           "Complete",
}

// Status asks a provider what became of a deal.
func (c *Client) Status(ctx context.Context, provider string, deal uuid.UUID) (boostly.DealStatusResponse, error) {
	var r struct {
		Known   bool       `json:"known"`
		Message string     `json:"message"`
		Failed  bool       `json:"failed"`
		State   string     `json:"state"`
		Publish *cid.Cid   `json:"publish"`
		ChainID abi.DealID `json:"chain_id"`
	}
	resp := boostly.DealStatusResponse{DealUUID: deal}
	if err := c.ask(ctx, talkTimeout, "status", map[string]any{"provider": provider, "deal": deal}, &r); err != nil {
		return resp, err
	}
	if !r.Known {
		resp.Error = r.Message
		return resp, nil
	}
	st := &boostly.DealStatus{Status: checkpoints[r.State], PublishCid: r.Publish, ChainDealID: r.ChainID}
	if r.Failed {
		st.Error = r.Message
		if st.Error == "" {
			st.Error = "it has failed, and does not say why"
		}
	}
	resp.DealStatus = st
	return resp, nil
}
