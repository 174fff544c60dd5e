package estuaryapi

import (
	"cmp"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// foreignStatus shows a deal that was made by the V1 node that this one took over from.
func foreignStatus(c buckets.Content, f deals.Foreign) dealStatus {
	out := dealStatus{Deal: contentDeal{
		ID: f.ID, CreatedAt: f.Created, UpdatedAt: f.Created, Content: f.Content, UserID: c.Owner, PropCID: f.Proposal,
		DealUUID: f.UUID, Miner: f.Provider, DealID: f.ChainID, Failed: !f.Failed.IsZero(), Verified: f.Verified,
		Slashed: f.Slashed, FailedAt: f.Failed, TransferStarted: f.Accepted, OnChainAt: f.Published, SealedAt: f.Active,
		Protocol: cmp.Or(f.Protocol, dealProtocol),
	}}
	if !f.Checked.IsZero() {
		out.Deal.UpdatedAt = f.Checked
		out.OnChain = &onChainState{SectorStartEpoch: -1, LastUpdatedEpoch: -1, SlashEpoch: -1}
		if f.SectorStart > 0 {
			out.OnChain.SectorStartEpoch = f.SectorStart
		}
	}
	return out
}
