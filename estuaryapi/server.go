package estuaryapi

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/explain"
	"github.com/whypfs/whypfs/node"
)

// Options of the V1 API.
type Options struct {
	PublicURL string // base URL of this API as clients reach it; "": from the request
	// GatewayURL is the base URL of the IPFS gateway as readers reach it; "": this API serves them.
	GatewayURL string
	UploadOff  bool     // uploads are refused
	UploadURLs []string // where clients are told to upload; nil: here
	Version    string   // for X-AppVersion
	// Idle is how long an upload may send nothing before it is cut; default
	// 1 min. Its lease would hold up the sweep for as long.
	Idle time.Duration
	// Rate is how many requests a second one client address, and one user, may
	// send, and at most at once; 0: as many as they like.
	Rate float64
	// Settings are those of the node, by their names, without secrets.
	Settings map[string]string
	// LogLevel has a part of the node log from a level on; nil: it cannot be told to.
	LogLevel func(part, level string) error
	Log      *slog.Logger
}

// server holds what the handlers work on.
type server struct {
	buckets     *buckets.Buckets
	collections *collections.Collections
	deals       *deals.Deals
	accounts    *accounts.Accounts
	node        *node.Node
	gateway     http.Handler
	explainer   *explain.Explainer
	opt         Options
	log         *slog.Logger
	mux         *http.ServeMux
	groups      []group
	description
	stats     remembered[publicStats]
	lastUsers atomic.Int64 // how many there were last; see userCount
	limits
}

// New returns Estuary V1's API.
func New(b *buckets.Buckets, c *collections.Collections, d *deals.Deals, a *accounts.Accounts, n *node.Node, opt Options) http.Handler {
	s := &server{buckets: b, collections: c, deals: d, accounts: a, node: n, gateway: n.PathGateway(), explainer: explain.New(b, d), opt: opt, log: opt.Log,
		groups: routes(), limits: newLimits(opt.Rate)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opt.Idle <= 0 {
		s.opt.Idle = time.Minute
	}
	s.description = newDescription(s.groups, opt.Version)
	s.mux = s.newMux(s.groups)
	return s.common(s.mux)
}

// baseURL is the URL of this API as the client sees it.
func (s *server) baseURL(r *request) string {
	if s.opt.PublicURL != "" {
		return strings.TrimRight(s.opt.PublicURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
