package estuaryapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// dealID names a deal in a path by the number that V1's lists give it.
type dealID struct {
	ID uint64 `path:"deal" doc:"number of the deal here, not the chain's id of it"`
}

// proposalCID names a deal in a path by its signed proposal.
type proposalCID struct {
	CID cid.Cid `path:"propcid" doc:"CID of the signed proposal"`
}

func errNoDeal(what string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", what + " was not found"}
}

// owned returns a deal that was looked up, with the owner of its zone, if the
// caller may see it: others' deals are as unknown as those that are not there.
func (s *server) owned(ctx context.Context, who caller, d deals.Deal, err error, what string) (deals.Deal, uint64, error) {
	if errors.Is(err, deals.ErrNoDeal) {
		return d, 0, errNoDeal(what)
	}
	if err != nil {
		return d, 0, err
	}
	z, err := s.buckets.Zone(ctx, d.Zone)
	if err != nil && !errors.Is(err, buckets.ErrNoZone) {
		return d, 0, err
	}
	if !who.sees(z.Owner) {
		return d, 0, errNoDeal(what)
	}
	return d, z.Owner, nil
}

// ownDeal shows a deal by its number: one of this node, or one that the V1 node
// had made that this one took over from.
func (s *server) ownDeal(r *request, in dealID) (dealStatus, error) {
	what := fmt.Sprintf("deal: %d", in.ID)
	d, err := s.deals.DealByID(r.Context(), in.ID)
	if errors.Is(err, deals.ErrNoDeal) {
		return s.oldDeal(r, in.ID, what)
	}
	d, owner, err := s.owned(r.Context(), r.who, d, err, what)
	if err != nil {
		return dealStatus{}, err
	}
	return newDealStatus(buckets.Content{ID: d.Zone, Owner: owner}, d), nil
}

func (s *server) oldDeal(r *request, id uint64, what string) (dealStatus, error) {
	f, err := s.deals.Foreign(r.Context(), id)
	if errors.Is(err, deals.ErrNoDeal) {
		return dealStatus{}, errNoDeal(what)
	}
	if err != nil {
		return dealStatus{}, err
	}
	// An aggregate of V1 is nobody's here; what it held is shown with its members.
	p, err := s.buckets.PinByID(r.Context(), 0, f.Content)
	if err != nil && !errors.Is(err, buckets.ErrNoPin) {
		return dealStatus{}, err
	}
	if !r.who.sees(p.Owner) {
		return dealStatus{}, errNoDeal(what)
	}
	return foreignStatus(buckets.Content{ID: f.Content, Owner: p.Owner}, f), nil
}

// dealByProposal shows a deal by its signed proposal.
func (s *server) dealByProposal(r *request, in proposalCID) (dealStatus, error) {
	d, err := s.deals.DealByProposal(r.Context(), in.CID)
	d, owner, err := s.owned(r.Context(), r.who, d, err, "deal was not found for prop_cid: "+in.CID.String()+":")
	if err != nil {
		return dealStatus{}, err
	}
	return newDealStatus(buckets.Content{ID: d.Zone, Owner: owner}, d), nil
}

// dealProposal is a proposal as Lotus prints it (builtin/v9/market DealProposal).
type dealProposal struct {
	PieceCID             cid.Cid
	PieceSize            uint64 `doc:"bytes, padded"`
	VerifiedDeal         bool
	Client               string
	Provider             string
	Label                string
	StartEpoch           int64
	EndEpoch             int64
	StoragePricePerEpoch string `doc:"attoFIL"`
	ProviderCollateral   string `doc:"attoFIL"`
	ClientCollateral     string `doc:"attoFIL"`
}

func newDealProposal(p market.DealProposal) dealProposal {
	label := ""
	if p.Label.IsString() {
		label, _ = p.Label.ToString() // it is one
	}
	return dealProposal{
		PieceCID: p.PieceCID, PieceSize: uint64(p.PieceSize), VerifiedDeal: p.VerifiedDeal, Client: p.Client.String(),
		Provider: p.Provider.String(), Label: label, StartEpoch: int64(p.StartEpoch), EndEpoch: int64(p.EndEpoch),
		StoragePricePerEpoch: p.StoragePricePerEpoch.String(), ProviderCollateral: p.ProviderCollateral.String(),
		ClientCollateral: p.ClientCollateral.String(),
	}
}

// signedProposal is a ClientDealProposal as Lotus prints it.
type signedProposal struct {
	Proposal        dealProposal
	ClientSignature struct {
		Type int    `doc:"1: secp256k1, 2: BLS, 3: delegated"`
		Data []byte `doc:"base64"`
	}
}

// proposal shows what was sent to the provider.
func (s *server) proposal(r *request, in proposalCID) (signedProposal, error) {
	what := "proposal: " + in.CID.String()
	d, err := s.deals.DealByProposal(r.Context(), in.CID)
	d, _, err = s.owned(r.Context(), r.who, d, err, what)
	if err != nil {
		return signedProposal{}, err
	}
	signed, err := s.deals.SignedProposal(r.Context(), d.UUID)
	if errors.Is(err, deals.ErrNoDeal) { // it went meanwhile
		return signedProposal{}, errNoDeal(what)
	}
	if err != nil {
		return signedProposal{}, err
	}
	out := signedProposal{Proposal: newDealProposal(signed.Proposal)}
	out.ClientSignature.Type, out.ClientSignature.Data = int(signed.ClientSignature.Type), signed.ClientSignature.Data
	return out, nil
}

// chainDeal is a deal in the market's state as Lotus prints it.
type chainDeal struct {
	Proposal dealProposal
	State    struct {
		SectorStartEpoch int64 `doc:"-1: in no sector yet"`
		LastUpdatedEpoch int64 `doc:"-1: never"`
		SlashEpoch       int64 `doc:"-1: not slashed"`
	}
}

// chainID names a deal in a path as the chain does.
type chainID struct {
	ID uint64 `path:"dealid" doc:"the chain's id of the deal"`
}

// dealInfo shows a deal, anybody's, as the chain has it.
func (s *server) dealInfo(r *request, in chainID) (chainDeal, error) {
	d, err := s.deals.ChainDeal(r.Context(), in.ID)
	if err != nil {
		return chainDeal{}, fromChain(err, fmt.Sprintf("deal: %d", in.ID))
	}
	out := chainDeal{Proposal: newDealProposal(d.Proposal)}
	out.State.SectorStartEpoch, out.State.LastUpdatedEpoch, out.State.SlashEpoch = d.State.SectorStartEpoch, d.State.LastUpdatedEpoch, d.State.SlashEpoch
	return out, nil
}
