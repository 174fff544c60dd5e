package sandbox

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
)

// step is where a deal stands with its provider.
type step string

const (
	stepAccepted    step = "accepted"    // waits for its data
	stepTransferred step = "transferred" // data verified and stored; waits to be published
	stepPublishing  step = "publishing"  // message sent
	stepPublished   step = "published"   // on chain; being sealed
	stepActive      step = "active"
	stepExpired     step = "expired"
	stepSlashed     step = "slashed"
	stepFailed      step = "failed"
)

// How long a provider takes.
const (
	publishDelay = abi.ChainEpoch(2) // gathers deals for one message
	sealDelay    = abi.ChainEpoch(4)
	// dealsKept is how long a provider can tell of a deal that has ended.
	dealsKept = abi.ChainEpoch(90 * builtin.EpochsInDay)
)

// providerDeal is a deal as its provider sees it.
type providerDeal struct {
	UUID     uuid.UUID
	Provider uint64
	Params   cborValue[boostly.DealParams, *boostly.DealParams]
	Proposal cid.Cid // of the unsigned proposal
	Signed   cid.Cid // of the signed one
	Accepted time.Time
	Step     step
	Next     abi.ChainEpoch // when the provider takes the next step, if it does
	Publish  cid.Cid        // message; undefined before
	ChainID  abi.DealID
	Sector   abi.SectorNumber
	Active   abi.ChainEpoch
	Ended    abi.ChainEpoch
	Error    string

	received atomic.Int64 // bytes of the transfer under way
}

func (d *providerDeal) proposal() *market.DealProposal {
	return &d.Params.V.ClientDealProposal.Proposal
}

func (d *providerDeal) offline() bool { return d.Params.V.IsOffline }

func (d *providerDeal) ended() bool {
	return d.Step == stepExpired || d.Step == stepSlashed || d.Step == stepFailed
}

func (d *providerDeal) row() string { return fmt.Sprintf("pdeal/%d/%s", d.Provider, d.UUID) }

func (p *provider) saveDeal(d *providerDeal) {
	p.n.store.put(d.row(), d)
	p.due.note(p.dealDue(d), d.UUID)
}

// move takes a deal to its next step.
func (p *provider) move(d *providerDeal, to step, next abi.ChainEpoch) {
	d.Step, d.Next = to, next
	if d.ended() {
		d.Ended, p.untidy = p.n.chain.height(), true
	}
	p.saveDeal(d)
	p.n.log.Info("sandbox deal moves", "miner", p.addr.String(), "deal", d.UUID.String(), "step", string(to))
}

func (p *provider) failDeal(d *providerDeal, why string) {
	d.Error = why
	if cancel := p.pulls[d.UUID]; cancel != nil {
		cancel()
	}
	p.move(d, stepFailed, 0)
}
