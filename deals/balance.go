package deals

import (
	"context"
	"fmt"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/chain"
)

// A Balance is what the key that pays for new deals has, in attoFIL.
type Balance struct {
	Address string
	Balance big.Int // to spend
	Escrow  big.Int // in the market
	Locked  big.Int // of that, for deals on chain
	Datacap big.Int // bytes
}

// Balance asks the chain what the key that pays for new deals has. An address
// that the chain has not seen has nothing.
func (d *Deals) Balance(ctx context.Context) (Balance, error) {
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return Balance{}, err
	}
	b := Balance{Address: k.Address().String(), Balance: big.Zero(), Escrow: big.Zero(), Locked: big.Zero(), Datacap: big.Zero()}
	if d.chain == nil {
		return b, ErrNoChain
	}
	account, err := d.chain.Account(ctx, k.Address())
	if err == nil {
		b.Balance = account.Balance
	}
	market := chain.MarketBalance{Escrow: big.Zero(), Locked: big.Zero()}
	if err == nil || refusedCall(err) {
		market, err = d.chain.MarketBalance(ctx, k.Address())
	}
	if err == nil || refusedCall(err) {
		b.Escrow, b.Locked = market.Escrow, market.Locked
		b.Datacap, err = d.chain.Datacap(ctx, k.Address())
	}
	if err != nil && !refusedCall(err) {
		return b, fmt.Errorf("balance of %s: %w", b.Address, err)
	}
	return b, nil
}
