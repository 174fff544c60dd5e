package estuaryapi

import (
	"net/url"

	"github.com/whypfs/whypfs/deals"
)

type addProviderInput struct {
	ofProvider
	Name   *string `query:"name" doc:"what people call it"`
	Region *string `query:"region" doc:"where it is, for the rules of buckets"`
	Owner  *string `query:"owner" doc:"whose it is, for the rules of buckets, if not its owner's on chain"`
	Engine *string `query:"engine" enum:"mk12,offline,filclient" doc:"how deals are brought to it"`
	HTTP   *string `query:"http" doc:"base URL of its market over HTTP, if not as its addresses on chain say"`
	Most   *int    `query:"most" doc:"deals under way with it at once; 0: 20"`
}

// addProvider adds a provider to those to choose from, or says more of one.
func (s *server) addProvider(r *request, in addProviderInput) (empty, error) {
	change := deals.ProviderChange{Name: in.Name, Region: in.Region, Owner: in.Owner, Engine: in.Engine, HTTP: in.HTTP, Most: in.Most}
	err := s.deals.AddProvider(r.Context(), string(in.Miner), change)
	return s.ruled(r, in.ofProvider, true, "provider.add", change.String(), err)
}

// removeProvider takes a provider from those to choose from; its deals go on.
func (s *server) removeProvider(r *request, in ofProvider) (empty, error) {
	return s.ruled(r, in, true, "provider.rm", "", s.deals.RemoveProvider(r.Context(), string(in.Miner)))
}

// listedMiner is V1's minerResp, and what an admin can say of a provider.
type listedMiner struct {
	miner
	Source string  `json:"source" doc:"setting (--provider, or the sandbox) or added"`
	Region string  `json:"region"`
	Owner  string  `json:"owner" doc:"as said, or else on chain"`
	Engine string  `json:"engine" doc:"empty: the node's usual one"`
	HTTP   string  `json:"http"`
	Most   int     `json:"most" doc:"deals under way at once"`
	Score  float64 `json:"score" doc:"from 0 to 1"`
	UserID uint64  `json:"userId" doc:"who has claimed it; 0: nobody"`
}

// listProviders lists the providers to choose from.
func (s *server) listProviders(r *request, _ nothing) ([]listedMiner, error) {
	all, err := s.deals.Providers(r.Context())
	if err != nil {
		return nil, err
	}
	out := []listedMiner{}
	for _, p := range all {
		if p.Source == "" {
			continue
		}
		market := p.HTTP
		if u, err := url.Parse(market); err == nil {
			market = u.Redacted()
		}
		out = append(out, listedMiner{miner: newMiner(p), Source: p.Source, Region: p.Region, Owner: p.Owner, Engine: p.Engine,
			HTTP: market, Most: p.Most, Score: p.Score, UserID: p.Registration.User})
	}
	return out, nil
}

// minerDealStats is V1's.
type minerDealStats struct {
	Miner     string `json:"miner"`
	Total     int    `json:"totalDeals"`
	Confirmed int    `json:"confirmedDeals" doc:"that came on chain, whatever became of them"`
	Failed    int    `json:"failedDeals" doc:"that failed before that"`
	Faults    int    `json:"dealFaults" doc:"that failed after it"`
}

// providerStats counts the deals of each provider that has any, the best first.
func (s *server) providerStats(r *request, _ nothing) ([]minerDealStats, error) {
	all, err := s.deals.FiguresByProvider(r.Context())
	if err != nil {
		return nil, err
	}
	out := []minerDealStats{}
	for _, p := range all {
		out = append(out, minerDealStats{Miner: p.Provider, Total: p.Deals, Confirmed: p.Confirmed, Failed: p.Failed, Faults: p.Faults})
	}
	return out, nil
}

// peerTransfers is filclient's MinerTransferDiagnostics.
type peerTransfers struct {
	Sending   []peerTransfer `json:"sendingTransfers"`
	Receiving []peerTransfer `json:"receivingTransfers" doc:"empty: what is brought back comes without a transfer of this kind"`
}

// peerTransfer is filclient's GraphSyncDataTransfer of a transfer over HTTP.
type peerTransfer struct {
	RequestID    string        `json:"requestID" doc:"UUID of the deal"`
	RequestState string        `json:"requestState" doc:"queued: the provider has not taken the deal yet; else running"`
	Current      bool          `json:"isCurrentChannelRequest"`
	ChannelID    *channelID    `json:"channelID"`
	ChannelState *channelState `json:"channelState"`
	Diagnostics  []string      `json:"diagnostics"`
}

// channelID is of graphsync, in which no deals are transferred here.
type channelID struct {
	Initiator, Responder string
	ID                   uint64
}

// providerTransfers shows what a provider pulls, or is about to.
func (s *server) providerTransfers(r *request, in ofProvider) (peerTransfers, error) {
	out := peerTransfers{Sending: []peerTransfer{}, Receiving: []peerTransfer{}}
	list, err := s.deals.UnderWay(r.Context())
	for _, d := range list {
		if d.Provider != string(in.Miner) {
			continue
		}
		state, transfer := "queued", newTransfer(d)
		if d.State == deals.DealAccepted {
			state = "running"
		}
		out.Sending = append(out.Sending, peerTransfer{RequestID: d.UUID, RequestState: state, Current: true, ChannelState: &transfer, Diagnostics: []string{d.Reason}})
	}
	return out, err
}
