package filclient

import (
	"bytes"
	"context"
	"fmt"

	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/ipfs/go-cid"
)

// MakeDeal has filclient fill in and sign a proposal like p, for data with this
// root and size. It chooses client, which is the key's address, and the
// collaterals: the provider's is a tenth above the least that the chain names.
func (c *Client) MakeDeal(ctx context.Context, root cid.Cid, size uint64, p market.DealProposal) (made market.ClientDealProposal, err error) {
	label, err := p.Label.ToString()
	if err != nil {
		return made, fmt.Errorf("label: %w", err)
	}
	var r struct {
		Proposal []byte `json:"proposal"`
	}
	err = c.ask(ctx, talkTimeout, "make", map[string]any{
		"provider": p.Provider, "root": root, "piece": p.PieceCID, "piece_size": p.PieceSize, "payload_size": size,
		"price_per_epoch": p.StoragePricePerEpoch, "start_epoch": p.StartEpoch, "end_epoch": p.EndEpoch,
		"verified": p.VerifiedDeal, "label": label,
	}, &r)
	if err != nil {
		return made, err
	}
	if err := made.UnmarshalCBOR(bytes.NewReader(r.Proposal)); err != nil {
		return made, fmt.Errorf("filclient's proposal: %w", err)
	}
	return made, nil
}
