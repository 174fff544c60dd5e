package node

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// ErrBadPeer says that something names no peer, and is wrapped with what.
var ErrBadPeer = errors.New("not a peer")

// A KeptPeer is one that the node stays connected to.
type KeptPeer struct {
	ID        string
	Addrs     []string // multiaddrs, without /p2p/ or with the peer's own
	Connected bool
}

// Peering lists the peers that the node stays connected to, by ID: those of
// Config.Peering and those that were added. on says that they are dialled.
func (n *Node) Peering() (list []KeptPeer, on bool) {
	k := &n.host.keep
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range k.ids() {
		p := KeptPeer{ID: id.String(), Connected: k.host.Network().Connectedness(id) == network.Connected}
		for _, a := range k.peers[id].info.Addrs {
			p.Addrs = append(p.Addrs, a.String())
		}
		list = append(list, p)
	}
	return list, k.host != nil && !k.off
}

// AddPeering has the node stay connected to more peers, over restarts too. Of
// one that is kept already the addresses are replaced. All are taken or none;
// without a host it is ErrNoHost.
func (n *Node) AddPeering(peers ...KeptPeer) error {
	var infos []peer.AddrInfo
	for _, p := range peers {
		info, err := p.info()
		if err != nil {
			return err
		}
		infos = append(infos, info)
	}
	return n.host.keep.change(func(k *keeper) error {
		if len(k.peers)+len(infos) > maxKept {
			return fmt.Errorf("%w: more than %d are kept connected", ErrBadPeer, maxKept)
		}
		for _, info := range infos {
			k.keep(info, true)
		}
		return k.save()
	})
}

// RemovePeering has the node no longer stay connected to peers; connections that
// there are stay. One of Config.Peering is back after the next start.
func (n *Node) RemovePeering(ids ...string) error {
	var gone []peer.ID
	for _, s := range ids {
		id, err := peer.Decode(s)
		if err != nil {
			return fmt.Errorf("%q: %w: %w", s, ErrBadPeer, err)
		}
		gone = append(gone, id)
	}
	return n.host.keep.change(func(k *keeper) error {
		for _, id := range gone {
			if p := k.peers[id]; p != nil {
				k.drop(p)
				delete(k.peers, id)
			}
		}
		return k.save()
	})
}

// SwitchPeering has the peers dialled, or not, until the next start, which dials them.
func (n *Node) SwitchPeering(on bool) error {
	return n.host.keep.change(func(k *keeper) error {
		if k.off == !on {
			return nil
		}
		k.off = !on
		for _, p := range k.peers {
			if on {
				k.dial(p)
			} else {
				k.drop(p)
			}
		}
		return nil
	})
}

// change calls fn with mu held, if there is a host to keep connections of.
func (k *keeper) change(fn func(*keeper) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.host == nil || k.over {
		return fmt.Errorf("peering: %w", ErrNoHost)
	}
	if err := fn(k); err != nil {
		return fmt.Errorf("peering: %w", err)
	}
	return nil
}

func (p KeptPeer) info() (peer.AddrInfo, error) {
	id, err := peer.Decode(p.ID)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("%w: the peerID is invalid: %q", ErrBadPeer, p.ID)
	}
	info := peer.AddrInfo{ID: id}
	for _, s := range p.Addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return info, fmt.Errorf("%w: the addr is invalid: %q", ErrBadPeer, s)
		}
		transport, of := peer.SplitAddr(a)
		if of != "" && of != id || transport == nil {
			return info, fmt.Errorf("%w: the addr is not one of %s: %q", ErrBadPeer, id, s)
		}
		// It is written down, one a line, and has to be read at the next start.
		line := transport.String() + "/p2p/" + id.String()
		again, err := peer.AddrInfoFromString(line)
		if err != nil || again.ID != id || strings.ContainsFunc(line, unicode.IsSpace) {
			return info, fmt.Errorf("%w: the addr cannot be kept: %q", ErrBadPeer, s)
		}
		info.Addrs = append(info.Addrs, transport)
	}
	return info, nil
}
