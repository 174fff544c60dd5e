package sandbox

import (
	"errors"

	"github.com/filecoin-project/go-state-types/abi"
)

// holdEpochs is how long a provider lets those wait who propose a deal.
const holdEpochs = abi.ChainEpoch(30)

// errHeld is the end of a talk that was never answered.
var errHeld = errors.New("held too long")

// hold lets a proposal wait while the provider is in a mode, as a server does
// that hangs. When it is healed, the talk goes on; if it takes too long, errHeld
// breaks it off.
func (p *provider) hold(mode string) error {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	if p.rec.Mode != mode {
		return nil
	}
	p.held++
	p.n.announce()
	defer func() {
		p.held--
		p.n.announce()
	}()
	for until := p.n.chain.height() + holdEpochs; p.rec.Mode == mode; {
		if p.n.closed || p.n.chain.height() >= until {
			return errHeld
		}
		changed := p.n.waiting
		p.n.mu.Unlock()
		select {
		case <-changed:
		case <-p.n.done:
		}
		p.n.mu.Lock()
	}
	return nil
}
