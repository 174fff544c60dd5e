package sandbox

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/google/uuid"
)

// What a provider does on chain, epoch by epoch. Everything here runs with
// Network.mu held.

// nextDue is the first epoch after the head in which the provider acts.
func (p *provider) nextDue() abi.ChainEpoch {
	if p.untidy {
		return p.n.chain.height() + 1
	}
	return max(p.due.next(p.dueOf), p.n.chain.height()+1)
}

func (p *provider) dueOf(id uuid.UUID) abi.ChainEpoch {
	if d := p.deals[id]; d != nil {
		return p.dealDue(d)
	}
	return never
}

// plan notes when every deal is due: after the start and after every change of
// the mode.
func (p *provider) plan() {
	p.due = dueList[uuid.UUID]{}
	for id, d := range p.deals {
		p.due.note(p.dealDue(d), id)
	}
}

func (p *provider) dealDue(d *providerDeal) abi.ChainEpoch {
	due := never
	switch d.Step {
	case stepTransferred:
		if publishesIn(p.rec.Mode) {
			due = d.Next
		}
	case stepPublishing:
		due = d.Next
	case stepPublished:
		if sealsIn(p.rec.Mode) {
			due = d.Next
		}
	case stepActive:
		if after, ok := slashesAfter(p.rec.Mode); ok {
			return min(d.proposal().EndEpoch, max(p.rec.Since, d.Active)+after)
		}
		return d.proposal().EndEpoch
	default:
		if d.ended() {
			return d.Ended + dealsKept
		}
	}
	return min(due, d.proposal().StartEpoch+1)
}

// act does what is due at the head.
func (p *provider) act() {
	height := p.n.chain.height()
	ids := p.due.take(height, p.dueOf)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	var ready []*providerDeal
	for _, id := range ids {
		d := p.deals[id]
		switch {
		case d.ended():
			delete(p.deals, id)
			p.n.store.remove(d.row())
		case d.Step == stepActive:
			p.watch(d)
		case d.Step == stepPublishing:
			p.confirm(d)
		case height > d.proposal().StartEpoch:
			p.failDeal(d, fmt.Sprintf("deal start epoch %d has elapsed in step %s", d.proposal().StartEpoch, d.Step))
		case d.Step == stepTransferred:
			ready = append(ready, d)
		case d.Step == stepPublished:
			p.prove(d)
		}
	}
	p.publish(ready)
	for _, id := range ids { // what was not done now is still due
		p.due.note(p.dueOf(id), id)
	}
	if p.untidy {
		p.untidy = false
		p.discard()
	}
}

// maxPublish is how many deals go into one message; the others wait for the
// next epoch.
const maxPublish = 32

// publish sends one message for the deals that are ready.
func (p *provider) publish(ready []*providerDeal) {
	if len(ready) == 0 {
		return
	}
	ready = ready[:min(len(ready), maxPublish)]
	c := p.n.chain
	var in market.PublishStorageDealsParams
	for _, d := range ready {
		in.Deals = append(in.Deals, d.Params.V.ClientDealProposal)
	}
	err := func() error {
		if p.rec.Mode == modePublishInvalid {
			if err := p.spoilPublish(&in); err != nil {
				return err
			}
		}
		raw, err := marshalCBOR(&in)
		if err != nil {
			return err
		}
		gas := int64(blockGasLimit / 10)
		if p.rec.Mode == modePublishFails {
			gas = gasOnChain(len(raw) + 500) // enough to be taken, not to run
		}
		worker := c.accounts[workerOf(p.id)]
		signed, err := sign(p.rec.WorkerKey, message{
			To: builtin.StorageMarketActorAddr, From: worker.Key, Nonce: c.nextNonce(worker), Value: big.Zero(),
			GasLimit: gas, GasFeeCap: big.NewInt(2 * baseFee), GasPremium: big.NewInt(baseFee),
			Method: methodPublishStorageDeals, Params: raw,
		})
		if err != nil {
			return err
		}
		id, err := c.push(signed)
		if err != nil {
			return err
		}
		for _, d := range ready {
			d.Publish = id
			p.move(d, stepPublishing, c.height()+1)
		}
		return nil
	}()
	if err != nil {
		for _, d := range ready {
			p.failDeal(d, "failed to publish deal: "+err.Error())
		}
	}
}

// spoilPublish breaks the signatures of all deals in a message, and adds a deal
// of the provider with itself, so that the message has one that is valid.
func (p *provider) spoilPublish(in *market.PublishStorageDealsParams) error {
	own := in.Deals[0]
	for i := range in.Deals {
		sig := &in.Deals[i].ClientSignature
		sig.Data = append([]byte{^sig.Data[0]}, sig.Data[1:]...)
	}
	own.Proposal.Client = p.n.chain.accounts[workerOf(p.id)].Key
	own.Proposal.StoragePricePerEpoch, own.Proposal.ClientCollateral = big.Zero(), big.Zero()
	own.Proposal.VerifiedDeal = false
	raw, err := marshalCBOR(&own.Proposal)
	if err != nil {
		return err
	}
	sig, err := signBytes(p.rec.WorkerKey, raw)
	if err != nil {
		return err
	}
	own.ClientSignature = *sig
	in.Deals = append(in.Deals, own)
	return nil
}

// confirm reads the receipt of a publish message, as a client would.
func (p *provider) confirm(d *providerDeal) {
	c := p.n.chain
	m := c.messages[d.Publish]
	if m == nil || m.Receipt == nil {
		if c.height() > d.proposal().StartEpoch {
			p.failDeal(d, fmt.Sprintf("deal start epoch %d has elapsed in step %s", d.proposal().StartEpoch, d.Step))
			return
		}
		d.Next = c.height() + 1
		return
	}
	if m.Receipt.ExitCode != 0 {
		p.failDeal(d, fmt.Sprintf("failed to publish deal: message %s exited with code %d", d.Publish, m.Receipt.ExitCode))
		return
	}
	id, err := publishedID(m, d)
	if err != nil {
		p.failDeal(d, "failed to publish deal: "+err.Error())
		return
	}
	d.ChainID = id
	p.move(d, stepPublished, c.height()+sealDelay)
}

// publishedID finds the id a deal got in a publish message: ids are given to
// the valid deals only, in their order.
func publishedID(m *messageRecord, d *providerDeal) (abi.DealID, error) {
	var in market.PublishStorageDealsParams
	if err := in.UnmarshalCBOR(bytes.NewReader(m.Signed.Message.Params)); err != nil {
		return 0, err
	}
	var out market.PublishStorageDealsReturn
	if err := out.UnmarshalCBOR(bytes.NewReader(m.Receipt.Return)); err != nil {
		return 0, err
	}
	k := 0
	for i := range in.Deals {
		valid, err := out.ValidDeals.IsSet(uint64(i))
		if err != nil {
			return 0, err
		}
		id, err := in.Deals[i].Proposal.Cid()
		if err != nil {
			return 0, err
		}
		if id == d.Proposal {
			if !valid || k >= len(out.IDs) {
				return 0, fmt.Errorf("the market refused proposal %s", id)
			}
			return out.IDs[k], nil
		}
		if valid {
			k++
		}
	}
	return 0, fmt.Errorf("proposal %s is not in message %s", d.Proposal, m.CID)
}

func (p *provider) prove(d *providerDeal) {
	number := p.rec.NextSector
	if err := p.n.chain.activate(d.ChainID, number); err != nil {
		p.failDeal(d, "sealing: "+err.Error())
		return
	}
	p.rec.NextSector++
	p.save()
	d.Sector, d.Active = number, p.n.chain.height()
	p.move(d, stepActive, 0)
}

// watch ends active deals: at their end, or early by a fault.
func (p *provider) watch(d *providerDeal) {
	c := p.n.chain
	if c.height() >= d.proposal().EndEpoch {
		p.move(d, stepExpired, 0)
		return
	}
	if err := c.terminate(d.ChainID, p.rec.Mode == modeTerminate); err != nil {
		d.Error = err.Error()
	}
	p.move(d, stepSlashed, 0)
}

// discard forgets the pieces that no live deal needs, as providers do when
// sectors end. The files go in the background.
func (p *provider) discard() {
	needed := map[string]bool{}
	for _, d := range p.deals {
		if !d.ended() {
			needed[d.proposal().PieceCID.KeyString()] = true
		}
	}
	for id, r := range p.pieces {
		if needed[id.KeyString()] {
			continue
		}
		delete(p.pieces, id)
		p.n.store.remove(r.row())
		p.n.work.Go(func() { p.erase(id) })
	}
}
