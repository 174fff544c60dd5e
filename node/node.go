package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/whypfs/whypfs/node/blocks"
)

var (
	// ErrNotFound says that a block is not in the local store and could not be restored.
	ErrNotFound = blocks.ErrNotFound
	// ErrFull says that the disk has no room for more blocks.
	ErrFull = blocks.ErrFull
	// ErrDamaged says that a stored block no longer has its hash.
	ErrDamaged = blocks.ErrDamaged
)

// Config of a node. Dir is required; the rest works as its zero value.
type Config struct {
	Dir         string   // blocks and the libp2p identity live here
	ListenAddrs []string // libp2p multiaddrs; none: no host, no bitswap
	DHT         string   // "off" (default), "client" or "server"
	// Announce is what the DHT is told of: "roots" (default), "all" blocks, or "none".
	Announce string

	// Both are multiaddrs with /p2p/. Bootstrap peers are dialled while the node
	// has few connections, and after them the peers it was connected to before;
	// connections to Peering are always kept. Without either, and by default,
	// the node dials nobody.
	Bootstrap, Peering []string

	// Routers are URLs of services that speak the delegated routing API
	// (/routing/v1): like the DHT they are asked who has a block that is fetched,
	// and so learn its CID.
	Routers []string

	Limits  Limits // of the libp2p host
	Gateway GatewayConfig
	Routing RoutingConfig

	Blocks      string // driver: Segment or Pebble; empty: the one that Dir has, Segment for a new one
	SegmentSize int64  // bytes after which a segment is sealed; default 512 MiB
	BlockCache  int64  // bytes of memory for large blocks; default a sixteenth of the machine's

	// Restore brings the blocks of the DAG under root back into the store. It
	// is called once per read that misses a block, and for each try to repair
	// one; nil, or ErrNotFound from it, means that the miss stands.
	Restore func(ctx context.Context, root cid.Cid) error

	// Refill begins to bring the DAG under root back block by block, for one who
	// reads it: no read waits for more than it needs. It is asked once per read
	// that misses a block; ErrNotFound means that the miss stands. nil: readers
	// wait for Restore, and so does whoever needs the whole of a DAG anyway.
	Refill func(ctx context.Context, root cid.Cid) (Refill, error)

	// Roots yields every live root. A block that is found damaged by someone who
	// does not know its root, a scrub say, is repaired through the root that
	// reaches it; nil: from peers only.
	Roots func(ctx context.Context, yield func(cid.Cid) error) error

	// Published says whether a root that is not here may be restored for the
	// gateway's readers, who are strangers; nil: any may. To them a root that
	// may not is like one that is nowhere.
	Published func(ctx context.Context, root cid.Cid) bool

	// WhilePublished calls fn, which makes blocks under root public, if root is
	// published, and returns its error; who hides what is under root does so, or
	// does so again, after fn has ended. nil: Published is asked, and a change
	// that comes right after may be missed.
	WhilePublished func(ctx context.Context, root cid.Cid, fn func() error) error

	// Private says whether a root is known, and of private content only; nil:
	// none is. What a gateway that fetches has from others of it is not kept.
	Private func(ctx context.Context, root cid.Cid) bool

	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Node is WhyPFS Core: blocks, DAGs, host and gateway.
type Node struct {
	cfg     Config
	log     *slog.Logger
	store   blocks.Store // what it finds damaged is for the caller to report
	blocks  blocks.Store // the same, which reports it
	repairs *repairer
	scrubs  *scrubMetrics
	host    *host
	shape   shape
	chunks  chunks
	leaves  sync.Pool // of *[]byte
}

// Open opens the block store in cfg.Dir, rebuilding what a crash left behind, and starts the host.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	n := &Node{cfg: cfg, log: cfg.Log, shape: profile}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	var err error
	n.store, err = openBlocks(ctx, cfg)
	if err != nil {
		return nil, err
	}
	n.repairs, n.scrubs = newRepairer(n), newScrubMetrics()
	n.blocks = mendingStore{n.store, func(c cid.Cid) { n.repairs.report(c, cid.Undef, false) }}
	if err := errors.Join(n.repairs.register(cfg.Metrics), n.scrubs.register(cfg.Metrics)); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if err := n.openHost(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Close stops the host and syncs and closes the store.
func (n *Node) Close() error {
	n.repairs.close()
	n.scrubs.unregister(n.cfg.Metrics)
	return errors.Join(n.closeHost(), n.blocks.Close())
}
