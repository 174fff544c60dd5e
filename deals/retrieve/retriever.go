package retrieve

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/node"
)

// ErrNoReplica says that no provider could give verified bytes back; it is wrapped with each one's reason.
var ErrNoReplica = errors.New("no provider returned the data")

// Holders knows who holds pieces, and where they serve.
type Holders interface {
	// Holders lists the providers that should be able to give a piece back,
	// the likeliest first.
	Holders(ctx context.Context, piece string) ([]string, error)
	// Transports asks a provider for the base URLs under which it serves.
	Transports(ctx context.Context, provider string) ([]string, error)
}

// Options of a Retriever.
type Options struct {
	// InFlight bounds the bytes that are asked for at once; default 256 MiB.
	InFlight int64
	// PerProvider bounds the requests under way at one provider for which no
	// reader waits. 0: no bound.
	PerProvider int
	// Public says whether other nodes of IPFS may be asked for what is under a
	// root, which tells them of it. nil: never.
	Public  func(ctx context.Context, root cid.Cid) bool
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// A Retriever brings blocks back from providers. It is safe for concurrent use.
type Retriever struct {
	node   *node.Node
	pieces *piece.Pieces
	from   Holders
	log    *slog.Logger
	met    *metrics
	public func(context.Context, cid.Cid) bool // nil: nothing is
	web    *http.Client

	gate        gate
	sources     sources
	perProvider int

	mu      sync.Mutex
	recalls map[recallKey]*Recall // guarded by mu; those that somebody has
}

// New returns a retriever that puts into n what stands in pieces, out of what
// from knows.
func New(n *node.Node, pieces *piece.Pieces, from Holders, opt Options) *Retriever {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.InFlight <= 0 {
		opt.InFlight = 256 << 20
	}
	return &Retriever{gate: gate{limit: opt.InFlight}, node: n, pieces: pieces, from: from, perProvider: opt.PerProvider, public: opt.Public, log: opt.Log, met: newMetrics(opt.Metrics), web: newWebClient()}
}
