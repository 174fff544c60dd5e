package estuaryapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/node"
)

// Options of the V1 API.
type Options struct {
	PublicURL string // base URL of this API as clients reach it; "": from the request
	Version   string // for X-AppVersion
	Log       *slog.Logger
}

// server holds what the handlers work on.
type server struct {
	buckets  *buckets.Buckets
	deals    *deals.Deals
	accounts *accounts.Accounts
	node     *node.Node
	gateway  http.Handler
	opt      Options
	log      *slog.Logger
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
		{"GET", "/content/staging-zones", user, s.listZones},
		{"GET", "/content/staging-zones/{zone}", user, s.showZone},
		{"GET", "/content/staging-zones/{zone}/contents", user, s.zoneContents},
		{"GET", "/content/{id}", user, s.showContent},
	}
}

// New returns Estuary V1's API.
func New(b *buckets.Buckets, d *deals.Deals, a *accounts.Accounts, n *node.Node, opt Options) http.Handler {
	s := &server{buckets: b, deals: d, accounts: a, node: n, gateway: n.Gateway(), opt: opt, log: opt.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
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
	mux.Handle("/content/", s.wrap(route{level: accounts.LevelUpload, handle: noRoute}))
	mux.Handle("/", s.fail(errNoRoute))
	return s.common(mux)
}

func noRoute(http.ResponseWriter, *http.Request, caller) error { return errNoRoute }

// common does what holds for every request: headers, CORS, trailing slashes, the gateway's paths.
func (s *server) common(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-AppVersion", s.opt.Version)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		switch {
		case r.Method == http.MethodOptions:
			w.Header().Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
			w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			w.WriteHeader(http.StatusNoContent)
		case strings.HasPrefix(r.URL.Path, "/gw/"):
			s.serveGateway(w, r)
		case len(r.URL.Path) > 1 && strings.HasSuffix(r.URL.Path, "/"):
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = strings.TrimRight(r.URL.Path, "/"), ""
			mux.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// wrap authorises a route's requests, recovers from nothing, and maps errors.
func (s *server) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := s.authorise(r, rt.level)
		if err == nil {
			err = rt.handle(w, r, who)
		}
		if err != nil {
			s.writeError(w, r, err)
		}
	})
}

// byMethod answers a wrong method in V1's shape, which ServeMux's own 405 has not.
func (s *server) byMethod(handlers map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := handlers[r.Method]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		s.writeError(w, r, errMethod)
	})
}

func (s *server) fail(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.writeError(w, r, err) })
}

func (s *server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to read the answer
	}
	e := asError(err)
	if e.Code >= 500 {
		s.log.ErrorContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	writeJSON(w, e.Code, map[string]apiError{"error": e})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	// The status is out: an error here can only be the client's connection.
	_ = json.NewEncoder(w).Encode(v)
}

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
