package web

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/explain"
	"github.com/whypfs/whypfs/internal/aged"
	"github.com/whypfs/whypfs/internal/reqstat"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// Options of the web UI; the zero value works.
type Options struct {
	Version  string
	Requests func() []reqstat.API // the dashboard's rates and latencies; nil: none shown
	// Public says whether callers whom nobody named get into a bucket over S3; nil: no page tells.
	Public func(context.Context, buckets.Bucket) (bool, error)
	S3URL  string // base URL of the S3 API, for hints; "": the request's host, port 9000
	// GatewayURL is the base URL of the IPFS gateway, for links to it; "": none.
	GatewayURL string
	Log        *slog.Logger
}

// server holds what the handlers work on.
type server struct {
	buckets     *buckets.Buckets
	collections *collections.Collections
	deals       *deals.Deals
	accounts    *accounts.Accounts
	node        *node.Node
	queue       *queue.Queue
	explainer   *explain.Explainer
	opt         Options
	log         *slog.Logger

	started time.Time
	pages   map[string]*template.Template
	assets  map[string]asset  // by the name in the URL
	urls    map[string]string // of assets, by file name
	figures figureCache
	chain   aged.Value[chainFigures]
	logins  *limiter
	hashing chan struct{} // held while a password is hashed, which takes much memory
	stops   stops
}

// New returns the pages, to be mounted at /ui/ with a redirect from /.
func New(b *buckets.Buckets, col *collections.Collections, d *deals.Deals, a *accounts.Accounts, n *node.Node, q *queue.Queue, opt Options) http.Handler {
	s := &server{buckets: b, collections: col, deals: d, accounts: a, node: n, queue: q, explainer: explain.New(b, d), opt: opt, log: opt.Log,
		started: time.Now(), logins: newLimiter(), hashing: make(chan struct{}, 2)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.assets, s.urls = loadAssets()
	s.pages = s.loadPages()
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.Handle(rt.pattern, s.wrap(rt))
	}
	return s.guard(mux)
}

// access says who may use a route.
type access int

const (
	user    access = iota // whoever is logged in
	admin                 // admins only
	anybody               // no session needed
	file                  // a part of pages, also of those that say why there is no session: nobody asks whose
)

// route is a line of the table of routes.
type route struct {
	pattern string
	access  access
	handle  handler
}

// Keys travel in the query, because a path cannot carry every key: ServeMux,
// browsers and proxies all rewrite `a//b` and `..`.
func (s *server) routes() []route {
	return []route{
		{"GET /ui/{$}", user, s.dashboard},
		{"GET /ui/live", user, s.live},
		{"GET /ui/login", anybody, s.showLogin},
		{"POST /ui/login", anybody, s.login},
		{"GET /ui/register", anybody, s.showRegister},
		{"POST /ui/register", anybody, s.register},
		{"POST /ui/logout", user, s.logout},
		{"GET /ui/assets/{name}", file, s.serveAsset},

		{"GET /ui/buckets", user, s.listBuckets},
		{"POST /ui/buckets", user, s.createBucket},
		{"GET /ui/buckets/{bucket}", user, s.listObjects},
		{"GET /ui/buckets/{bucket}/delete", user, s.confirmDeleteBucket},
		{"POST /ui/buckets/{bucket}/delete", user, s.deleteBucket},
		{"POST /ui/buckets/{bucket}/tree", user, s.makeTree},
		{"POST /ui/buckets/{bucket}/policy", user, s.setPolicy},
		{"POST /ui/buckets/{bucket}/upload", user, s.uploadForm},
		{"PUT /ui/buckets/{bucket}/object", user, s.uploadRaw},
		{"GET /ui/buckets/{bucket}/object", user, s.showObject},
		{"GET /ui/buckets/{bucket}/explain", user, s.explainObject},
		{"GET /ui/buckets/{bucket}/download", user, s.download},
		{"GET /ui/buckets/{bucket}/proof", user, s.proof},
		{"GET /ui/buckets/{bucket}/remove", user, s.confirmDeleteObject},
		{"POST /ui/buckets/{bucket}/remove", user, s.deleteObject},

		{"GET /ui/collections", user, s.listCollections},
		{"POST /ui/collections", user, s.createCollection},
		{"GET /ui/collections/{collection}", user, s.showCollection},
		{"POST /ui/collections/{collection}/commit", user, s.commitCollection},
		{"GET /ui/collections/{collection}/delete", user, s.confirmDeleteCollection},
		{"POST /ui/collections/{collection}/delete", user, s.deleteCollection},
		{"GET /ui/collections/{collection}/remove", user, s.confirmRemovePath},
		{"POST /ui/collections/{collection}/remove", user, s.removePath},

		{"GET /ui/account", user, s.showAccount},
		{"POST /ui/account/password", user, s.setPassword},
		{"POST /ui/account/address", user, s.setAddress},
		{"GET /ui/account/tokens", user, s.listTokens},
		{"POST /ui/account/tokens", user, s.createToken},
		{"GET /ui/account/tokens/{hash}/revoke", user, s.confirmRevoke},
		{"POST /ui/account/tokens/{hash}/revoke", user, s.revokeToken},
		{"POST /ui/account/sessions", user, s.endSessions},
		{"GET /ui/account/keys", user, s.listKeys},
		{"POST /ui/account/keys", user, s.createKey},
		{"GET /ui/account/keys/{access}/delete", user, s.confirmDeleteKey},
		{"POST /ui/account/keys/{access}/delete", user, s.deleteKey},

		{"GET /ui/pins", user, s.listPins},
		{"POST /ui/pins", user, s.addPin},
		{"GET /ui/pins/{pin}", user, s.showPin},
		{"POST /ui/pins/{pin}/retry", user, s.retryPin},
		{"GET /ui/pins/{pin}/remove", user, s.confirmUnpin},
		{"POST /ui/pins/{pin}/remove", user, s.unpin},

		{"GET /ui/zones", user, s.listZones},
		{"GET /ui/zones/{zone}", user, s.showZone},
		{"POST /ui/zones/{zone}/seal", user, s.sealZone},
		{"GET /ui/deals", user, s.listDeals},
		{"GET /ui/deals/{deal}", user, s.showDeal},
		{"GET /ui/retrievals", user, s.listRetrievals},
		{"POST /ui/retrievals/{retrieval}/cancel", user, s.cancelRetrieval},
		{"GET /ui/providers", admin, s.listProviders},
		{"GET /ui/providers/{provider}", admin, s.showProvider},
		{"GET /ui/jobs", admin, s.listJobs},

		{"GET /ui/users", admin, s.listUsers},
		{"POST /ui/users", admin, s.createUser},
		{"GET /ui/users/{user}", admin, s.showUser},
		{"POST /ui/users/{user}/level", admin, s.onUser("level", changeLevel)},
		{"POST /ui/users/{user}/quota", admin, s.onUser("quota", changeQuota)},
		{"POST /ui/users/{user}/suspend", admin, s.onUser("suspend", suspend)},
		{"POST /ui/users/{user}/unsuspend", admin, s.onUser("unsuspend", unsuspend)},
		{"POST /ui/users/{user}/password", admin, s.onUser("password", replacePassword)},
		{"POST /ui/users/{user}/revoke", admin, s.onUser("revoke", revokeOf)},
		{"POST /ui/users/{user}/keys", admin, s.createKeyOf},
		{"POST /ui/users/{user}/delete-key", admin, s.onUser("key", deleteKeyOf)},
		{"GET /ui/invites", admin, s.listInvites},
		{"POST /ui/invites", admin, s.createInvite},
		{"POST /ui/invites/delete", admin, s.deleteInvite},
		{"GET /ui/audit", admin, s.listAudit},
		{"/ui/", anybody, func(*call) error { return errNoPage }},
	}
}
