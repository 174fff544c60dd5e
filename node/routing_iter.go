package node

import (
	"errors"

	"github.com/ipfs/boxo/routing/http/types"
	"github.com/ipfs/boxo/routing/http/types/iter"
	"github.com/libp2p/go-libp2p/core/peer"
)

// providers are the records of the peers that a lookup in the DHT finds, but
// not of self, which says itself what it has.
type providers struct {
	ch    <-chan peer.AddrInfo
	self  peer.ID
	end   func() // ends the lookup
	found types.Record
}

// Next waits for a peer.
func (p *providers) Next() bool {
	for info := range p.ch {
		if info.ID != p.self {
			p.found = peerRecord(info.ID, info.Addrs)
			return true
		}
	}
	return false
}

func (p *providers) Val() types.Record { return p.found }

func (p *providers) Close() error {
	p.end()
	return nil
}

// chain is one sequence after another.
type chain struct {
	first, then iter.ResultIter[types.Record]
	rest        bool // first has ended
}

func (c *chain) Next() bool {
	if !c.rest && c.first.Next() {
		return true
	}
	c.rest = true
	return c.then.Next()
}

func (c *chain) Val() iter.Result[types.Record] {
	if c.rest {
		return c.then.Val()
	}
	return c.first.Val()
}

func (c *chain) Close() error { return errors.Join(c.first.Close(), c.then.Close()) }
