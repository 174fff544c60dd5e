package deals

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

var (
	// ErrHeld says that a provider has a piece, or is about to: it gets no second deal.
	ErrHeld = errors.New("the provider has a deal for the piece")
	// ErrProvider says that an address is none of a provider.
	ErrProvider = errors.New("not a provider's address")
	// ErrProviderSuspended says that a provider is to get no more deals.
	ErrProviderSuspended = errors.New("the provider is suspended")
)

// Make makes a deal for a piece with a provider that an operator chose: neither
// rules nor score are asked, and it counts as a replica like any other. What is
// too dear, or too large for the provider, fails as usual; one that is suspended
// gets no deal from him either.
func (d *Deals) Make(ctx context.Context, pieceCID, provider string) (Deal, error) {
	addr, err := providerAddress(provider) // however it is written: rows have one spelling
	if err != nil {
		return Deal{}, fmt.Errorf("make a deal with %q: %w", provider, ErrProvider)
	}
	provider = addr
	if d.chain == nil {
		return Deal{}, ErrNoChain
	}
	p, err := d.pieces.Piece(ctx, pieceCID)
	if err != nil {
		return Deal{}, fmt.Errorf("make a deal: %w", err)
	}
	bucket, _, err := d.rulesOf(ctx, p.Zone)
	if err != nil {
		return Deal{}, fmt.Errorf("make a deal for %s: %w", pieceCID, err)
	}
	var row dealRow
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		if p, err = piece.Get(tx, pieceCID); err != nil {
			return err
		}
		h, err := holders(tx, pieceCID)
		if err != nil {
			return err
		}
		if h.off != "" {
			return ErrSwitchedOff
		}
		if why, busy := h.busy[provider]; busy {
			return fmt.Errorf("%w: %s", ErrHeld, why)
		}
		reg, err := registration(tx, provider)
		if err != nil && !errors.Is(err, ErrNotRegistered) {
			return err
		}
		if reg.Suspended != "" {
			return fmt.Errorf("%w: %s", ErrProviderSuspended, reg.Suspended)
		}
		row, err = d.propose(tx, p, bucket, provider, d.queue.Now())
		return err
	})
	if err != nil {
		return Deal{}, fmt.Errorf("make a deal for %s with %s: %w", pieceCID, provider, err)
	}
	d.moved(ctx, row)
	return row.Deal, nil
}
