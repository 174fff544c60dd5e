package estuaryapi

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/mk12"
)

// provider is a storage provider's address in a path or body, f0….
type provider string

var providerForm = regexp.MustCompile(`^[ft]0\d{1,19}$`)

// UnmarshalText takes addresses of test networks, too, which begin with t, and
// zeros before the number: a provider is the same however it is written.
func (p *provider) UnmarshalText(text []byte) error {
	if !providerForm.Match(text) {
		return errors.New("a provider's address like f01234")
	}
	id, err := strconv.ParseUint(string(text[2:]), 10, 63) // more no actor has
	if err != nil {
		return errors.New("a provider's address like f01234")
	}
	*p = provider("f0" + strconv.FormatUint(id, 10))
	return nil
}

// ofProvider names a provider in a path.
type ofProvider struct {
	Miner provider `path:"miner,sp" doc:"address of a provider"`
}

// errUpstream says that a provider, or the chain, did not answer as asked.
func errUpstream(err error) apiError {
	text := err.Error()
	if errors.Is(err, chain.ErrUnavailable) { // which may tell how the chain is reached
		text = chain.ErrUnavailable.Error()
	}
	return apiError{http.StatusBadGateway, "Bad Gateway", text}
}

// fromChain says of an error of the chain, or of a provider, what its sender can do about it.
func fromChain(err error, what string) error {
	var call *chain.CallError
	switch {
	case errors.Is(err, chain.ErrNotOnChain), errors.Is(err, deals.ErrNoDeal):
		return errNoDeal(what)
	case errors.Is(err, deals.ErrNoChain):
		return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", what + " cannot be looked for: this node makes no deals, as no chain is configured (--rpc)"}
	case errors.As(err, &call):
		return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", what + ": the chain says: " + call.Message}
	}
	return errUpstream(err)
}

// minerAsk is V1's MinerStorageAsk.
type minerAsk struct {
	Miner         string `json:"miner"`
	Price         string `json:"price" doc:"attoFIL per GiB and epoch"`
	VerifiedPrice string `json:"verifiedPrice" doc:"attoFIL per GiB and epoch"`
	MinPieceSize  int64  `json:"minPieceSize" doc:"bytes, padded"`
	MaxPieceSize  int64  `json:"maxPieceSize" doc:"bytes, padded"`
	MinerVersion  string `json:"miner_version"`
}

func newMinerAsk(miner string, a mk12.Ask) minerAsk {
	return minerAsk{Miner: miner, Price: a.Price.String(), VerifiedPrice: a.VerifiedPrice.String(), MinPieceSize: a.Min, MaxPieceSize: a.Max}
}

// queryAsk tells what a provider asks for.
func (s *server) queryAsk(r *request, in ofProvider) (minerAsk, error) {
	a, err := s.deals.AskOf(r.Context(), string(in.Miner))
	if err != nil {
		return minerAsk{}, fromChain(err, "miner: "+string(in.Miner))
	}
	return newMinerAsk(string(in.Miner), a), nil
}

// providerDeal is V1's answer about a deal as its provider sees it (go-fil-markets
// ProviderDealState).
type providerDeal struct {
	State         int `doc:"storagemarket.StorageDealStatus; 0 if the provider's own word has none"`
	Message       string
	Proposal      *dealProposal
	ProposalCid   *cid.Cid
	AddFundsCid   *cid.Cid
	PublishCid    *cid.Cid
	DealID        uint64
	FastRetrieval bool
}

// marketStates are storagemarket.StorageDealStatus by what providers call a deal's
// state today: Boost's checkpoints, and Curio's.
var marketStates = map[string]int{
	"Accepted": 17, "Transferred": 19, "Published": 25, "PublishConfirmed": 4, "AddedPiece": 5, "IndexedAndAnnounced": 5, "Complete": 7,
	"Processing": 4, "Sealed": 7, "Failed": 11,
}

// atProvider names a deal by its provider and proposal.
type atProvider struct {
	ofProvider
	proposalCID
}

// dealAtProvider asks the provider how a deal is.
func (s *server) dealAtProvider(r *request, in atProvider) (providerDeal, error) {
	ctx, what := r.Context(), "deal was not found for prop_cid: "+in.CID.String()+":"
	d, err := s.deals.DealByProposal(ctx, in.CID)
	if err == nil && d.Provider != string(in.Miner) {
		err = deals.ErrNoDeal
	}
	d, _, err = s.owned(ctx, r.who, d, err, what)
	if err != nil {
		return providerDeal{}, err
	}
	st, err := s.deals.ProviderState(ctx, d.UUID)
	if err != nil {
		return providerDeal{}, fromChain(err, fmt.Sprintf("deal at %s", in.Miner))
	}
	out := providerDeal{State: marketStates[st.Status], Message: st.Status, DealID: st.ChainID}
	if st.Sealing != "" {
		out.Message += ", " + st.Sealing
	}
	if st.Error != "" {
		out.State, out.Message = marketStates["Failed"], st.Error
	}
	if st.Proposal.Defined() {
		out.ProposalCid = &st.Proposal
	}
	if st.Publish.Defined() {
		out.PublishCid = &st.Publish
	}
	if signed, err := s.deals.SignedProposal(ctx, d.UUID); err == nil {
		p := newDealProposal(signed.Proposal)
		out.Proposal = &p
	}
	return out, nil
}
