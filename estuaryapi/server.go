package estuaryapi

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/explain"
	"github.com/whypfs/whypfs/node"
)

// Options of the V1 API.
type Options struct {
	PublicURL string // base URL of this API as clients reach it; "": from the request
	Version   string // for X-AppVersion
	// Idle is how long an upload may send nothing before it is cut; default
	// 1 min. Its lease would hold up the sweep for as long.
	Idle time.Duration
	Log  *slog.Logger
}

// server holds what the handlers work on.
type server struct {
	buckets   *buckets.Buckets
	deals     *deals.Deals
	accounts  *accounts.Accounts
	node      *node.Node
	gateway   http.Handler
	explainer *explain.Explainer
	opt       Options
	log       *slog.Logger
}

// caller is who sent a request, as far as its token tells; the zero value is nobody.
type caller struct {
	user  accounts.User
	token accounts.Token
}

// handler answers one route. It writes a whole answer or returns an error,
// never both.
type handler func(w http.ResponseWriter, r *http.Request, who caller) error

// route is a line of the table of routes; level 0 needs no token.
type route struct {
	method, path string
	level        accounts.Level
	handle       handler
}

func (s *server) routes() []route {
	const upload, user = accounts.LevelUpload, accounts.LevelUser
	return []route{
		{"GET", "/health", 0, s.health},
		{"GET", "/viewer", upload, s.viewer},
		{"POST", "/content/add", upload, s.addContent},
		{"POST", "/put", upload, s.addContent},
		{"GET", "/content/contents", user, s.listContents},
		{"GET", "/content/status/{id}", user, s.contentStatus},
		{"GET", "/content/proof/{id}", user, s.contentProof},
		{"GET", "/content/explain/{id}", user, s.explainContent},
		{"GET", "/content/staging-zones", user, s.listZones},
		{"GET", "/content/staging-zones/{zone}", user, s.showZone},
		{"GET", "/content/staging-zones/{zone}/contents", user, s.zoneContents},
		{"GET", "/content/{id}", user, s.showContent},
	}
}

// New returns Estuary V1's API.
func New(b *buckets.Buckets, d *deals.Deals, a *accounts.Accounts, n *node.Node, opt Options) http.Handler {
	s := &server{buckets: b, deals: d, accounts: a, node: n, gateway: n.PathGateway(), explainer: explain.New(b, d), opt: opt, log: opt.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opt.Idle <= 0 {
		s.opt.Idle = time.Minute
	}
	mux := http.NewServeMux()
	methods := map[string]map[string]http.Handler{}
	for _, rt := range s.routes() {
		if methods[rt.path] == nil {
			methods[rt.path] = map[string]http.Handler{}
		}
		methods[rt.path][rt.method] = s.wrap(rt)
	}
	for path, byMethod := range methods {
		mux.Handle(path, s.byMethod(byMethod))
	}
	// Below a group whose routes need a token, V1 asks for one before it says that there is no such route.
	below := s.wrap(route{level: accounts.LevelUpload, handle: noRoute})
	mux.Handle("/content", below)
	mux.Handle("/content/", below)
	mux.Handle("/", s.fail(errNoRoute))
	return s.common(mux)
}

func noRoute(http.ResponseWriter, *http.Request, caller) error { return errNoRoute }

func (s *server) health(w http.ResponseWriter, _ *http.Request, _ caller) error {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

// baseURL is the URL of this API as the client sees it.
func (s *server) baseURL(r *http.Request) string {
	if s.opt.PublicURL != "" {
		return strings.TrimRight(s.opt.PublicURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
