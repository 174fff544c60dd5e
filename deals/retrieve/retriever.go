package retrieve

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/keylock"
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
	web    *http.Client

	restoring keylock.Lock // by content
	sources   sources
}

// New returns a retriever that puts into n what stands in pieces, out of what
// from knows.
func New(n *node.Node, pieces *piece.Pieces, from Holders, opt Options) *Retriever {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Retriever{node: n, pieces: pieces, from: from, log: opt.Log, met: newMetrics(opt.Metrics), web: newWebClient()}
}
