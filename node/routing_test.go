package node

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/routing/http/client"
	"github.com/ipfs/boxo/routing/http/types"
	"github.com/ipfs/boxo/routing/http/types/iter"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// ask sends a request to the gateway address of h.
func ask(t *testing.T, h *host, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Host = "localhost:8080"
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	w := httptest.NewRecorder()
	h.gateway.ServeHTTP(w, req)
	return w
}

type answer struct{ Providers, Peers []types.PeerRecord }

func decode(t *testing.T, w *httptest.ResponseRecorder) (a answer) {
	t.Helper()
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return a
}

func TestRoutingProviders(t *testing.T) {
	b, elsewhere := rawBlock("here"), rawBlock("private, or nowhere")
	h := newTestHost(t, Config{ListenAddrs: []string{loopback}, Routing: RoutingConfig{GatewayURL: "https://gw.example.com"}}, newMemBlocks(b))
	url := routingPath + "providers/" + b.Cid().String()
	here := decode(t, ask(t, h, "GET", url, ""))
	if len(here.Providers) != 2 {
		t.Fatalf("providers = %v, want bitswap and gateway", here.Providers)
	}
	for i, want := range []struct{ protocol, addr string }{
		{"transport-bitswap", h.p2p.Addrs()[0].String()},
		{"transport-ipfs-gateway-http", "/dns/gw.example.com/tcp/443/https"},
	} {
		p := here.Providers[i]
		if *p.ID != h.p2p.ID() || p.Protocols[0] != want.protocol || len(p.Addrs) != 1 || p.Addrs[0].String() != want.addr {
			t.Errorf("provider %d = %v, want %v", i, p, want)
		}
	}
	// IPIP-484: clients say what they can use.
	for query, want := range map[string]int{
		"?filter-protocols=transport-bitswap":              1,
		"?filter-protocols=transport-ipfs-gateway-http":    1,
		"?filter-protocols=transport-graphsync":            0,
		"?filter-addrs=https":                              1,
		"?filter-addrs=tcp,!https":                         1,
		"?filter-addrs=webtransport":                       0,
		"?filter-protocols=unknown,transport-bitswap":      1,
		"?filter-addrs=quic-v1&filter-protocols=transport": 0,
	} {
		if got := decode(t, ask(t, h, "GET", url+query, "")); len(got.Providers) != want {
			t.Errorf("%s: %v, want %d", query, got.Providers, want)
		}
	}
	lines := ask(t, h, "GET", url, "", "Accept", "application/x-ndjson")
	if got := strings.Count(strings.TrimSpace(lines.Body.String()), "\n") + 1; got != 2 || lines.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("NDJSON: %d lines of %s", got, lines.Header().Get("Content-Type"))
	}
	// What is not public here is an empty list, wherever it is.
	nowhere := ask(t, h, "GET", routingPath+"providers/"+elsewhere.Cid().String(), "")
	if got := decode(t, nowhere); len(got.Providers) != 0 {
		t.Errorf("providers of what is not here = %v", got.Providers)
	}
	if nowhere.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Error("a web page cannot read the answer")
	}
}

func TestRoutingPeers(t *testing.T) {
	h, other := newLoopbackHost(t, newMemBlocks()), newLoopbackHost(t, newMemBlocks())
	connect(t, h, other)
	self := decode(t, ask(t, h, "GET", routingPath+"peers/"+h.p2p.ID().String(), ""))
	if len(self.Peers) != 1 || *self.Peers[0].ID != h.p2p.ID() || len(self.Peers[0].Addrs) != 1 {
		t.Errorf("the node itself = %v", self.Peers)
	}
	// Whom the node is connected to is not for strangers.
	if got := decode(t, ask(t, h, "GET", routingPath+"peers/"+other.p2p.ID().String(), "")); len(got.Peers) != 0 {
		t.Errorf("another peer = %v", got.Peers)
	}
}

func TestRoutingRefuses(t *testing.T) {
	b := rawBlock("here")
	h := newTestHost(t, Config{ListenAddrs: []string{loopback}}, newMemBlocks(b))
	for _, tt := range []struct {
		method, path string
		want         int
		headers      []string
	}{
		{"PUT", "providers/", 405, nil}, // IPIP-526, which was withdrawn
		{"POST", "providers/" + b.Cid().String(), 405, nil},
		{"PUT", "ipns/" + newSigner(t).name.String(), 405, nil},
		{"GET", "dht/closest/peers/" + b.Cid().String(), 501, nil},
		{"GET", "providers/none", 400, nil},
		{"GET", "peers/none", 400, nil},
		{"GET", "ipns/" + b.Cid().String(), 400, nil},
		{"GET", "unknown", 404, nil},
		{"OPTIONS", "providers/" + b.Cid().String(), 204, nil},
		// A path inside content is the content's.
		{"GET", "providers/" + b.Cid().String(), 404, []string{"Host", b.Cid().String() + ".ipfs.localhost:8080"}},
	} {
		w := ask(t, h, tt.method, routingPath+tt.path, "", tt.headers...)
		if w.Code != tt.want {
			t.Errorf("%s %s %v = %d %s, want %d", tt.method, tt.path, tt.headers, w.Code, w.Body, tt.want)
		}
	}
}

func TestRoutingNames(t *testing.T) {
	h := newTestHost(t, Config{Routing: RoutingConfig{Put: true}}, newMemBlocks())
	s, other := newSigner(t), newSigner(t)
	target := "/ipfs/" + rawBlock("x").Cid().String()
	old, rec := s.sign(target, 1, time.Hour), s.sign(target, 2, time.Hour)
	url := routingPath + "ipns/" + s.name.String()
	put := func(body []byte, kind string) int {
		return ask(t, h, "PUT", url, string(body), "Content-Type", kind).Code
	}
	const kind = "application/vnd.ipfs.ipns-record"
	if w := ask(t, h, "GET", url, ""); w.Code != 200 || w.Header().Get("Content-Type") == kind { // IPIP-513
		t.Errorf("an unknown name = %d %v", w.Code, w.Header())
	}
	for _, tt := range []struct {
		name string
		body []byte
		kind string
		want int
	}{
		{"another's record", other.sign(target, 1, time.Hour), kind, 400},
		{"expired", s.sign(target, 3, -time.Hour), kind, 400},
		{"no record", []byte("x"), kind, 400},
		{"too long", append(bytes.Clone(rec), make([]byte, maxRecord)...), kind, 400},
		{"another type", rec, "text/plain", 406},
		{"good", rec, kind, 200},
		{"the same again", rec, kind, 200},
		{"older", old, kind, 409},
	} {
		if got := put(tt.body, tt.kind); got != tt.want {
			t.Errorf("PUT of %s = %d, want %d", tt.name, got, tt.want)
		}
	}
	if w := ask(t, h, "GET", url, ""); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), rec) || w.Header().Get("Content-Type") != kind {
		t.Errorf("GET = %d, %d bytes of %s", w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
	}
}

// A node without libp2p is found through its gateway.
func TestRoutingWithoutHost(t *testing.T) {
	b := rawBlock("here")
	h := newTestHost(t, Config{Dir: t.TempDir(), Routing: RoutingConfig{GatewayURL: "http://127.0.0.1:8080"}}, newMemBlocks(b))
	got := decode(t, ask(t, h, "GET", routingPath+"providers/"+b.Cid().String(), ""))
	if len(got.Providers) != 1 || got.Providers[0].Addrs[0].String() != "/ip4/127.0.0.1/tcp/8080/http" {
		t.Errorf("providers = %v", got.Providers)
	}
	for _, bad := range []string{"gw.example.com", "ftp://gw.example.com", "https://gw.example.com/path", "https://"} {
		if h, err := newHost(t.Context(), Config{Dir: t.TempDir(), Routing: RoutingConfig{GatewayURL: bad}}, newMemBlocks(), nil); err == nil {
			h.close()
			t.Errorf("gateway URL %q: no error", bad)
		}
	}
}

// With the DHT behind it, the API tells of others too, to a client of the
// specification.
func TestRoutingAsksTheDHT(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	b := rawBlock("with another")
	server := newTestHost(t, Config{ListenAddrs: []string{loopback}, DHT: "server"}, newMemBlocks())
	has := newTestHost(t, Config{ListenAddrs: []string{loopback}, DHT: "client", Bootstrap: server.addrs()}, newMemBlocks(b))
	asks := newTestHost(t, Config{ListenAddrs: []string{loopback}, DHT: "client", Bootstrap: server.addrs(), Routing: RoutingConfig{DHT: true}}, newMemBlocks())
	for _, h := range []*host{has, asks} {
		awaitConnected(t, h, server.p2p.ID(), network.Connected)
		await(t, "a peer in the routing table", func() bool { return h.dht.RoutingTable().Size() > 0 })
	}
	if err := has.dht.Provide(ctx, b.Cid(), true); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(asks.gateway.paths())
	defer srv.Close()
	cl, err := client.New(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	var found []types.Record
	await(t, "a provider", func() bool {
		it, err := cl.FindProviders(ctx, b.Cid())
		if err != nil {
			t.Fatal(err)
		}
		found, err = iter.ReadAllResults(it)
		if err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	})
	if p, ok := found[0].(*types.PeerRecord); len(found) != 1 || !ok || *p.ID != has.p2p.ID() {
		t.Errorf("providers = %v, want %s", found, has.p2p.ID())
	}
	if got := peersOf(t, srv.URL+routingPath+"peers/"+has.p2p.ID().String()); len(got) != 1 || got[0] != has.p2p.ID() {
		t.Errorf("peer = %v", got)
	}
	if got := peersOf(t, srv.URL+routingPath+"dht/closest/peers/"+b.Cid().String()); len(got) == 0 {
		t.Error("nobody is close to a key")
	}
	// Lookups that ended hold no place: as many as fit at once are not refused.
	for range 2 * maxLookups {
		if w := ask(t, asks, "GET", routingPath+"peers/"+has.p2p.ID().String(), ""); w.Code != 200 {
			t.Fatalf("a later lookup = %d %s", w.Code, w.Body)
		}
		if w := ask(t, asks, "GET", routingPath+"providers/"+b.Cid().String(), ""); w.Code != 200 {
			t.Fatalf("a later lookup = %d %s", w.Code, w.Body)
		}
	}
}

func peersOf(t *testing.T, url string) (ids []peer.ID) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("GET %s: %d %s, %v", url, res.StatusCode, data, err)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	for _, p := range a.Peers {
		ids = append(ids, *p.ID)
	}
	return ids
}
