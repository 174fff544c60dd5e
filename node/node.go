package node

import (
	"context"
	"errors"
	"log/slog"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	// ErrNotFound says that a block is not in the local store and could not be restored.
	ErrNotFound = errors.New("block not found")
	// ErrFull says that the disk has no room for more blocks.
	ErrFull = errors.New("disk is full")
	// ErrDamaged says that a stored block no longer has its hash.
	ErrDamaged = errors.New("block is damaged")
)

// Config of a node. Dir is required; the rest works as its zero value.
type Config struct {
	Dir         string   // blocks and the libp2p identity live here
	ListenAddrs []string // libp2p multiaddrs; none: no host, no bitswap
	Bootstrap   []string // multiaddrs with /p2p/ of peers to keep connections to
	DHT         string   // "off" (default), "client" or "server"

	SegmentSize int64 // bytes after which a segment is sealed; default 512 MiB

	// Restore brings the blocks of the DAG under root back into the store. It
	// is called once per read that misses a block; nil, or ErrNotFound from it,
	// means that the miss stands.
	Restore func(ctx context.Context, root cid.Cid) error

	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Node is WhyPFS Core: blocks, DAGs, host and gateway.
type Node struct {
	cfg  Config
	host *host // nil without Config.ListenAddrs
}

// Open opens the block store in cfg.Dir, rebuilding what a crash left behind, and starts the host.
func Open(ctx context.Context, cfg Config) (*Node, error) { panic("unwritten") }

// Close stops the host and syncs and closes the store.
func (n *Node) Close() error { panic("unwritten") }
