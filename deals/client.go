package deals

import (
	"context"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/google/uuid"
)

// A deal's client is the address that signed it and pays for it. The wallet's
// default may be another one since.

// signer signs questions after deals with the keys that signed the deals.
type signer struct{ d *Deals }

func (s signer) Sign(ctx context.Context, deal uuid.UUID) (crypto.Signature, error) {
	row, err := s.d.dealRow(ctx, deal.String())
	if err != nil {
		return crypto.Signature{}, err
	}
	signed, err := row.signedProposal()
	if err != nil {
		return crypto.Signature{}, err
	}
	k, err := s.d.wallet.Of(ctx, signed.Proposal.Client)
	if err != nil {
		return crypto.Signature{}, err
	}
	return k.Sign(deal[:]), nil
}

// idOf is the id address of one of the wallet's keys, which stands in deals on chain.
func (d *Deals) idOf(ctx context.Context, client address.Address) (address.Address, error) {
	d.mu.Lock()
	id, ok := d.ids[client]
	d.mu.Unlock()
	if ok {
		return id, nil
	}
	id, err := d.chain.LookupID(ctx, client)
	if err != nil {
		return id, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids[client] = id
	return id, nil
}
