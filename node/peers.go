package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

func (h *host) addrs() []string {
	if h.p2p == nil {
		return nil
	}
	var out []string
	for _, a := range h.p2p.Addrs() {
		out = append(out, a.String()+"/p2p/"+h.p2p.ID().String())
	}
	return out
}

// ID is the libp2p peer id, "" without a host.
func (n *Node) ID() string {
	if n.host.p2p == nil {
		return ""
	}
	return n.host.p2p.ID().String()
}

// Addrs are the addresses others can dial, with /p2p/.
func (n *Node) Addrs() []string { return n.host.addrs() }

// Reach is up to n of Addrs, without doubles: what is public before what a
// neighbour can dial, and that before what only this machine can.
func (n *Node) Reach(most int) []string { return farthest(n.Addrs(), most) }

func farthest(addrs []string, most int) []string {
	list := slices.Clone(addrs)
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(farness(a), farness(b)), strings.Compare(a, b)) })
	list = slices.Compact(list)
	return list[:min(len(list), most)]
}

// farness is less the farther away an address can be dialled.
func farness(addr string) int {
	a, err := multiaddr.NewMultiaddr(addr)
	switch {
	case err != nil:
		return 3
	case manet.IsPublicAddr(a):
		return 0
	case manet.IsIPLoopback(a):
		return 2
	}
	return 1
}

var (
	errNoPeers = errors.New("no peers: only those who dial this node find it")
	errNoPaths = errors.New("no libp2p host: only the gateway serves what is published")
)

// Isolated says why peers do not find what this node has; nil if some are connected.
func (n *Node) Isolated() error {
	switch {
	case n.host.p2p == nil:
		return errNoPaths
	case len(n.host.p2p.Network().Peers()) == 0:
		return errNoPeers
	}
	return nil
}

// Peer is a connected peer.
type Peer struct{ ID, Addr string }

// Peers are the connected peers, by ID.
func (n *Node) Peers() []Peer {
	if n.host.p2p == nil {
		return nil
	}
	var out []Peer
	for _, c := range n.host.p2p.Network().Conns() {
		out = append(out, Peer{ID: c.RemotePeer().String(), Addr: c.RemoteMultiaddr().String()})
	}
	byID := func(a, b Peer) int { return strings.Compare(a.ID, b.ID) }
	slices.SortStableFunc(out, byID)
	// Two peers may hold two connections when both dialled at once.
	return slices.CompactFunc(out, func(a, b Peer) bool { return a.ID == b.ID })
}

// Connect dials a peer, given a multiaddr with /p2p/. Dialling a connected
// peer does nothing.
func (n *Node) Connect(ctx context.Context, addr string) error {
	if n.host.p2p == nil {
		return fmt.Errorf("connect to %s: %w", addr, ErrNoHost)
	}
	info, err := peer.AddrInfoFromString(addr)
	if err != nil {
		return fmt.Errorf("connect to %q: %w", addr, err)
	}
	if err := n.host.p2p.Connect(ctx, *info); err != nil {
		return fmt.Errorf("connect to %s: %w", addr, err)
	}
	return nil
}

// parsePeers parses multiaddrs with /p2p/, joining those of one peer. kind is
// what they are for.
func parsePeers(kind string, addrs []string) ([]peer.AddrInfo, error) {
	var mas []multiaddr.Multiaddr
	for _, s := range addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("%s peer %q: %w", kind, s, err)
		}
		if _, err := peer.AddrInfoFromP2pAddr(a); err != nil {
			return nil, fmt.Errorf("%s peer %q: %w", kind, s, err)
		}
		mas = append(mas, a)
	}
	return peer.AddrInfosFromP2pAddrs(mas...)
}
