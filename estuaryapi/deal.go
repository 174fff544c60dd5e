package estuaryapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// contentState is V1's answer about a content and its deals.
type contentState struct {
	Content  content      `json:"content"`
	Deals    []dealStatus `json:"deals"`
	Failures int          `json:"failuresCount"`
}

// contentStatus tells a content and the deals of the pieces that hold it, oldest first.
func (s *server) contentStatus(r *request, in contentID) (contentState, error) {
	status := contentState{Deals: []dealStatus{}}
	k, err := s.kept(r, in)
	if err != nil {
		return status, err
	}
	if status.Content, err = s.show(r.Context(), k); err != nil {
		return status, err
	}
	made, err := s.dealsOfKept(r.Context(), k)
	if err != nil {
		return status, err
	}
	of := buckets.Content{ID: status.Content.ID, Owner: k.owner()}
	old, err := s.deals.ForeignOf(r.Context(), of.ID)
	if err != nil {
		return status, err
	}
	for _, f := range old {
		status.Deals = append(status.Deals, foreignStatus(of, f))
	}
	for _, d := range made {
		status.Deals = append(status.Deals, newDealStatus(of, d))
	}
	if zone := k.zoneOf(); zone != 0 {
		failures, err := s.deals.Failures(r.Context(), zone, 0)
		if err != nil {
			return status, err
		}
		status.Failures = len(failures)
	}
	return status, nil
}

// dealsOfKept returns the deals of a content or of a zone, oldest first.
func (s *server) dealsOfKept(ctx context.Context, k kept) ([]deals.Deal, error) {
	if k.zone.ID == 0 {
		return s.dealsOf(ctx, k.content)
	}
	list, err := s.deals.Deals(ctx, k.zone.ID, "", maxPage, 0)
	slices.Reverse(list)
	return list, err
}

// dealsOf returns the deals of the pieces that hold a content, oldest first.
func (s *server) dealsOf(ctx context.Context, c buckets.Content) ([]deals.Deal, error) {
	if c.Zone == 0 {
		return nil, nil
	}
	pieces, err := s.deals.PiecesOf(ctx, c.Zone, c.ID)
	if err != nil {
		return nil, err
	}
	var out []deals.Deal
	for _, p := range pieces {
		list, err := s.deals.Deals(ctx, c.Zone, p, maxPage, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b deals.Deal) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// dealProtocol is how all deals are proposed.
const dealProtocol = "/fil/storage/mk/1.2.0"

// dealStatus is V1's dealStatus.
type dealStatus struct {
	Deal     contentDeal   `json:"deal"`
	Transfer *channelState `json:"transfer"`
	OnChain  *onChainState `json:"onChainState"`
}

// contentDeal is V1's ContentDeal (estuary model/contentdeal.go).
type contentDeal struct {
	ID               uint64
	CreatedAt        time.Time
	UpdatedAt        time.Time
	DeletedAt        *time.Time
	Content          uint64    `json:"content"`
	UserID           uint64    `json:"user_id"`
	PropCID          string    `json:"propCid"`
	DealUUID         string    `json:"dealUuid"`
	Miner            string    `json:"miner"`
	DealID           uint64    `json:"dealId"`
	Failed           bool      `json:"failed"`
	Verified         bool      `json:"verified"`
	Slashed          bool      `json:"slashed"`
	FailedAt         time.Time `json:"failedAt"`
	DTChan           string    `json:"dtChan"`
	TransferStarted  time.Time `json:"transferStarted"`
	TransferFinished time.Time `json:"transferFinished"`
	OnChainAt        time.Time `json:"onChainAt"`
	SealedAt         time.Time `json:"sealedAt"`
	Protocol         string    `json:"deal_protocol_version"`
	MinerVersion     string    `json:"miner_version"`
}

// channelState is the part of filclient's ChannelState that tells something here.
type channelState struct {
	SelfPeer      string `json:"selfPeer"`
	RemotePeer    string `json:"remotePeer"`
	Status        int    `json:"status"`
	StatusMessage string `json:"statusMessage"`
	Sent          int64  `json:"sent"`
	Received      int64  `json:"received"`
	Message       string `json:"message"`
	BaseCID       string `json:"baseCid"`
	TransferID    string `json:"transferId"`

	ChannelID struct {
		Initiator, Responder string
		ID                   uint64
	} `json:"channelId"`
}

type onChainState struct {
	SectorStartEpoch int64 `json:"sectorStartEpoch"`
	LastUpdatedEpoch int64 `json:"lastUpdatedEpoch"`
	SlashEpoch       int64 `json:"slashEpoch"`
}

func failed(s deals.DealState) bool {
	return s == deals.DealFailed || s == deals.DealRejected || s == deals.DealExpired
}

func newDealStatus(c buckets.Content, d deals.Deal) dealStatus {
	out := dealStatus{Deal: contentDeal{
		ID: d.ID, CreatedAt: d.Created, UpdatedAt: d.Changed, Content: c.ID, UserID: c.Owner, PropCID: d.Proposal,
		DealUUID: d.UUID, Miner: d.Provider, DealID: d.ChainID, Failed: failed(d.State), Verified: d.Verified,
		TransferStarted: d.Times[deals.DealAccepted], OnChainAt: d.Times[deals.DealPublished], SealedAt: d.ActiveAt,
		Protocol: dealProtocol,
	}}
	switch d.State {
	case deals.DealProposed, deals.DealAccepted:
		out.Transfer = &channelState{StatusMessage: "Initializing", Message: d.Reason}
	case deals.DealPublished:
		out.OnChain = &onChainState{SectorStartEpoch: -1, LastUpdatedEpoch: -1, SlashEpoch: -1}
	case deals.DealActive:
		out.OnChain = &onChainState{SectorStartEpoch: d.StartEpoch, LastUpdatedEpoch: -1, SlashEpoch: -1}
	}
	if out.Deal.Failed {
		out.Deal.FailedAt = d.Changed
	}
	return out
}
