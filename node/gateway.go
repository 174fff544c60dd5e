package node

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/gateway"
	"github.com/prometheus/client_golang/prometheus"
)

// Gateway serves GET and HEAD of public local content as the IPFS gateway
// specifications say: files with ranges, directories, TARs, raw blocks, CARs,
// IPNS records; by path (/ipfs/{cid}, /ipns/{name}), by subdomain on
// GatewayConfig.Domains and localhost, and by Host for domains whose DNSLink is
// known. It fetches from other nodes only if GatewayConfig.Fetch says so.
//
// Beside content it serves the delegated routing API, /routing/v1/, as far as
// RoutingConfig says.
//
// On a miss it calls Config.Restore, once per request for each root that may
// hold the block, unless the block is here but private, or Config.Published
// says no. While that takes longer the answer is 503 with Retry-After, and the
// restore goes on.
func (n *Node) Gateway() http.Handler { return n.host.gateway }

// PathGateway is Gateway for an address that also serves something else: it
// knows paths only, whatever the Host.
func (n *Node) PathGateway() http.Handler { return n.host.gateway.paths() }

// gatewayServer is the gateway's HTTP side.
type gatewayServer struct {
	byHost http.Handler // looks at the Host, then does as byPath
	byPath http.Handler
	routes http.Handler // paths under routingPath
	hosts  map[string]*gateway.PublicGateway
}

// newGateway makes the handler over blocks, which holds the public blocks only.
func newGateway(cfg Config, blocks blockstore.Blockstore, names *names, restore *restorer, fetch *gatewayFetcher, routes http.Handler) (*gatewayServer, error) {
	limits, err := cfg.Gateway.check()
	if err != nil {
		return nil, err
	}
	system, err := names.system()
	if err != nil {
		return nil, err
	}
	leaves := gatewayBlocks{blocks, restore, fetch, cfg.Log}
	own := blockstore.NewIdStore(leaves)
	// What is missing is brought by leaves, or is missing: there is no exchange.
	inner, err := gateway.NewBlocksBackend(blockservice.New(own, nil), gateway.WithNameSystem(system), gateway.WithValueStore(names))
	if err != nil {
		return nil, err
	}
	backend := gatewayBackend{inner, own, leaves, new(sync.Pool)}
	metrics := cfg.Metrics
	if metrics == nil {
		// A nil registerer would mean the process-wide default one.
		metrics = prometheus.NewRegistry()
	}
	config := gateway.Config{
		DeserializedResponses: true,
		DeprecatedXIpfsPath:   true,
		PublicGateways:        limits.hosts(),
		// Without names there is nothing to look a Host up in.
		NoDNSLink: !names.domains(),
		// boxo's error page sends the reader to other hosts.
		DisableHTMLErrors:           true,
		MaxConcurrentRequests:       limits.MaxRequests,
		MaxRequestDuration:          limits.MaxDuration,
		MaxDeserializedResponseSize: limits.MaxSize,
		// There is no RetrievalTimeout because nothing is retrieved here. It
		// would count a slow reader as a stalled retrieval, and end the body
		// with a message inside it.
		RetrievalTimeout: 0,
		MetricsRegistry:  metrics,
	}
	handler := gateway.NewHandler(config, backend)
	byPath := onlyContent(gateway.NewHeaders(nil).WithDeprecatedXIpfsPath().ApplyCors().Wrap(handler))
	return &gatewayServer{
		byHost: gateway.NewHostnameHandler(config, backend, byPath),
		byPath: byPath,
		routes: routes,
		hosts:  config.PublicGateways,
	}, nil
}

// onlyContent passes paths of /ipfs/ and /ipns/ on. There is no ServeMux in
// front: it redirects paths that it would write differently, and names inside
// a DAG are not ours to tidy.
func onlyContent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/ipfs/") && !strings.HasPrefix(r.URL.Path, "/ipns/") {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g *gatewayServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		g.connect(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, routingPath) && !g.isOrigin(r) {
		g.routes.ServeHTTP(w, r)
		return
	}
	serveVisit(g.byHost, w, r)
}

func (g *gatewayServer) paths() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, routingPath) {
			g.routes.ServeHTTP(w, r)
			return
		}
		serveVisit(g.byPath, w, r)
	})
}

// isOrigin says whether every path of the request's host is one inside some
// content: {cid}.ipfs.{domain}.
func (g *gatewayServer) isOrigin(r *http.Request) bool {
	host := r.Header.Get("X-Forwarded-Host") // as boxo does
	if host == "" {
		host = r.Host
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = canonical(host)
	for domain := range g.hosts {
		if strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// connect lets a client that takes this gateway for an HTTP proxy go on: what
// it then sends to one of our hosts comes over this connection and is served
// like anything else. Nothing is dialled.
func (g *gatewayServer) connect(w http.ResponseWriter, r *http.Request) {
	if here, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && r.Host == here.String() {
		w.WriteHeader(http.StatusOK)
		return
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	host = canonical(host)
	for domain := range g.hosts {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			w.WriteHeader(http.StatusOK)
			return
		}
	}
	http.Error(w, "this gateway is no proxy to other hosts", http.StatusForbidden)
}

// serveVisit serves one request with what it may cost and cause.
func serveVisit(handler http.Handler, w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	v := &visit{ctx: ctx, head: r.Method == http.MethodHead, local: strings.Contains(r.Header.Get("Cache-Control"), "only-if-cached")}
	defer v.end()
	secure := r.TLS != nil
	r = r.WithContext(context.WithValue(ctx, visitKey{}, v))
	r.Header = r.Header.Clone()
	oneRange(r.Header, v)
	if secure {
		// Redirects to subdomains keep the scheme; boxo asks this header.
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	sw := &streamWriter{ResponseWriter: w, visit: v}
	handler.ServeHTTP(sw, r)
	sw.finish()
}
