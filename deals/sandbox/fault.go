package sandbox

import (
	"fmt"
	"math"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-shipyard/boostly"
)

// The faults a provider can be given.
const (
	modeNone           = "none"
	modeRefuse         = "refuse"
	modeHoldProposal   = "hold-proposal"
	modeHoldAnswer     = "hold-answer"
	modeStall          = "stall"
	modeWrongComm      = "wrong-commp"
	modeVanish         = "vanish"
	modeAcceptVanish   = "accept-vanish"
	modeReset          = "reset"
	modeNoPublish      = "no-publish"
	modePublishFails   = "publish-fails"
	modePublishInvalid = "publish-invalid"
	modeNoSeal         = "no-seal"
	modeSlash          = "slash"
	modeTerminate      = "terminate"
	modeLie            = "lie"
	modeLieID          = "lie-id"
	modeLieFailed      = "lie-failed"
	modeCorrupt        = "corrupt"
	modeCorruptPiece   = "corrupt-piece"
	modeCorruptIPFS    = "corrupt-ipfs"
	modeShort          = "short"
	modeTrickle        = "trickle"
	modeNoRetrieval    = "no-retrieval"
)

// How long a fault takes to show on chain.
const (
	slashAfter  = abi.ChainEpoch(3)
	vanishAfter = abi.ChainEpoch(8)
)

// fault is what a mode changes in a provider.
type fault struct {
	what      string
	noPull    bool           // does not fetch data
	noPublish bool           // does not send deals to the chain
	noSeal    bool           // does not prove published deals
	ends      abi.ChainEpoch // active deals end after so many epochs; 0: they do not
	// refuse is why a proposal is turned down, empty if it is not.
	refuse func(dialect, *boostly.DealParams) string
}

var modes = map[string]fault{
	modeNone: {what: "behaves well"},
	modeRefuse: {what: "rejects every proposal with a reason", refuse: words(
		"miner is not accepting online storage deals", "client not allowed by provider")},
	"refuse-client": {what: "rejects every proposal: the client is not on the allow list", refuse: words(
		"deal rejected by filter: client is not on the allow list", "client not allowed by provider")},
	"refuse-busy": {what: "rejects every proposal for now: the provider is busy", refuse: refuseBusy},
	"refuse-limit": {what: "rejects every proposal for now: the client has had its share of the hour", refuse: words(
		"deal rejected by filter: client has too many deals this hour",
		"deal rejected as maximum allowed deals per hour limit has been reached for the client, please retry in some time")},
	"refuse-price":     {what: "rejects every proposal: the price is too low, whatever the ask says", refuse: refusePrice},
	"refuse-size":      {what: "rejects every proposal: the piece is too small, whatever the ask says", refuse: refuseSize},
	"refuse-duplicate": {what: "rejects every proposal: it has it already", refuse: refuseDuplicate},
	"refuse-online": {what: "takes offline deals only", refuse: func(d dialect, dp *boostly.DealParams) string {
		if dp.IsOffline {
			return ""
		}
		return d.say("miner is not accepting online storage deals", "online deals are not allowed on this provider")
	}},
	"refuse-offline": {what: "takes online deals only", refuse: func(d dialect, dp *boostly.DealParams) string {
		if !dp.IsOffline {
			return ""
		}
		return d.say("miner is not accepting offline storage deals", "offline deals are not allowed on this provider")
	}},
	modeHoldProposal: {what: "reads proposals, and neither takes nor answers them for 30 epochs; then it breaks off"},
	modeHoldAnswer:   {what: "takes proposals, and does not answer them for 30 epochs; then it breaks off"},
	modeStall:        {what: "accepts proposals and never pulls the data", noPull: true, noPublish: true},
	modeWrongComm:    {what: "pulls the data and claims that it does not match the piece CID; the deal fails"},
	modeVanish: {what: "is gone: its addresses do not answer, and its active deals are terminated on chain after a few epochs",
		noPull: true, noPublish: true, noSeal: true, ends: vanishAfter},
	modeAcceptVanish:   {what: "accepts one proposal and vanishes before it pulls the data", noPull: true},
	modeReset:          {what: "cuts its own transfers in the middle of ranges, and resumes them"},
	modeNoPublish:      {what: "pulls the data and never publishes the deal", noPublish: true},
	modePublishFails:   {what: "publishes deals by messages that run out of gas; the deals fail"},
	modePublishInvalid: {what: "publishes deals in messages that succeed and in which they are not valid; the deals fail"},
	modeNoSeal:         {what: "publishes deals and never proves them, so that they die at their start epoch", noSeal: true},
	modeSlash:          {what: "lets its active deals be slashed after a few epochs", ends: slashAfter},
	modeTerminate:      {what: "terminates its active deals after a few epochs; they are off the chain at once", ends: slashAfter},
	modeLie: {what: "accepts proposals and says that all is sealed, while nothing is pulled or on chain",
		noPull: true, noPublish: true, noSeal: true},
	modeLieID:        {what: "deals honestly and says from the start that all is sealed, under a wrong deal id"},
	modeLieFailed:    {what: "deals honestly and says that the deal has failed"},
	modeCorrupt:      {what: "serves wrong bytes on retrieval"},
	modeCorruptPiece: {what: "serves wrong bytes of pieces, and right ones under /ipfs"},
	modeCorruptIPFS:  {what: "serves wrong bytes under /ipfs, and right ones of pieces"},
	modeShort:        {what: "serves half of each piece as if it were all"},
	modeTrickle:      {what: "serves a few hundred bytes a second"},
	modeNoRetrieval:  {what: "refuses every retrieval with 403"},
}

// say picks the wording of the software.
func (d dialect) say(boosts, curios string) string {
	if d == boost {
		return boosts
	}
	return curios
}

func words(boosts, curios string) func(dialect, *boostly.DealParams) string {
	return func(d dialect, _ *boostly.DealParams) string { return d.say(boosts, curios) }
}

func refuseBusy(d dialect, dp *boostly.DealParams) string {
	size := dp.Transfer.Size
	return d.say(fmt.Sprintf("cannot accept piece of size %d, on top of already allocated %d bytes, because it would exceed max staging area size %d",
		size, sectorSize, sectorSize), "deal rejected due to backpressure. Please retry in some time.")
}

func refusePrice(d dialect, dp *boostly.DealParams) string {
	p := dp.ClientDealProposal.Proposal.StoragePricePerEpoch
	return d.say(fmt.Sprintf("failed validation: storage price per epoch less than asking price: %s < %d", p, int64(math.MaxInt64)),
		"internal server error: failed to apply filters")
}

func refuseSize(d dialect, dp *boostly.DealParams) string {
	size := dp.ClientDealProposal.Proposal.PieceSize
	return d.say(fmt.Sprintf("failed validation: piece size less than minimum required size: %d < %d", size, 2*size),
		"deal rejected as piece size is smaller than the minimum allowed by the pricing filter")
}

func refuseDuplicate(d dialect, dp *boostly.DealParams) string {
	id, err := dp.ClientDealProposal.Proposal.Cid()
	if err != nil {
		return err.Error()
	}
	return d.say(fmt.Sprintf("deal proposal is identical to deal %s (proposed at 2026-01-01 00:00:00 +0000 UTC)", dp.DealUUID),
		fmt.Sprintf("store deal: market deal with the same proposalCID %s already exists: 1", id))
}

// Modes lists the faults a provider can be given, with what each does.
func Modes() map[string]string {
	out := make(map[string]string, len(modes))
	for name, f := range modes {
		out[name] = f.what
	}
	return out
}

// Fail makes a provider misbehave; mode "none" heals it. Modes lists them.
// The mode survives a restart.
func (n *Network) Fail(provider, mode string) error {
	p, err := n.provider(provider)
	if err != nil {
		return err
	}
	if _, ok := modes[mode]; !ok {
		return fmt.Errorf("%q: %w", mode, ErrNoMode)
	}
	err = n.update(func(*chain) error {
		p.setMode(mode)
		p.resume()
		return nil
	})
	if err != nil {
		return err
	}
	n.log.Info("sandbox provider changes", "miner", provider, "mode", mode)
	return p.open()
}

// setMode needs Network.mu.
func (p *provider) setMode(mode string) {
	p.rec.Mode, p.rec.Since = mode, p.n.chain.height()
	p.save()
	p.plan()
}

// pullsIn says whether a provider in this mode fetches data at all.
func pullsIn(mode string) bool { return !modes[mode].noPull }

// publishesIn says whether it sends deals to the chain.
func publishesIn(mode string) bool { return !modes[mode].noPublish }

// sealsIn says whether it proves published deals.
func sealsIn(mode string) bool { return !modes[mode].noSeal }

// slashesAfter is how long its active deals last, if the mode ends them.
func slashesAfter(mode string) (abi.ChainEpoch, bool) {
	ends := modes[mode].ends
	return ends, ends > 0
}
