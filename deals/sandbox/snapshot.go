package sandbox

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
)

// State is the network at one moment, for people and tests.
type State struct {
	Height    int64
	RPC       string          // of the first endpoint
	Endpoints []EndpointState // of the chain
	Providers []ProviderState
}

// EndpointState is one JSON-RPC server of the chain in a State.
type EndpointState struct {
	URL  string
	Mode string // one of RPCModes
}

// ProviderState is one provider in a State.
type ProviderState struct {
	Address string
	Peer    string
	P2P     string // multiaddr with peer id
	HTTP    string // base URL of retrieval
	Dialect string // boost or curio: whose words it uses
	Mode    string // one of Modes
	Held    int    // proposals that it has read, and does not answer
	Pieces  int    // stored
	Bytes   int64
	Deals   []DealState // oldest first
}

// DealState is a deal as its provider really has it, whatever it says.
type DealState struct {
	UUID     string
	Piece    string
	Size     int64 // padded
	Client   string
	Step     string // accepted, transferred, publishing, published, active, expired, slashed, failed
	Error    string
	ChainID  uint64 // 0: not on chain
	Publish  string // CID of the message, empty before
	Sector   uint64
	Start    int64 // epochs
	End      int64
	Accepted time.Time
}

// Snapshot returns the network's state.
func (n *Network) Snapshot() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.snapshot()
}

func (n *Network) snapshot() State {
	s := State{RPC: n.RPC()}
	for _, e := range n.endpoints {
		s.Endpoints = append(s.Endpoints, EndpointState{e.url, e.rec.Mode})
	}
	if n.chain != nil {
		s.Height = int64(n.chain.height())
	}
	for _, p := range n.providers {
		s.Providers = append(s.Providers, p.state())
	}
	return s
}

func (p *provider) state() ProviderState {
	s := ProviderState{
		Address: p.addr.String(), Peer: p.peer.String(), Dialect: string(p.dialect), Mode: p.rec.Mode,
		Held: p.held, Pieces: len(p.pieces), P2P: p2pAddr(p.rec.P2PPort, p.peer), HTTP: httpURL(p.rec.HTTPPort),
	}
	for _, r := range p.pieces {
		s.Bytes += r.Size
	}
	for _, d := range slices.SortedFunc(maps.Values(p.deals), compareDeals) {
		prop := d.proposal()
		ds := DealState{
			UUID: d.UUID.String(), Piece: prop.PieceCID.String(), Size: int64(prop.PieceSize), Client: prop.Client.String(),
			Step: string(d.Step), Error: d.Error, ChainID: uint64(d.ChainID), Sector: uint64(d.Sector),
			Start: int64(prop.StartEpoch), End: int64(prop.EndEpoch), Accepted: d.Accepted,
		}
		if d.Publish.Defined() {
			ds.Publish = d.Publish.String()
		}
		s.Deals = append(s.Deals, ds)
	}
	return s
}

func compareDeals(a, b *providerDeal) int {
	return cmp.Or(a.Accepted.Compare(b.Accepted), cmp.Compare(a.UUID.String(), b.UUID.String()))
}

// DealCount is how many deals are in a step, over all providers.
func (s State) DealCount(step string) int {
	n := 0
	for _, p := range s.Providers {
		for _, d := range p.Deals {
			if d.Step == step {
				n++
			}
		}
	}
	return n
}

// Replicas is how many providers have an active deal of each piece on chain, by
// piece CID.
func (n *Network) Replicas() map[string]int {
	type replica struct{ piece, provider string }
	all, _ := view(n, func(c *chain) (map[replica]bool, error) {
		all := make(map[replica]bool)
		for _, d := range c.deals {
			if d.Start >= 0 && d.Slashed < 0 {
				all[replica{d.Proposal.V.PieceCID.KeyString(), d.Proposal.V.Provider.String()}] = true
			}
		}
		return all, nil
	})
	byKey := make(map[string]int)
	for r := range all {
		byKey[r.piece]++
	}
	out := make(map[string]int, len(byKey))
	for key, n := range byKey {
		if c, err := cid.Cast([]byte(key)); err == nil {
			out[c.String()] = n
		}
	}
	return out
}

// Height is the chain's epoch.
func (n *Network) Height() int64 {
	h, _ := view(n, func(c *chain) (abi.ChainEpoch, error) { return c.height(), nil })
	return int64(h)
}

// Wait returns the first state in which ok holds. It looks at every change of
// the chain and of the deals.
func (n *Network) Wait(ctx context.Context, ok func(State) bool) (State, error) {
	for {
		n.mu.Lock()
		s, changed, closed := n.snapshot(), n.waiting, n.closed
		n.mu.Unlock()
		if ok(s) {
			return s, nil
		}
		if closed {
			return s, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}
