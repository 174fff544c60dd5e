package estuaryapi

import (
	"context"
	"errors"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// V1 calls providers miners.

// minerChain is what the chain says of a provider.
type minerChain struct {
	PeerID    string   `json:"peerId"`
	Addresses []string `json:"addresses"`
	Owner     string   `json:"owner"`
	Worker    string   `json:"worker"`
}

// miner is V1's minerResp.
type miner struct {
	Addr            string      `json:"addr"`
	Name            string      `json:"name"`
	Suspended       bool        `json:"suspended"`
	SuspendedReason string      `json:"suspendedReason,omitempty"`
	Version         string      `json:"version"`
	Chain           *minerChain `json:"chain_info"`
}

func newMiner(p deals.Provider) miner {
	r := p.Registration
	return miner{Addr: p.Address, Name: r.Name, Suspended: r.Suspended != "", SuspendedReason: r.Suspended, Chain: knownChain(p.Ask)}
}

// knownChain is what was learnt of a provider within the last day; nil: nothing.
func knownChain(k deals.KnownAsk) *minerChain {
	if k.Peer == "" {
		return nil
	}
	return &minerChain{PeerID: k.Peer, Addresses: append([]string{}, k.Addrs...), Owner: k.Owner, Worker: k.Worker}
}

// miners lists the providers that the node asks, or has asked.
func (s *server) miners(r *request, _ nothing) ([]miner, error) {
	all, err := s.deals.Providers(r.Context())
	if err != nil {
		return nil, err
	}
	out := []miner{}
	for _, p := range all {
		out = append(out, newMiner(p))
	}
	return out, nil
}

// minerFailures lists what failed with a provider, newest first, at most V1's thousand.
func (s *server) minerFailures(r *request, in ofProvider) ([]dfeRecord, error) {
	all, err := s.deals.Failures(r.Context(), 0, 0)
	if err != nil {
		return nil, err
	}
	out := []dfeRecord{}
	for _, f := range all {
		if f.Provider == string(in.Miner) && len(out) < 1000 {
			out = append(out, newDfeRecord(f, 0))
		}
	}
	return out, nil
}

// minerDeal is V1's minerDealsResp.
type minerDeal struct {
	ID               uint64    `json:"id"`
	CreatedAt        time.Time `json:"created_at"`
	UpdatedAt        time.Time `json:"updated_at"`
	Content          uint64    `json:"content" doc:"id of the zone, V1's aggregate"`
	PropCID          string    `json:"propCid"`
	Miner            string    `json:"miner"`
	DealID           uint64    `json:"dealId"`
	Failed           bool      `json:"failed"`
	Verified         bool      `json:"verified"`
	FailedAt         time.Time `json:"failedAt"`
	DTChan           string    `json:"dtChan"`
	TransferStarted  time.Time `json:"transferStarted"`
	TransferFinished time.Time `json:"transferFinished"`
	OnChainAt        time.Time `json:"onChainAt"`
	SealedAt         time.Time `json:"sealedAt"`
	ContentCID       string    `json:"contentCid" doc:"of the zone, as its other answers have it"`
}

// minerDealsPage asks for a provider's deals.
type minerDealsPage struct {
	ofProvider
	IgnoreFailed given `query:"ignore-failed" doc:"leaves out what failed, with any value"`
}

// minerDeals lists a provider's deals, newest first, without saying whose they are.
func (s *server) minerDeals(r *request, in minerDealsPage) ([]minerDeal, error) {
	ctx := r.Context()
	list, err := s.deals.DealsWith(ctx, string(in.Miner), !bool(in.IgnoreFailed), maxPage)
	if err != nil {
		return nil, err
	}
	roots, out := map[uint64]string{}, []minerDeal{}
	for _, d := range list {
		if _, known := roots[d.Zone]; !known {
			if roots[d.Zone], err = s.zoneCID(ctx, d.Zone); err != nil {
				return nil, err
			}
		}
		v := newDealStatus(buckets.Content{ID: d.Zone}, d).Deal
		out = append(out, minerDeal{
			ID: v.ID, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, Content: v.Content, PropCID: v.PropCID, Miner: v.Miner, DealID: v.DealID,
			Failed: v.Failed, Verified: v.Verified, FailedAt: v.FailedAt, DTChan: v.DTChan, TransferStarted: v.TransferStarted,
			TransferFinished: v.TransferFinished, OnChainAt: v.OnChainAt, SealedAt: v.SealedAt, ContentCID: roots[d.Zone],
		})
	}
	return out, nil
}

// zoneCID is the CID of a zone as V1's aggregate.
func (s *server) zoneCID(ctx context.Context, zone uint64) (string, error) {
	z, err := s.buckets.Zone(ctx, zone)
	if errors.Is(err, buckets.ErrNoZone) {
		return undefCID, nil
	}
	if err != nil {
		return "", err
	}
	c, err := s.aggregate(ctx, z)
	return c.CID, err
}

// minerStats is V1's minerStatsResp.
type minerStats struct {
	Miner           string      `json:"miner"`
	Name            string      `json:"name"`
	Version         string      `json:"version"`
	UsedByEstuary   bool        `json:"usedByEstuary" doc:"this node asks the provider, or has asked it"`
	DealCount       int         `json:"dealCount"`
	ErrorCount      int         `json:"errorCount"`
	Suspended       bool        `json:"suspended"`
	SuspendedReason string      `json:"suspendedReason"`
	ChainInfo       *minerChain `json:"chainInfo"`
}

// minerStats tells how a provider did, and what the chain says of it.
func (s *server) minerStats(r *request, in ofProvider) (minerStats, error) {
	ctx, out := r.Context(), minerStats{Miner: string(in.Miner)}
	all, err := s.deals.Providers(ctx)
	if err != nil {
		return out, err
	}
	for _, p := range all {
		if p.Address == string(in.Miner) {
			m := newMiner(p)
			out = minerStats{Miner: m.Addr, Name: m.Name, UsedByEstuary: true, DealCount: p.Proposed, ErrorCount: p.Failed,
				Suspended: m.Suspended, SuspendedReason: m.SuspendedReason, ChainInfo: m.Chain}
		}
	}
	if out.ChainInfo == nil {
		// Without an answer there is nothing to tell, and that is no fault of who asks.
		if info, err := s.deals.MinerInfo(ctx, string(in.Miner)); err == nil {
			out.ChainInfo = &minerChain{PeerID: info.Peer, Addresses: append([]string{}, info.Addrs...), Owner: info.Owner, Worker: info.Worker}
		}
	}
	return out, nil
}
