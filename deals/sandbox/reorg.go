package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
)

const (
	// maxReorg is how many epochs Reorg can undo: of those this process mined.
	maxReorg = 120
	// reorgDelay is how long an undone message waits after the new head.
	reorgDelay = abi.ChainEpoch(3)
)

// mined is a tipset that was the head, and how to undo it.
type mined struct {
	tipset   tipset
	nextDeal abi.DealID
	rows     map[string][]byte // of the ledger, before the tipset and what came while it was the head
	gifts    []gift            // while it was the head
}

// gift is money from outside of the chain. A reorganisation does not take it
// back.
type gift struct {
	to address.Address
	f  func(*account)
}

// mark notes a new head. It needs n.mu, and comes before the commit of the
// head's changes.
func (n *Network) mark() {
	h := &n.chain.head
	m := &mined{tipset: h.Tipset, nextDeal: h.NextDeal, rows: map[string][]byte{}}
	if len(n.past) > maxReorg {
		n.past = append(n.past[:0:0], n.past[1:]...)
	}
	n.past = append(n.past, m)
	n.store.undo = m.rows
}

// Reorg has another fork win that does not have the last epochs: deals that
// were published and proven in them vanish, and their messages run again a few
// epochs after the new head, which is one higher than the old one. With drop
// they are lost and never run. A provider whose message is lost does not notice
// and gives the deal up at its start epoch.
func (n *Network) Reorg(epochs int64, drop bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.unusable(); err != nil {
		return err
	}
	old := n.chain.height()
	to := old - abi.ChainEpoch(epochs)
	if epochs < 1 || to < n.past[0].tipset.Height { // Open has marked the first
		return fmt.Errorf("reorganise %d epochs: 1 to %d can be undone", epochs, old-n.past[0].tipset.Height)
	}
	if err := n.rewind(to, old+1+reorgDelay, drop); err != nil {
		n.broken = err // memory and disk may differ
		return err
	}
	for done := false; !done; {
		var err error
		if done, err = n.stepLocked(old + 1); err != nil {
			return err
		}
	}
	n.log.Warn("sandbox chain reorganised", "from", int64(old), "to", int64(to))
	return nil
}

// rewind takes the ledger back to the last tipset at or below a height.
func (n *Network) rewind(to, notBefore abi.ChainEpoch, drop bool) error {
	var gifts []gift
	n.store.undo = nil
	for len(n.past) > 1 && n.past[len(n.past)-1].tipset.Height > to {
		last := n.past[len(n.past)-1]
		n.past = n.past[:len(n.past)-1]
		for key, row := range last.rows {
			if row == nil {
				n.store.remove(key)
			} else {
				n.store.put(key, json.RawMessage(row))
			}
		}
		gifts = append(last.gifts, gifts...)
	}
	base := n.past[len(n.past)-1]
	for _, m := range n.chain.messages {
		if m.Receipt == nil || m.Height <= to {
			continue
		}
		m.Receipt, m.TipSet, m.Height = nil, nil, 0
		m.NotBefore, m.Dropped = notBefore, drop
		n.store.put(m.row(), m)
	}
	head := n.chain.head
	head.Tipset, head.Fork = base.tipset, head.Fork+1
	head.NextDeal, head.NextID = base.nextDeal, firstAccount
	if err := n.store.commit(); err != nil {
		return err
	}
	c, err := openChain(n.store)
	if err != nil {
		return err
	}
	for id := range c.accounts {
		head.NextID = max(head.NextID, id+1)
	}
	c.head = head
	n.chain = c
	n.store.undo = base.rows
	for _, g := range gifts {
		if err := n.present(g); err != nil {
			return err
		}
	}
	for _, p := range n.providers {
		p.rewind()
	}
	return n.commit()
}

// present gives a gift. It needs n.mu.
func (n *Network) present(g gift) error {
	acc, err := n.chain.createAccount(g.to)
	if err != nil {
		return err
	}
	g.f(acc)
	n.chain.saveAccount(acc)
	if k := len(n.past); k > 0 {
		n.past[k-1].gifts = append(n.past[k-1].gifts, g)
	}
	return nil
}

// rewind takes the provider's deals back to what the chain still has of them.
func (p *provider) rewind() {
	c := p.n.chain
	for _, d := range p.deals {
		m := c.messages[d.Publish]
		if m == nil || d.Step == stepAccepted || d.Step == stepTransferred || d.Step == stepFailed && d.ChainID == 0 {
			continue
		}
		on := c.deals[d.ChainID]
		switch {
		case m.Receipt == nil:
			d.ChainID, d.Sector, d.Active, d.Error = 0, 0, 0, ""
			p.move(d, stepPublishing, c.height()+1)
		case on == nil: // it ended before
		case on.Start < 0 && d.Step != stepPublishing:
			d.Sector, d.Active, d.Error = 0, 0, ""
			p.move(d, stepPublished, c.height()+sealDelay)
		case on.Start >= 0 && on.Slashed < 0:
			p.move(d, stepActive, 0)
		}
	}
}

// errNoTipset is for heights and keys the chain no longer has in memory.
var errNoTipset = errors.New("tipset not found")

// tipsetAt is the tipset at a height, or the last one before it.
func (n *Network) tipsetAt(height abi.ChainEpoch) (tipset, error) {
	for i := len(n.past) - 1; i >= 0; i-- {
		if t := n.past[i].tipset; t.Height <= height && height <= n.chain.height() {
			return t, nil
		}
	}
	return tipset{}, fmt.Errorf("height %d: %w", height, errNoTipset)
}
