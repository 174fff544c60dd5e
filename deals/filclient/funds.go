package filclient

import (
	"context"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/ipfs/go-cid"
)

// A ChainDeal is a deal as the chain has it.
type ChainDeal struct {
	Found bool
	// Start is the epoch at which its sector began, Slashed that of its end for a fault; -1: not yet.
	Start, Slashed int64
}

// CheckChainDeal looks a deal up on chain by its number.
func (c *Client) CheckChainDeal(ctx context.Context, id uint64) (ChainDeal, error) {
	var r struct {
		Found bool `json:"found"`
		State struct {
			SectorStartEpoch, SlashEpoch int64
		} `json:"state"`
	}
	if err := c.ask(ctx, talkTimeout, "chain_deal", map[string]any{"id": id}, &r); err != nil {
		return ChainDeal{}, err
	}
	return ChainDeal{r.Found, r.State.SectorStartEpoch, r.State.SlashEpoch}, nil
}

// A Balance is what the key's address has, in attoFIL.
type Balance struct {
	Address   string  `json:"address"`
	Wallet    big.Int `json:"balance"`
	Escrow    big.Int `json:"market_escrow"`
	Locked    big.Int `json:"market_locked"`
	Available big.Int `json:"market_available"`
}

// Balance asks what the key's address has.
func (c *Client) Balance(ctx context.Context) (b Balance, err error) {
	return b, c.ask(ctx, talkTimeout, "balance", nil, &b)
}

// LockMarketFunds sends a message that moves an amount into the market's
// escrow, and returns its CID.
func (c *Client) LockMarketFunds(ctx context.Context, amount big.Int) (cid.Cid, error) {
	var r struct {
		Message cid.Cid `json:"message"`
	}
	err := c.ask(ctx, talkTimeout, "lock_funds", map[string]any{"amount": amount}, &r)
	return r.Message, err
}
