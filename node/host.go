package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

// ErrNoHost says that the node has no listen addresses, so it has no libp2p host.
var ErrNoHost = errors.New("node has no libp2p host")

// Connections are trimmed to lowConns once there are more than highConns;
// those to bootstrap peers are never trimmed.
const (
	lowConns  = 256
	highConns = 384
	connGrace = 30 * time.Second
)

// host is what a node shows to others: the libp2p host with bitswap and the
// DHT, and the HTTP gateway. It reads public blocks only; nothing in it can
// reach a private one, so no request of a stranger can either.
type host struct {
	p2p  p2phost.Host // nil without listen addresses, and then so are swap and dht
	swap *bitswap.Bitswap
	dht  *dht.IpfsDHT // nil when off

	keep     keeper
	metrics  hostMetrics
	restorer *restorer
	names    *names
	gateway  *gatewayServer

	closed   sync.Once
	closeErr error
}

// openHost starts everything of the node that listens, and the gateway.
func (n *Node) openHost(ctx context.Context) error {
	h, err := newHost(ctx, n.cfg, n.publicBlocks(), func(ctx context.Context, c cid.Cid) bool {
		_, ok := n.HasBlock(ctx, c)
		return ok
	})
	if err != nil {
		return err
	}
	n.host = h
	return nil
}

// closeHost returns once nothing of the host uses the store any more. It may
// be called on a node whose openHost failed, and twice.
func (n *Node) closeHost() error {
	if n.host == nil {
		return nil
	}
	return n.host.close()
}

// newHost makes a host on blocks, which holds the public blocks only. local
// says whether a block is in the store at all.
func newHost(ctx context.Context, cfg Config, blocks blockstore.Blockstore, local func(context.Context, cid.Cid) bool) (*host, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	mode, on, err := dhtMode(cfg.DHT)
	if err != nil {
		return nil, err
	}
	keep, err := bootstrapPeers(cfg.Bootstrap)
	if err != nil {
		return nil, err
	}
	h := &host{restorer: newRestorer(cfg, local)}
	if h.names, err = newNames(cfg, h.values); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if h.gateway, err = newGateway(cfg, blocks, h.names, h.restorer); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if len(cfg.ListenAddrs) == 0 {
		if on || len(keep) > 0 {
			return nil, fmt.Errorf("a DHT or bootstrap peers: %w", ErrNoHost)
		}
		return h, nil
	}
	if err := h.listen(cfg, mode, on, keep); err != nil {
		return nil, errors.Join(err, h.close())
	}
	// The exchange outlives Open; close ends it.
	h.swap = newBitswap(context.WithoutCancel(ctx), h.p2p, h.dht, blocks)
	h.metrics.register(cfg.Metrics, h)
	h.keep.start(h.p2p, keep, cfg.Log)
	if h.dht != nil {
		if err := h.dht.Bootstrap(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("bootstrap DHT: %w", err), h.close())
		}
	}
	cfg.Log.InfoContext(ctx, "libp2p host listens", "peer", h.p2p.ID().String(), "addrs", h.addrs())
	return h, nil
}

// listen starts the libp2p host, and the DHT as its peer routing.
func (h *host) listen(cfg Config, mode dht.ModeOpt, on bool, bootstrap []peer.AddrInfo) error {
	key, err := identity(cfg.Dir)
	if err != nil {
		return fmt.Errorf("libp2p identity: %w", err)
	}
	conns, err := connmgr.NewConnManager(lowConns, highConns, connmgr.WithGracePeriod(connGrace))
	if err != nil {
		return err
	}
	metrics := libp2p.DisableMetrics()
	if cfg.Metrics != nil {
		metrics = libp2p.PrometheusRegisterer(cfg.Metrics)
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.UserAgent("whypfs"),
		libp2p.ListenAddrStrings(cfg.ListenAddrs...),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ConnectionManager(conns),
		libp2p.DisableRelay(),
		// Nobody is asked whether we can be reached: the operator says so by
		// the listen addresses.
		libp2p.ForceReachabilityPublic(),
		metrics,
	}
	if on {
		opts = append(opts, libp2p.Routing(func(p p2phost.Host) (routing.PeerRouting, error) {
			h.dht, err = dht.New(p, dht.Mode(mode), dht.BootstrapPeers(bootstrap...))
			return h.dht, err
		}))
	}
	if h.p2p, err = libp2p.New(opts...); err != nil {
		h.p2p = nil
		return fmt.Errorf("libp2p host: %w", err)
	}
	return nil
}

// close stops all, the users of a part before the part.
func (h *host) close() error {
	h.closed.Do(func() {
		h.restorer.close()
		h.keep.stop()
		h.metrics.unregister()
		var errs []error
		if h.swap != nil {
			errs = append(errs, h.swap.Close())
		}
		if h.dht != nil {
			errs = append(errs, h.dht.Close())
		}
		if h.p2p != nil {
			errs = append(errs, h.p2p.Close())
		}
		h.closeErr = errors.Join(errs...)
	})
	return h.closeErr
}

// values is the DHT as a store of IPNS records, nil when it is off.
func (h *host) values() routing.ValueStore {
	if h.dht == nil {
		return nil
	}
	return h.dht
}

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

// bootstrapPeers parses multiaddrs with /p2p/, joining those of one peer.
func bootstrapPeers(addrs []string) ([]peer.AddrInfo, error) {
	var mas []multiaddr.Multiaddr
	for _, s := range addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("bootstrap peer %q: %w", s, err)
		}
		if _, err := peer.AddrInfoFromP2pAddr(a); err != nil {
			return nil, fmt.Errorf("bootstrap peer %q: %w", s, err)
		}
		mas = append(mas, a)
	}
	return peer.AddrInfosFromP2pAddrs(mas...)
}
