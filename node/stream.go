package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	libp2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

// ErrProtocol says that a peer was reached and speaks none of the protocols asked for.
var ErrProtocol = errors.New("peer does not speak the protocol")

// Stream is a libp2p stream.
type Stream interface {
	io.ReadWriteCloser
	CloseWrite() error
	Reset() error
	SetDeadline(t time.Time) error
	Protocol() string
}

// OpenStream dials a peer (addrs: multiaddrs without /p2p/) and opens a stream
// with the first protocol of the list that it speaks. The stream gets the
// deadline of ctx, if that has one; cancelling ctx later does not touch it.
// The caller closes or resets the stream. ErrProtocol tells a peer of other
// protocols from one that cannot be reached.
func (n *Node) OpenStream(ctx context.Context, peerID string, addrs []string, protocols ...string) (Stream, error) {
	s, err := n.host.openStream(ctx, peerID, addrs, protocols)
	if err != nil {
		return nil, fmt.Errorf("open stream %s to peer %s: %w", strings.Join(protocols, " or "), peerID, err)
	}
	return s, nil
}

func (h *host) openStream(ctx context.Context, peerID string, addrs, protocols []string) (Stream, error) {
	if h.p2p == nil {
		return nil, ErrNoHost
	}
	if len(protocols) == 0 {
		return nil, fmt.Errorf("no protocol asked for: %w", ErrProtocol)
	}
	info, err := addrInfo(peerID, addrs)
	if err != nil {
		return nil, err
	}
	// The addresses are kept only for a while: a provider that moves is dialled
	// at the address its caller knows, not at every old one.
	h.p2p.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.TempAddrTTL)
	// Who opens a stream has waits of his own. Those of the swarm, which grow with
	// each dial in vain, would have a peer that is back again look as if it was not.
	if s, ok := h.p2p.Network().(*libp2pswarm.Swarm); ok {
		s.Backoff().Clear(info.ID)
	}
	if err := h.p2p.Connect(ctx, info); err != nil {
		return nil, err
	}
	ids := make([]protocol.ID, len(protocols))
	for i, p := range protocols {
		ids[i] = protocol.ID(p)
	}
	s, err := h.p2p.NewStream(ctx, info.ID, ids...)
	if err != nil {
		if errors.As(err, new(multistream.ErrNotSupported[protocol.ID])) {
			return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		return nil, err
	}
	if t, ok := ctx.Deadline(); ok {
		if err := s.SetDeadline(t); err != nil {
			return nil, errors.Join(err, s.Reset())
		}
	}
	return stream{s}, nil
}

// addrInfo parses a peer and its addresses. An address may end in the peer's
// own /p2p/, as providers publish it; another peer's is an error.
func addrInfo(peerID string, addrs []string) (peer.AddrInfo, error) {
	id, err := peer.Decode(peerID)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	info := peer.AddrInfo{ID: id}
	for _, s := range addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return peer.AddrInfo{}, fmt.Errorf("address %q: %w", s, err)
		}
		a, other := peer.SplitAddr(a)
		if other != "" && other != id {
			return peer.AddrInfo{}, fmt.Errorf("address %q is of another peer", s)
		}
		if a != nil {
			info.Addrs = append(info.Addrs, a)
		}
	}
	return info, nil
}

// stream gives the protocol as a string, so that users need not import libp2p.
type stream struct{ network.Stream }

func (s stream) Protocol() string { return string(s.Stream.Protocol()) }
