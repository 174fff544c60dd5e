package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
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
)

// ErrNoHost says that the node has no listen addresses, so it has no libp2p host.
var ErrNoHost = errors.New("node has no libp2p host")

// connGrace is how long a new connection is not trimmed.
const connGrace = 30 * time.Second

// host is what a node shows to others: the libp2p host with bitswap and the
// DHT, and the HTTP gateway. It reads public blocks only; nothing in it can
// reach a private one, so no request of a stranger can either.
type host struct {
	p2p  p2phost.Host // nil without listen addresses, and then so are swap and dht
	swap *bitswap.Bitswap
	dht  *dht.IpfsDHT // nil when off
	find finders      // who is asked who has a block; empty: nobody

	keep     keeper
	join     *joiner
	backups  *backups
	announce *announcer // nil without a DHT
	metrics  hostMetrics
	restorer *restorer
	fetcher  *gatewayFetcher // nil unless the gateway fetches
	names    *names
	keyring  *keyring
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
	plan, err := planHost(cfg)
	if err != nil {
		return nil, err
	}
	h := &host{restorer: newRestorer(cfg, local)}
	if h.names, err = newNames(cfg, h.values); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	h.keyring = &keyring{dir: cfg.Dir, names: h.names, log: cfg.Log, told: map[string]time.Time{}}
	routes, err := newRouting(cfg, h, blocks)
	if err != nil {
		return nil, fmt.Errorf("delegated routing: %w", err)
	}
	swap := func() exchange.SessionExchange { return h.swap } // it comes later
	if h.fetcher, err = newGatewayFetcher(cfg, blocks, local, swap); err != nil {
		return nil, err
	}
	if h.gateway, err = newGateway(cfg, blocks, h.names, h.restorer, h.fetcher, routes); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if len(cfg.ListenAddrs) == 0 {
		h.keyring.start(ctx)
		return h, nil
	}
	if err := h.start(ctx, cfg, plan, blocks); err != nil {
		return nil, errors.Join(err, h.close())
	}
	h.keyring.start(ctx)
	cfg.Log.InfoContext(ctx, "libp2p host listens", "peer", h.p2p.ID().String(), "addrs", h.addrs())
	return h, nil
}

// start starts the libp2p host and what runs on it.
func (h *host) start(ctx context.Context, cfg Config, plan hostPlan, blocks blockstore.Blockstore) error {
	backups, err := openBackups(cfg.Dir, cfg.Log)
	if err != nil {
		return err
	}
	// The DHT asks for these when its table is empty.
	known := func() []peer.AddrInfo { return slices.Concat(plan.bootstrap, plan.peering, backups.list()) }
	if err := h.listen(cfg, plan, known); err != nil {
		return err
	}
	// The exchange outlives Open; close ends it.
	h.swap = newBitswap(context.WithoutCancel(ctx), h.p2p, h.discovery(plan.routers), blocks, plan.limits)
	if err := backups.start(h.p2p, slices.Concat(plan.bootstrap, plan.peering)); err != nil {
		return err
	}
	h.backups = backups
	if err := h.keep.start(h.p2p, cfg.Dir, plan.peering, cfg.Log); err != nil {
		return err
	}
	h.join = startJoiner(h.p2p, plan.bootstrap, backups, cfg.Log)
	if h.dht != nil {
		if err := h.dht.Bootstrap(ctx); err != nil {
			return fmt.Errorf("bootstrap DHT: %w", err)
		}
	}
	if h.dht != nil && plan.announce {
		if h.announce, err = newAnnouncer(cfg.Dir, h.dht, plan.announceAll, cfg.Log); err != nil {
			return fmt.Errorf("announcer: %w", err)
		}
	}
	h.metrics.register(cfg.Metrics, h) // it reads all of the above
	return nil
}

// listen starts the libp2p host, and the DHT as its peer routing.
func (h *host) listen(cfg Config, plan hostPlan, known func() []peer.AddrInfo) error {
	key, err := identity(cfg.Dir)
	if err != nil {
		return fmt.Errorf("libp2p identity: %w", err)
	}
	conns, err := connmgr.NewConnManager(plan.limits.LowConns, plan.limits.HighConns, connmgr.WithGracePeriod(connGrace))
	if err != nil {
		return err
	}
	resources, err := plan.limits.manager(cfg.Metrics != nil)
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
		libp2p.ResourceManager(resources),
		libp2p.DisableRelay(),
		// Nobody is asked whether we can be reached: the operator says so by
		// the listen addresses.
		libp2p.ForceReachabilityPublic(),
		metrics,
	}
	if plan.dht {
		opts = append(opts, libp2p.Routing(func(p p2phost.Host) (routing.PeerRouting, error) {
			h.dht, err = dht.New(p, dht.Mode(plan.mode), dht.BootstrapPeersFunc(known))
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
		h.keyring.close()
		h.restorer.close()
		errs := []error{h.announce.close()}
		h.keep.close()
		h.join.stop()
		h.backups.stop()
		h.metrics.unregister()
		if h.fetcher != nil {
			h.fetcher.metrics.mine.unregister()
		}
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

// discovery is who bitswap asks who has a block: the DHT and routers, nil if there is neither.
func (h *host) discovery(routers finders) routing.ContentDiscovery {
	if h.find = routers; h.dht != nil {
		h.find = append(finders{h.dht}, routers...)
	}
	if len(h.find) == 0 {
		return nil
	}
	return h.find
}

// values is the DHT as a store of IPNS records, nil when it is off.
func (h *host) values() routing.ValueStore {
	if h.dht == nil {
		return nil
	}
	return h.dht
}
