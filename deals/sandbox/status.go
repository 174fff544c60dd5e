package sandbox

import (
	"fmt"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-shipyard/boostly"
	"github.com/ipfs/go-cid"
)

// status answers a status request in the provider's own vocabulary.
func (p *provider) status(req *boostly.DealStatusRequest) boostly.DealStatusResponse {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	res := boostly.DealStatusResponse{DealUUID: req.DealUUID}
	d := p.deals[req.DealUUID]
	if d == nil {
		res.Error = "failed to get sealed deal status"
		if p.dialect == boost {
			res.Error = fmt.Sprintf("no storage deal found with deal UUID %s", req.DealUUID)
		}
		return res
	}
	// Curio does not look at the signature.
	if p.dialect == boost {
		key, err := p.n.chain.keyOf(d.proposal().Client)
		if err != nil || verify(req.Signature, key, req.DealUUID[:]) != nil {
			res.Error = "signature verification failed"
			return res
		}
	}
	res.DealStatus = &boostly.DealStatus{Error: d.Error, Proposal: *d.proposal(), SignedProposalCid: d.Signed}
	res.IsOffline = d.offline()
	switch {
	case p.rec.Mode == modeLie && d.Step != stepActive, p.rec.Mode == modeLieID:
		p.lie(d, &res)
	case p.dialect == boost:
		p.boostStatus(d, &res)
	default:
		p.curioStatus(d, &res)
	}
	if p.rec.Mode == modeLieFailed {
		st := res.DealStatus
		st.Error, st.PublishCid, st.ChainDealID = "failed to publish deal: not enough funds", nil, 0
		if p.dialect == boost {
			st.Status, st.SealingStatus = "Complete", "" // as Boost calls a failed deal
		}
	}
	return res
}

func (p *provider) boostStatus(d *providerDeal, res *boostly.DealStatusResponse) {
	st := res.DealStatus
	res.TransferSize = d.Params.V.Transfer.Size
	res.NBytesReceived = uint64(d.received.Load())
	st.ChainDealID = d.ChainID
	st.PublishCid = publishCID(d)
	switch d.Step {
	case stepAccepted:
		st.Status = "Accepted"
		return
	case stepTransferred:
		st.Status = "Transferred"
	case stepPublishing:
		st.Status = "Published"
	case stepPublished:
		st.Status, st.SealingStatus = "IndexedAndAnnounced", "PreCommit2"
	case stepActive:
		st.Status, st.SealingStatus = "Complete", "Proving"
	case stepExpired, stepSlashed:
		st.Status, st.SealingStatus = "Complete", "Removed"
	case stepFailed: // Boost calls a failed deal complete, with an error
		st.Status = "Complete"
		return
	}
	res.NBytesReceived = res.TransferSize
}

// curioStatus says "Processing" to the end of the pipeline, because Curio's
// handler falls through to that even when it has computed more.
func (p *provider) curioStatus(d *providerDeal, res *boostly.DealStatusResponse) {
	st := res.DealStatus
	res.TransferSize, res.NBytesReceived = 1, 1
	st.Status, st.SealingStatus = "Processing", "Not assigned to sector"
	if d.Step == stepActive || d.Step == stepExpired || d.Step == stepSlashed {
		st.Status, st.SealingStatus = "Sealed", "Sealed and Indexed"
		st.PublishCid, st.ChainDealID = publishCID(d), d.ChainID
	}
}

// publishCID is a copy: the answer is encoded after the lock is released.
func publishCID(d *providerDeal) *cid.Cid {
	if !d.Publish.Defined() {
		return nil
	}
	c := d.Publish
	return &c
}

// lie makes up a finished deal: a message and a deal id that are not on chain.
func (p *provider) lie(d *providerDeal, res *boostly.DealStatusResponse) {
	st := res.DealStatus
	st.Error = ""
	st.Status, st.SealingStatus = "Complete", "Proving"
	res.TransferSize, res.NBytesReceived = d.Params.V.Transfer.Size, d.Params.V.Transfer.Size
	if p.dialect == curio {
		st.Status, st.SealingStatus = "Sealed", "Sealed and Indexed"
		res.TransferSize, res.NBytesReceived = 1, 1
	}
	if c, err := abi.CidBuilder.Sum(append([]byte("lie"), d.UUID[:]...)); err == nil {
		st.PublishCid = &c
	}
	st.ChainDealID = p.n.chain.head.NextDeal + 1_000_000
}
