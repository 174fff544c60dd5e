package deals

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/kv"
)

// The values of Options.Verified.
const (
	VerifiedNever = "never" // the default
	VerifiedAuto  = "auto"  // where the network has them, and the client's datacap covers the piece
)

// solstice is the network version that ends verified deals (FIP-0118).
const solstice = 29

// A datacap is what a client may still have stored in verified deals, in bytes.
// The chain takes it when a deal is published: like money, what was promised to
// other deals until then is spent already.
type datacap struct {
	none     string // why there are no verified deals at all
	free     big.Int
	promised map[string]big.Int // by deal, before the chain was asked
}

// datacap asks the chain for a client's datacap.
func (d *Deals) datacap(ctx context.Context, client address.Address) (*datacap, error) {
	version, err := d.chain.NetworkVersion(ctx)
	if err != nil {
		return nil, err
	}
	if version >= solstice {
		d.verifiable.Store(false)
		return &datacap{none: fmt.Sprintf("the network has none since version %d", solstice)}, nil
	}
	c := new(datacap)
	if err := d.store.View(ctx, func(tx kv.Tx) (err error) {
		c.promised, err = promisedDatacap(tx, client)
		return err
	}); err != nil {
		return nil, err
	}
	c.free, err = d.chain.Datacap(ctx, client)
	if refusedCall(err) { // an address that the chain has not seen
		c.free, err = big.Zero(), nil
	}
	d.verifiable.Store(err == nil && c.free.Sign() > 0)
	return c, err
}

// lacks says why a deal of a size cannot be verified beside all that are promised, "" if it can.
func (c *datacap) lacks(tx kv.Tx, client address.Address, deal string, size int64) (string, error) {
	if c.none != "" {
		return c.none, nil
	}
	all, err := promisedDatacap(tx, client)
	if err != nil {
		return "", err
	}
	for id, n := range c.promised {
		all[id] = n
	}
	delete(all, deal)
	left := c.free
	for _, n := range all {
		left = big.Sub(left, n)
	}
	if left.GreaterThanEqual(big.NewInt(size)) {
		return "", nil
	}
	return fmt.Sprintf("the datacap of %s is %s, and the piece needs %s", client, bytesOf(left), humanize.IBytes(uint64(size))), nil
}

// bytesOf writes a number of bytes for a person.
func bytesOf(n big.Int) string { return humanize.BigIBytes(big.Max(n, big.Zero()).Int) }

// errOrdinary says why a deal cannot be a verified one.
type errOrdinary struct{ why string }

func (e *errOrdinary) Error() string { return "no verified deal: " + e.why }

// mayVerify returns errOrdinary if a deal of a client is to be an ordinary one.
func (d *Deals) mayVerify(ctx context.Context, client address.Address, deal string, size int64) error {
	c, err := d.datacap(ctx, client)
	if err != nil {
		return err
	}
	return d.store.View(ctx, func(tx kv.Tx) error {
		why, err := c.lacks(tx, client, deal, size)
		if err == nil && why != "" {
			err = &errOrdinary{why}
		}
		return err
	})
}

// noteVerifiable looks whether verified deals are made at all, for the choice of
// providers. That it cannot be found out now is for the deals to say.
func (d *Deals) noteVerifiable(ctx context.Context) {
	if d.opt.Verified != VerifiedAuto {
		return
	}
	if k, err := d.wallet.Key(ctx); err == nil {
		_, _ = d.datacap(ctx, k.Address())
	}
}

// priceOf is what a provider asks for a sort of deal, per GiB and epoch.
func priceOf(a mk12.Ask, verified bool) big.Int {
	if verified && a.VerifiedPrice.Int != nil {
		return a.VerifiedPrice
	}
	return a.Price
}

// lowestPrice is the least that a provider may turn out to be paid.
func (d *Deals) lowestPrice(a mk12.Ask) big.Int {
	if d.verifiable.Load() {
		return big.Min(a.Price, priceOf(a, true))
	}
	return a.Price
}

// verifiedStatus says whether verified deals are made, for a person.
func (d *Deals) verifiedStatus(ctx context.Context) (string, error) {
	if d.opt.Verified != VerifiedAuto || d.chain == nil {
		return "", nil
	}
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return "", err
	}
	c, err := d.datacap(ctx, k.Address())
	switch {
	case err != nil:
		return "not known: " + short(err.Error()), nil
	case c.none != "":
		return "ordinary deals are made: " + c.none, nil
	}
	spoken := big.Zero()
	for _, n := range c.promised {
		spoken = big.Add(spoken, n)
	}
	return fmt.Sprintf("datacap of %s is %s, of which %s are promised", k.Address(), bytesOf(c.free), bytesOf(spoken)), nil
}

// isOrdinary says why a deal is to be an ordinary one, if that is what an error says.
func isOrdinary(err error) (why string, ok bool) {
	var o *errOrdinary
	if errors.As(err, &o) {
		return o.why, true
	}
	return "", false
}
