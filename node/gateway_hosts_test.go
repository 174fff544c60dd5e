package node

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

// dirOf makes a UnixFS directory; entries are names and blocks in turn.
func dirOf(t *testing.T, entries ...any) Block {
	t.Helper()
	dir := unixfs.EmptyDirNode()
	if err := dir.SetCidBuilder(cid.NewPrefixV1(cid.DagProtobuf, multihash.SHA2_256)); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(entries); i += 2 {
		b := entries[i+1].(Block)
		if err := dir.AddRawLink(entries[i].(string), &format.Link{Size: uint64(len(b.Data)), Cid: b.Cid}); err != nil {
			t.Fatal(err)
		}
	}
	return Block{dir.Cid(), dir.RawData()}
}

// A site is a node with a directory, an IPNS name of it and DNSLinks.
type site struct {
	n    *Node
	dir  Block
	name signer
}

func newSite(t *testing.T) site {
	page, text := rawOf(t, "<html>home</html>"), rawOf(t, "a text")
	spa, rules := rawOf(t, "<html>not here</html>"), rawOf(t, "/old /a.txt 301\n/proxy/* /a.txt 200\n/gone/* /404.html 404\n")
	dir := dirOf(t, "404.html", spa, "_redirects", rules, "a.txt", text, "ipfs", dirOf(t, "b.txt", text), "pages", dirOf(t, "index.html", page))
	s := site{dir: dir, name: newSigner(t)}
	s.n = newTestNode(t, Config{Gateway: GatewayConfig{
		Domains: []string{"Gateway.Example."},
		Names: map[string]string{
			"docs.my-site.example": "/ipfs/" + dir.Cid.String(),
			"by-key.example":       "/ipns/" + s.name.name.String(),
			"loop-a.example":       "/ipns/loop-b.example",
			"loop-b.example":       "/ipns/loop-a.example",
		},
	}})
	if err := s.n.PutBlocks(t.Context(), []Block{dir, page, text, spa, rules, dirOf(t, "b.txt", text), dirOf(t, "index.html", page)}, false); err != nil {
		t.Fatal(err)
	}
	if err := s.n.PutNameRecord(t.Context(), s.name.name.String(), s.name.sign("/ipfs/"+dir.Cid.String(), 1, time.Hour)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s site) get(url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.URL.Scheme, r.URL.Host = "", "" // as a server has it
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if strings.HasPrefix(url, "https:") {
		r.TLS = new(tls.ConnectionState)
	}
	w := httptest.NewRecorder()
	s.n.Gateway().ServeHTTP(w, r)
	return w
}

func TestGatewayHosts(t *testing.T) {
	s := newSite(t)
	dir, key := s.dir.Cid.String(), s.name.name.String()
	v0 := cid.NewCidV0(s.dir.Cid.Hash()).String()
	peerID := s.name.name.Peer().String()
	asPB := cid.NewCidV1(cid.DagProtobuf, peer.ToCid(s.name.name.Peer()).Hash()).String()
	for _, tt := range []struct {
		url    string
		status int
		want   string // in the body or, of a redirect, the Location
	}{
		// Paths stay paths where no domain says otherwise.
		{"http://127.0.0.1:8080/ipfs/" + dir + "/a.txt", 200, "a text"},
		{"http://other.example/ipfs/" + dir + "/a.txt", 200, "a text"},
		{"http://other.example/", 404, ""},
		{"http://127.0.0.1:8080/ipns/" + key + "/a.txt", 200, "a text"},
		{"http://127.0.0.1:8080/ipns/docs.my-site.example/a.txt", 200, "a text"},
		{"http://127.0.0.1:8080/ipns/by-key.example/a.txt", 200, "a text"},
		{"http://127.0.0.1:8080/ipns/" + peerID + "/a.txt", 302, "/ipns/" + key + "/a.txt"},
		{"http://127.0.0.1:8080/ipns/unknown.example/a.txt", 502, ""},
		{"http://127.0.0.1:8080/ipns/loop-a.example/", 500, ""},
		// Where one does, each CID and name is an origin.
		{"http://localhost:8080/ipfs/" + dir + "/a.txt?x=1", 301, "http://" + dir + ".ipfs.localhost:8080/a.txt?x=1"},
		{"http://gateway.example/ipfs/" + v0 + "/", 301, "http://" + dir + ".ipfs.gateway.example/"},
		{"https://gateway.example/ipfs/" + dir + "/a.txt", 301, "https://" + dir + ".ipfs.gateway.example/a.txt"},
		{"http://gateway.example/ipns/" + peerID, 301, "http://" + key + ".ipns.gateway.example/"},
		{"http://gateway.example/ipns/docs.my-site.example/a.txt", 301, "http://docs-my--site-example.ipns.gateway.example/a.txt"},
		{"http://gateway.example/", 404, ""},
		{"http://" + dir + ".ipfs.localhost:8080/a.txt", 200, "a text"},
		{"http://" + dir + ".ipfs.gateway.example/ipfs/b.txt", 200, "a text"},
		{"http://" + key + ".ipns.gateway.example/a.txt", 200, "a text"},
		{"http://" + asPB + ".ipns.gateway.example/a.txt", 301, "http://" + key + ".ipns.gateway.example/a.txt"},
		{"http://docs-my--site-example.ipns.gateway.example/a.txt", 200, "a text"},
		{"https://docs-my--site-example.ipns.gateway.example/a.txt", 200, "a text"},
		{"http://docs.my-site.example.ipns.gateway.example/a.txt", 200, "a text"},
		{"https://docs.my-site.example.ipns.gateway.example/a.txt", 200, "a text"},
		{"http://not-a-cid.ipfs.gateway.example/", 400, ""},
		// A domain with a DNSLink is a site, and its _redirects hold.
		{"http://docs.my-site.example/a.txt", 200, "a text"},
		{"http://docs.my-site.example:8080/pages/", 200, "home"},
		{"http://docs.my-site.example/pages", 301, "/pages/"},
		{"http://docs.my-site.example/old", 301, "/a.txt"},
		{"http://docs.my-site.example/proxy/1", 200, "a text"},
		{"http://docs.my-site.example/gone/1", 404, "not here"},
		{"http://by-key.example/a.txt", 200, "a text"},
		{"http://" + dir + ".ipfs.gateway.example/old", 301, "/a.txt"},
	} {
		w := s.get(tt.url)
		got := w.Body.String()
		if tt.status/100 == 3 {
			if got = w.Header().Get("Location"); got != tt.want {
				t.Errorf("GET %s: Location %q, want %q", tt.url, got, tt.want)
			}
		}
		if w.Code != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("GET %s: %d %q, want %d with %q", tt.url, w.Code, got, tt.status, tt.want)
		}
	}
	// A proxy in front tells the host and the scheme that readers see.
	w := s.get("http://127.0.0.1:8080/ipfs/"+dir, "X-Forwarded-Host", "gateway.example", "X-Forwarded-Proto", "https")
	if want := "https://" + dir + ".ipfs.gateway.example/"; w.Header().Get("Location") != want {
		t.Errorf("behind a proxy: Location %q, want %q", w.Header().Get("Location"), want)
	}
}

// Another address of the node, with pages of its own, has paths only.
func TestPathGateway(t *testing.T) {
	s := newSite(t)
	for _, host := range []string{"localhost:3004", "gateway.example", "docs.my-site.example", s.dir.Cid.String() + ".ipfs.localhost"} {
		for path, want := range map[string]int{"/ipfs/" + s.dir.Cid.String() + "/a.txt": 200, "/a.txt": 404, "/": 404} {
			r := httptest.NewRequest(http.MethodGet, "http://"+host+path, nil)
			w := httptest.NewRecorder()
			if s.n.PathGateway().ServeHTTP(w, r); w.Code != want {
				t.Errorf("GET http://%s%s: %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

// A client may take the gateway for an HTTP proxy, to the gateway alone.
func TestGatewayConnect(t *testing.T) {
	s := newSite(t)
	srv := httptest.NewServer(s.n.Gateway())
	defer srv.Close()
	here := strings.TrimPrefix(srv.URL, "http://")
	for target, want := range map[string]string{
		here:                           "200",
		"gateway.example:80":           "200",
		"x.ipfs.gateway.example:443":   "200",
		"localhost:9000":               "200", // the gateway itself, whatever the port
		"example.org:443":              "403",
		"notgateway.example:80":        "403",
		"169.254.169.254:80":           "403",
		"gateway.example.attacker.org": "403",
	} {
		c, err := net.Dial("tcp", here)
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 12)
		_, err = c.Write([]byte("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n"))
		if err == nil {
			_, err = c.Read(answer)
		}
		if got := string(answer[9:]); err != nil || got != want {
			t.Errorf("CONNECT %s: %q, %v; want %s", target, answer, err, want)
		}
		c.Close()
	}
}

func TestGatewayConfigIsChecked(t *testing.T) {
	for _, g := range []GatewayConfig{
		{Domains: []string{"https://example.com"}}, {Domains: []string{"example.com:80"}}, {Domains: []string{"127.0.0.1"}},
		{Domains: []string{""}}, {Domains: []string{"*.example.com"}},
		{DNS: "8.8.8.8"}, {Names: map[string]string{"example.com": "bafy"}},
		{MaxRequests: -1}, {MaxSize: -1}, {MaxDuration: -1},
	} {
		if n, err := Open(t.Context(), Config{Dir: t.TempDir(), Gateway: g}); err == nil {
			t.Errorf("Open with %+v succeeded", g)
			n.Close()
		}
	}
}
