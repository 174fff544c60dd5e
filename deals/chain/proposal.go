package chain

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
)

// ErrInvalidDeal says that the market threw the deal out of the message that would have published it.
var ErrInvalidDeal = errors.New("the market refused the deal in its publish message")

// PublishedID finds the deal id that a publish message's receipt gave to a
// proposal: the ids of the valid deals stand there in the order of the parameters.
func PublishedID(params, ret []byte, proposal *market.DealProposal) (uint64, error) {
	var p market.PublishStorageDealsParams
	if err := p.UnmarshalCBOR(bytes.NewReader(params)); err != nil {
		return 0, fmt.Errorf("parameters of the publish message: %w", err)
	}
	var r market.PublishStorageDealsReturn
	if err := r.UnmarshalCBOR(bytes.NewReader(ret)); err != nil {
		return 0, fmt.Errorf("receipt of the publish message: %w", err)
	}
	want, err := proposal.Cid()
	if err != nil {
		return 0, err
	}
	rank := 0
	for i := range p.Deals {
		valid, err := r.ValidDeals.IsSet(uint64(i))
		if err != nil {
			return 0, fmt.Errorf("receipt of the publish message: %w", err)
		}
		got, err := p.Deals[i].Proposal.Cid()
		if err != nil {
			return 0, fmt.Errorf("parameters of the publish message: %w", err)
		}
		switch {
		case got.Equals(want) && !valid:
			return 0, ErrInvalidDeal
		case got.Equals(want) && rank < len(r.IDs):
			return uint64(r.IDs[rank]), nil
		case valid:
			rank++
		}
	}
	return 0, errors.New("the publish message does not hold the deal")
}

// Differs says how a deal on chain is not the one we proposed, "" if it is. The
// market stores the client's id address, which is ours if it equals id.
func Differs(got, want *market.DealProposal, id address.Address) string {
	switch {
	case !got.PieceCID.Equals(want.PieceCID):
		return fmt.Sprintf("piece %s", got.PieceCID)
	case got.PieceSize != want.PieceSize:
		return fmt.Sprintf("piece size %d", got.PieceSize)
	case got.Client != want.Client && got.Client != id:
		return fmt.Sprintf("client %s", got.Client)
	case got.Provider != want.Provider:
		return fmt.Sprintf("provider %s", got.Provider)
	case got.StartEpoch != want.StartEpoch || got.EndEpoch != want.EndEpoch:
		return fmt.Sprintf("epochs %d to %d", got.StartEpoch, got.EndEpoch)
	case got.VerifiedDeal != want.VerifiedDeal:
		return fmt.Sprintf("verified %v", got.VerifiedDeal)
	case !sameAmount(got.StoragePricePerEpoch, want.StoragePricePerEpoch):
		return fmt.Sprintf("price %s", got.StoragePricePerEpoch)
	case !sameAmount(got.ProviderCollateral, want.ProviderCollateral):
		return fmt.Sprintf("collateral %s", got.ProviderCollateral)
	case !sameAmount(got.ClientCollateral, want.ClientCollateral):
		return fmt.Sprintf("client collateral %s", got.ClientCollateral)
	case !got.Label.Equals(want.Label):
		return "another label"
	}
	return ""
}

func sameAmount(a, b abi.TokenAmount) bool {
	return a.Int != nil && b.Int != nil && a.Equals(b)
}
