package sandbox

import (
	"fmt"
	"maps"

	"github.com/filecoin-project/go-state-types/abi"
)

// The faults a provider can be given.
const (
	modeNone      = "none"
	modeRefuse    = "refuse"
	modeStall     = "stall"
	modeWrongComm = "wrong-commp"
	modeVanish    = "vanish"
	modeReset     = "reset"
	modeNoPublish = "no-publish"
	modeNoSeal    = "no-seal"
	modeSlash     = "slash"
	modeLie       = "lie"
	modeCorrupt   = "corrupt"
)

var modes = map[string]string{
	modeNone:      "behaves well",
	modeRefuse:    "rejects every proposal with a reason",
	modeStall:     "accepts proposals and never pulls the data",
	modeWrongComm: "pulls the data and claims that it does not match the piece CID; the deal fails",
	modeVanish:    "is gone: its addresses do not answer, and its active deals are terminated on chain after a few epochs",
	modeReset:     "cuts its own transfers in the middle of ranges, and resumes them",
	modeNoPublish: "pulls the data and never publishes the deal",
	modeNoSeal:    "publishes deals and never proves them, so that they die at their start epoch",
	modeSlash:     "lets its active deals be slashed after a few epochs",
	modeLie:       "accepts proposals and says that all is sealed, while nothing is pulled or on chain",
	modeCorrupt:   "serves wrong bytes on retrieval",
}

// Modes lists the faults a provider can be given, with what each does.
func Modes() map[string]string { return maps.Clone(modes) }

// How long a fault takes to show on chain.
const (
	slashAfter  = abi.ChainEpoch(3)
	vanishAfter = abi.ChainEpoch(8)
)

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
	err = n.update(func(c *chain) error {
		p.rec.Mode, p.rec.Since = mode, c.height()
		p.save()
		p.resume()
		return nil
	})
	if err != nil {
		return err
	}
	n.log.Info("sandbox provider changes", "miner", provider, "mode", mode)
	return p.open()
}

// pullsIn says whether a provider in this mode fetches data at all.
func pullsIn(mode string) bool {
	return mode != modeStall && mode != modeVanish && mode != modeLie
}

// publishesIn says whether it sends deals to the chain.
func publishesIn(mode string) bool {
	return pullsIn(mode) && mode != modeNoPublish
}

// sealsIn says whether it proves published deals.
func sealsIn(mode string) bool {
	return mode != modeNoSeal && mode != modeVanish && mode != modeLie
}

// slashesAfter is how long its active deals last, if the mode ends them.
func slashesAfter(mode string) (abi.ChainEpoch, bool) {
	switch mode {
	case modeSlash:
		return slashAfter, true
	case modeVanish:
		return vanishAfter, true
	}
	return 0, false
}
