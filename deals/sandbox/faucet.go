package sandbox

import (
	"errors"
	"fmt"
	mbig "math/big"
	"strings"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
)

// What the sandbox gives away, as a faucet of a test network would.

// solstice is the network version that ends verified deals (FIP-0118).
const solstice = 29

func fil(n int64) big.Int { return big.Mul(big.NewInt(n), builtin.TokenPrecision) }

// ParseFIL reads an amount of FIL, like 2 or 0.5.
func ParseFIL(s string) (big.Int, error) {
	r, ok := new(mbig.Rat).SetString(s)
	if !ok || len(s) > 40 || strings.Trim(s, "0123456789.") != "" {
		return big.Int{}, fmt.Errorf("%q is not an amount of FIL", s)
	}
	r.Mul(r, new(mbig.Rat).SetInt(builtin.TokenPrecision.Int))
	if !r.IsInt() {
		return big.Int{}, fmt.Errorf("%q is finer than an attoFIL", s)
	}
	return big.NewFromGo(r.Num()), nil
}

// Fund puts 100 FIL into the market escrow of an address, as a faucet would,
// and one FIL into its wallet for gas. The address becomes an actor if it was
// none.
func (n *Network) Fund(who string) error { return n.give(who, fil(1), fil(100)) }

// Faucet gives an address so many attoFIL: to spend, and in the market's
// escrow. The address becomes an actor if it was none.
func (n *Network) Faucet(who string, wallet, escrow big.Int) error {
	if wallet.LessThan(big.Zero()) || escrow.LessThan(big.Zero()) || big.Add(wallet, escrow).GreaterThan(totalFIL) {
		return errors.New("the faucet gives from 0 FIL to what there is")
	}
	return n.give(who, wallet, escrow)
}

func (n *Network) give(who string, wallet, escrow big.Int) error {
	return n.gift(who, func(a *account) {
		a.Balance = big.Add(a.Balance, wallet)
		a.Escrow = big.Add(a.Escrow, escrow)
	})
}

// GrantDatacap lets a client have so many bytes stored in verified deals, while
// the network's version is below 29.
func (n *Network) GrantDatacap(who string, bytes uint64) error {
	return n.gift(who, func(a *account) { a.Datacap += bytes })
}

// gift changes an account from outside of the chain.
func (n *Network) gift(who string, f func(*account)) error {
	a, err := address.NewFromString(who)
	if err != nil {
		return fmt.Errorf("fund %q: %w", who, err)
	}
	return n.update(func(*chain) error {
		if err := n.present(gift{a, f}); err != nil {
			return fmt.Errorf("fund %s: %w", who, err)
		}
		return nil
	})
}

// SetNetworkVersion upgrades the network, or takes it back: 28 still has
// verified deals, 29 does not.
func (n *Network) SetNetworkVersion(v uint) error {
	if v < 25 || v > 40 {
		return fmt.Errorf("network version %d is not one this chain can play", v)
	}
	return n.update(func(c *chain) error {
		c.head.Version = v
		c.saveHead()
		return nil
	})
}
