package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/routing/http/server"
	"github.com/ipfs/boxo/routing/http/types"
	"github.com/ipfs/boxo/routing/http/types/iter"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
)

// RoutingConfig says what the delegated routing API, which is served beside
// the gateway, tells strangers. The zero value tells of own public content.
type RoutingConfig struct {
	// DHT has the DHT asked for what is not here; it needs a DHT.
	DHT bool
	// Put lets anyone have an IPNS record kept here that its key signed.
	Put bool
	// GatewayURL is where others reach the gateway. With it the gateway is told
	// as a provider of own content, for readers that do not speak bitswap.
	GatewayURL string
}

const (
	routingPath = "/routing/v1/"
	ipnsPath    = routingPath + "ipns/"
	// Strangers have at most this many requests run at once that may ask the DHT.
	maxLookups = 64
)

// router answers the delegated routing API. It sees public blocks only, so a
// private one is like one that is nowhere.
type router struct {
	cfg     RoutingConfig
	h       *host
	blocks  blockstore.Blockstore
	gateway multiaddr.Multiaddr // nil without Config.GatewayURL
	id      peer.ID             // of a node that has a gateway to tell of and no libp2p host
	lookups chan struct{}       // a place for each request that may ask the DHT
}

// newRouting makes the handler of the paths under routingPath.
func newRouting(cfg Config, h *host, blocks blockstore.Blockstore) (http.Handler, error) {
	r := &router{cfg: cfg.Routing, h: h, blocks: blocks, lookups: make(chan struct{}, maxLookups)}
	var err error
	if r.gateway, err = gatewayAddr(cfg.Routing.GatewayURL); err != nil {
		return nil, err
	}
	if r.gateway != nil && len(cfg.ListenAddrs) == 0 {
		// Readers use its address only, but a record is of a peer.
		key, err := identity(cfg.Dir)
		if err == nil {
			r.id, err = peer.IDFromPrivateKey(key)
		}
		if err != nil {
			return nil, fmt.Errorf("identity: %w", err)
		}
	}
	metrics := cfg.Metrics
	if metrics == nil {
		// A nil registerer would mean the process-wide default one.
		metrics = prometheus.NewRegistry()
	}
	return r.serve(server.Handler(r, server.WithPrometheusRegistry(metrics))), nil
}

// gatewayAddr is a URL as libp2p writes it, nil for "".
func gatewayAddr(raw string) (multiaddr.Multiaddr, error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("gateway URL %q: want http(s)://host[:port]", raw)
	}
	port, transport := u.Port(), "/http"
	if u.Scheme == "https" {
		transport = "/https"
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	for _, kind := range []string{"ip4", "ip6", "dns"} {
		if a, err := multiaddr.NewMultiaddr("/" + kind + "/" + u.Hostname() + "/tcp/" + port + transport); err == nil {
			return a, nil
		}
	}
	return nil, fmt.Errorf("gateway URL %q: no host that others could reach", raw)
}

// serve lets through what this node does, and lets any web page ask.
func (r *router) serve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Methods", "GET, PUT, OPTIONS")
		w.Header().Set("Access-Control-Allow-Headers", "Accept, Content-Type, If-None-Match")
		switch {
		case req.Method == http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		case req.Method == http.MethodPut && strings.HasPrefix(req.URL.Path, ipnsPath):
			r.putName(w, req)
		case req.Method != http.MethodGet:
			w.Header().Set("Allow", "GET, OPTIONS")
			http.Error(w, "only GET is served here", http.StatusMethodNotAllowed)
		case strings.HasPrefix(req.URL.Path, routingPath+"dht/") && !r.asks():
			http.Error(w, "this node does not ask the DHT for others", http.StatusNotImplemented)
		case !r.asks():
			next.ServeHTTP(w, req)
		default:
			select {
			case r.lookups <- struct{}{}:
				defer func() { <-r.lookups }()
				next.ServeHTTP(w, req)
			default:
				w.Header().Set("Retry-After", "5")
				http.Error(w, "too many lookups are running", http.StatusServiceUnavailable)
			}
		}
	})
}

// putName keeps a record that the key of its name signed.
func (r *router) putName(w http.ResponseWriter, req *http.Request) {
	if !r.cfg.Put {
		http.Error(w, "this node keeps no IPNS records of others", http.StatusMethodNotAllowed)
		return
	}
	if req.Header.Get("Content-Type") != "application/vnd.ipfs.ipns-record" {
		http.Error(w, "want Content-Type application/vnd.ipfs.ipns-record", http.StatusNotAcceptable)
		return
	}
	name, err := parseName(strings.TrimPrefix(req.URL.Path, ipnsPath))
	if err == nil {
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(req.Body, int64(maxRecord)+1)); err == nil {
			err = r.h.names.records.put(name, data, false)
		}
	}
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.Is(err, ErrBadName), errors.Is(err, ErrBadRecord):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, ErrOldRecord):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, ErrManyRecords):
		http.Error(w, err.Error(), http.StatusInsufficientStorage)
	default:
		http.Error(w, "the record cannot be kept", http.StatusInternalServerError)
	}
}

// asks says whether the DHT is asked for what is not here.
func (r *router) asks() bool { return r.cfg.DHT && r.h.dht != nil }

// self are the records of this node as a provider.
func (r *router) self() (out []types.Record) {
	if r.h.p2p != nil {
		out = append(out, peerRecord(r.h.p2p.ID(), r.h.p2p.Addrs(), "transport-bitswap"))
	}
	if r.gateway == nil {
		return out
	}
	id := r.id
	if r.h.p2p != nil {
		id = r.h.p2p.ID()
	}
	return append(out, peerRecord(id, []multiaddr.Multiaddr{r.gateway}, "transport-ipfs-gateway-http"))
}

func peerRecord(id peer.ID, addrs []multiaddr.Multiaddr, protocols ...string) *types.PeerRecord {
	rec := &types.PeerRecord{Schema: types.SchemaPeer, ID: &id, Addrs: []types.Multiaddr{}, Protocols: protocols}
	for _, a := range addrs {
		rec.Addrs = append(rec.Addrs, types.Multiaddr{Multiaddr: a})
	}
	return rec
}

// FindProviders implements server.DelegatedRouter.
func (r *router) FindProviders(ctx context.Context, c cid.Cid, _ int) (iter.ResultIter[types.Record], error) {
	var own []types.Record
	if has, err := r.blocks.Has(ctx, c); err != nil {
		return nil, errUnreadable
	} else if has {
		own = r.self()
	}
	found := iter.ToResultIter(iter.FromSlice(own))
	if !r.asks() {
		return found, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	others := &providers{ch: r.h.dht.FindProvidersAsync(ctx, c, 0), self: r.h.p2p.ID(), end: cancel}
	return &chain{first: found, then: iter.ToResultIter(others)}, nil
}

// FindPeers implements server.DelegatedRouter.
func (r *router) FindPeers(ctx context.Context, id peer.ID, _ int) (iter.ResultIter[*types.PeerRecord], error) {
	one := func(rec *types.PeerRecord) (iter.ResultIter[*types.PeerRecord], error) {
		return iter.ToResultIter(iter.FromSlice([]*types.PeerRecord{rec})), nil
	}
	if r.h.p2p != nil && id == r.h.p2p.ID() {
		return one(peerRecord(id, r.h.p2p.Addrs(), "transport-bitswap"))
	}
	if !r.asks() {
		return nil, routing.ErrNotFound
	}
	info, err := r.h.dht.FindPeer(ctx, id)
	if err != nil {
		return nil, routing.ErrNotFound
	}
	return one(peerRecord(info.ID, info.Addrs))
}

// GetIPNS implements server.DelegatedRouter.
func (r *router) GetIPNS(ctx context.Context, name ipns.Name) (*ipns.Record, error) {
	var data []byte
	var err error
	if r.asks() {
		data, err = r.h.names.record(ctx, name)
	} else {
		data, err = r.h.names.records.get(name)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, routing.ErrNotFound
	case err != nil:
		return nil, errUnreadable
	}
	return ipns.UnmarshalRecord(data)
}

// GetClosestPeers implements server.DelegatedRouter; serve lets it be called with a DHT only.
func (r *router) GetClosestPeers(ctx context.Context, key cid.Cid) (iter.ResultIter[*types.PeerRecord], error) {
	ids, err := r.h.dht.GetClosestPeers(ctx, string(key.Hash()))
	if err != nil && len(ids) == 0 {
		return nil, routing.ErrNotFound
	}
	var recs []*types.PeerRecord
	for _, id := range ids {
		recs = append(recs, peerRecord(id, r.h.p2p.Peerstore().Addrs(id)))
	}
	return iter.ToResultIter(iter.FromSlice(recs)), nil
}

// PutIPNS implements server.DelegatedRouter; putName does it.
func (r *router) PutIPNS(context.Context, ipns.Name, *ipns.Record) error {
	return routing.ErrNotSupported
}

// ProvideBitswap implements server.DelegatedRouter. Nobody announces for others here.
func (r *router) ProvideBitswap(context.Context, *server.BitswapWriteProvideRequest) (time.Duration, error) {
	return 0, routing.ErrNotSupported
}
