package deals

import (
	"context"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/wallet"
	"github.com/whypfs/whypfs/kv"
)

// Funds are what a key of the wallet has.
type Funds struct {
	wallet.Info
	Balance  string // to spend
	Escrow   string // free in the market, to pay for deals
	Promised string // of that, to deals that are signed and not on chain
	Today    string `json:",omitempty"` // moved into escrow on this day (UTC)
	Daily    string `json:",omitempty"` // as much as may be on a day; "": nothing is moved
	Signed   string `json:",omitempty"` // what the deals cost that it signed on this day
	Reason   string `json:",omitempty"` // what is going on with its escrow, or why its funds are not known
}

// Funds asks the chain what the wallet's keys have. What it does not say is "?".
func (d *Deals) Funds(ctx context.Context) ([]Funds, error) {
	keys, err := d.wallet.List(ctx)
	if err != nil {
		return nil, err
	}
	var out []Funds
	for _, k := range keys {
		f := Funds{Info: k, Balance: "?", Escrow: "?"}
		if d.opt.Escrow.Daily.Sign() > 0 {
			f.Daily = fil(d.opt.Escrow.Daily)
		}
		addr, err := address.NewFromString(k.Address)
		if err != nil {
			return nil, err
		}
		if err := d.ownFunds(ctx, addr, &f); err != nil {
			return nil, err
		}
		if d.chain == nil {
			f.Reason = noChain
			out = append(out, f)
			continue
		}
		if a, err := d.chain.Account(ctx, addr); err == nil {
			f.Balance = fil(a.Balance)
		} else {
			f.Reason = short(err.Error())
		}
		if free, err := d.chain.Escrow(ctx, addr); err == nil {
			f.Escrow = fil(free)
		}
		out = append(out, f)
	}
	return out, nil
}

// ownFunds fills in what the store knows.
func (d *Deals) ownFunds(ctx context.Context, addr address.Address, f *Funds) error {
	return d.store.View(ctx, func(tx kv.Tx) error {
		row, err := getEscrow(tx, addr.String())
		if err != nil {
			return err
		}
		f.Reason, f.Today = row.Reason, ""
		if row.Day >= d.queue.Now().Format("2006-01-02") {
			f.Today = fil(row.Spent)
		}
		spent, err := getSpent(tx, d.queue.Now())
		if err != nil {
			return err
		}
		if amount, ok := spent.By[addr.String()]; ok {
			f.Signed = fil(amount)
		}
		all, err := promised(tx, addr)
		sum := big.Zero()
		for _, amount := range all {
			sum = big.Add(sum, amount)
		}
		f.Promised = fil(sum)
		return err
	})
}

// ChainStatus is how the chain looks from here.
type ChainStatus struct {
	Head      int64
	Version   uint // of the network's rules
	Spending  Spending
	Verified  string `json:",omitempty"` // whether verified deals are made; "": they are not wanted
	Endpoints []chain.State
	Fault     string `json:",omitempty"` // why Head or Version is not known
}

// ChainStatus asks the chain for its head, through every endpoint.
func (d *Deals) ChainStatus(ctx context.Context) ChainStatus {
	if d.chain == nil {
		return ChainStatus{Fault: noChain}
	}
	var s ChainStatus
	var err error
	// What is known here comes first: a chain that hangs may use up the caller's time.
	if s.Spending, err = d.Spending(ctx); err != nil {
		return ChainStatus{Fault: short(err.Error())}
	}
	if s.Head, err = d.chain.Head(ctx); err == nil {
		s.Version, err = d.chain.NetworkVersion(ctx)
	}
	if err != nil {
		s.Fault = short(err.Error())
	} else if s.Verified, err = d.verifiedStatus(ctx); err != nil {
		s.Fault = short(err.Error())
	}
	s.Endpoints = d.chain.Endpoints()
	return s
}
