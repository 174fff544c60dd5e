package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	"github.com/whypfs/whypfs/node"
)

// openPeer opens a node with a host on loopback.
func openPeer(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.ListenAddrs = []string{"/ip4/127.0.0.1/tcp/0"}
	n, err := node.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close node: %v", err)
		}
	})
	return n
}

// randomBytes are the same for the same seed.
func randomBytes(seed uint64, size int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, size)
	r.Read(b)
	return b
}

func importBytes(t *testing.T, n *node.Node, data []byte, private bool) cid.Cid {
	t.Helper()
	lease := n.Lease()
	t.Cleanup(lease.Release)
	f, err := n.Import(t.Context(), bytes.NewReader(data), node.ImportOptions{Private: private})
	if err != nil {
		t.Fatal(err)
	}
	return f.Root
}

func readFile(t *testing.T, n *node.Node, root cid.Cid) []byte {
	t.Helper()
	f, err := n.OpenFile(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func link(t *testing.T, from, to *node.Node) {
	t.Helper()
	if err := from.Connect(t.Context(), to.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
}

// fetchSoon fetches with a deadline, which passes if nobody has the DAG.
func fetchSoon(t *testing.T, n *node.Node, root cid.Cid, private bool, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return n.Fetch(ctx, root, private)
}

func TestFetchOverBitswap(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 20, 5<<20 + 3, 33<<20 + 1} {
		a, b := openPeer(t, node.Config{}), openPeer(t, node.Config{})
		link(t, b, a)
		data := randomBytes(uint64(size), size)
		root := importBytes(t, a, data, false)
		if err := fetchSoon(t, b, root, false, time.Minute); err != nil {
			t.Fatalf("fetch of %d bytes: %v", size, err)
		}
		if got := readFile(t, b, root); !bytes.Equal(got, data) {
			t.Errorf("fetch of %d bytes brought %d others", size, len(got))
		}
		// A second fetch asks nobody.
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := fetchSoon(t, b, root, false, time.Minute); err != nil {
			t.Errorf("fetch of what is here: %v", err)
		}
	}
}

// What was fetched survives a crash right after Fetch returned.
func TestFetchIsDurable(t *testing.T) {
	a := openPeer(t, node.Config{})
	dir := t.TempDir()
	b, err := node.Open(t.Context(), node.Config{Dir: dir, ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	link(t, b, a)
	data := randomBytes(1, 3<<20)
	root := importBytes(t, a, data, false)
	if err := fetchSoon(t, b, root, false, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openPeer(t, node.Config{Dir: dir})
	if got := readFile(t, b, root); !bytes.Equal(got, data) {
		t.Error("fetched file differs after a restart")
	}
}

// A fetch that was cut short goes on where it stopped, from another peer.
func TestFetchContinues(t *testing.T) {
	a, b, c := openPeer(t, node.Config{}), openPeer(t, node.Config{}), openPeer(t, node.Config{})
	data := randomBytes(2, 6<<20)
	root := importBytes(t, a, data, false)
	// b holds the root only.
	rootBlock, err := a.Block(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.PutBlocks(t.Context(), []node.Block{{Cid: root, Data: rootBlock}}, false); err != nil {
		t.Fatal(err)
	}
	link(t, c, b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() { done <- c.Fetch(ctx, root, false) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, ok := c.HasBlock(ctx, root); ok {
			break // the part that there is came and was kept
		}
		if time.Now().After(deadline) {
			t.Fatal("the root did not come")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("fetch of what nobody has in full = %v, want it cancelled", err)
	}
	link(t, c, a)
	if err := fetchSoon(t, c, root, false, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, c, root); !bytes.Equal(got, data) {
		t.Error("fetched file differs")
	}
}

func TestPrivateIsNotServed(t *testing.T) {
	a, b := openPeer(t, node.Config{}), openPeer(t, node.Config{})
	link(t, b, a)
	srv := httptest.NewServer(a.Gateway())
	defer srv.Close()
	data := randomBytes(3, 2<<20+5)
	root := importBytes(t, a, data, true)
	cids := []cid.Cid{root}
	if err := a.Walk(t.Context(), root, func(c cid.Cid, _ int) error {
		cids = append(cids, c)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range cids { // a leaf is as private as its root
		if err := fetchSoon(t, b, c, false, 300*time.Millisecond); err == nil {
			t.Errorf("bitswap served private block %s", c)
		}
		for _, query := range []string{"", "?format=raw", "?format=car", "?format=car&dag-scope=block", "?format=tar", "?format=dag-json"} {
			if code, body := httpGet(t, srv.URL+"/ipfs/"+c.String()+query); code < 400 || bytes.Contains(body, data[:64]) {
				t.Errorf("gateway served private %s%s: %d, %d bytes", c, query, code, len(body))
			}
		}
	}
	// Storing the same bytes without Private publishes them.
	if again := importBytes(t, a, data, false); !again.Equals(root) {
		t.Fatalf("public import = %s, private was %s", again, root)
	}
	if err := fetchSoon(t, b, root, true, time.Minute); err != nil {
		t.Fatalf("fetch of what is public now: %v", err)
	}

	// b fetched it as private, so b serves it to nobody.
	c := openPeer(t, node.Config{})
	link(t, c, b)
	if err := fetchSoon(t, c, root, false, 300*time.Millisecond); err == nil {
		t.Error("what was fetched as private was served")
	}
	// A public fetch of what is here as private publishes it.
	if err := fetchSoon(t, b, root, false, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := fetchSoon(t, c, root, false, time.Minute); err != nil {
		t.Errorf("fetch of what was published by a fetch: %v", err)
	}
}

func httpGet(t *testing.T, url string) (int, []byte) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return res.StatusCode, body
}

func TestGatewayServesFiles(t *testing.T) {
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir()}) // a gateway needs no host
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	const size = 5<<20 + 17
	data := randomBytes(4, size)
	root := importBytes(t, n, data, false)
	url := srv.URL + "/ipfs/" + root.String()

	tests := []struct {
		method, rng string
		status      int
		from, to    int // of data
	}{
		{"GET", "", 200, 0, size},
		{"HEAD", "", 200, 0, 0},
		{"GET", "bytes=0-0", 206, 0, 1},
		{"GET", "bytes=-5", 206, size - 5, size},
		{"GET", "bytes=1048570-1048580", 206, 1048570, 1048581}, // over a block's end
		{"GET", "bytes=3000000-", 206, 3000000, size},
		{"HEAD", "bytes=10-19", 206, 0, 0},
		{"GET", "bytes=99999999-", 416, 0, 0},
	}
	for _, tt := range tests {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.rng != "" {
			req.Header.Set("Range", tt.rng)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != tt.status {
			t.Errorf("%s %q: %d, %v; want %d", tt.method, tt.rng, res.StatusCode, err, tt.status)
			continue
		}
		if tt.status < 400 && !bytes.Equal(body, data[tt.from:tt.to]) {
			t.Errorf("%s %q: wrong %d bytes, want %d", tt.method, tt.rng, len(body), tt.to-tt.from)
		}
		if tt.method == "HEAD" && tt.rng == "" && res.ContentLength != size {
			t.Errorf("HEAD: Content-Length %d, want %d", res.ContentLength, size)
		}
		if tt.status == 200 {
			for name, want := range map[string]string{
				"Etag":                        `"` + root.String() + `"`,
				"Cache-Control":               "public, max-age=29030400, immutable",
				"Access-Control-Allow-Origin": "*",
				"X-Ipfs-Path":                 "/ipfs/" + root.String(),
				"X-Ipfs-Roots":                root.String(),
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %s = %q, want %q", tt.method, name, got, want)
				}
			}
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	req.Header.Set("If-None-Match", `"`+root.String()+`"`)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotModified {
		t.Errorf("GET with the ETag: %d, want 304", res.StatusCode)
	}
}

// A reader who trusts nobody can check what the gateway sends.
func TestGatewayIsTrustless(t *testing.T) {
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	root := importBytes(t, n, randomBytes(5, 3<<20+1), false)
	want := map[cid.Cid]bool{}
	if err := n.Walk(t.Context(), root, func(c cid.Cid, _ int) error {
		want[c] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	code, body := httpGet(t, srv.URL+"/ipfs/"+root.String()+"?format=car")
	if code != 200 {
		t.Fatalf("CAR: %d", code)
	}
	r, err := car.NewBlockReader(bytes.NewReader(body)) // checks each hash
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Roots) != 1 || !r.Roots[0].Equals(root) {
		t.Errorf("roots of the CAR = %v, want %s", r.Roots, root)
	}
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !want[b.Cid()] {
			t.Errorf("CAR holds %s twice, or it is no part of the file", b.Cid())
		}
		delete(want, b.Cid())
	}
	if len(want) != 0 {
		t.Errorf("CAR lacks %d blocks", len(want))
	}

	code, body = httpGet(t, srv.URL+"/ipfs/"+root.String()+"?format=raw")
	sum, err := root.Prefix().Sum(body)
	if code != 200 || err != nil || !sum.Equals(root) {
		t.Errorf("raw: %d, block of %s, %v; want %s", code, sum, err, root)
	}

	absent, err := root.Prefix().Sum([]byte("absent"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for _, query := range []string{"", "?format=raw", "?format=car"} {
		if code, _ := httpGet(t, srv.URL+"/ipfs/"+absent.String()+query); code != http.StatusNotFound {
			t.Errorf("absent content%s: %d, want 404", query, code)
		}
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("404s took %v", d)
	}
	// The probe that HTTP clients of the trustless gateway send first.
	if code, body := httpGet(t, srv.URL+"/ipfs/bafkqaaa?format=raw"); code != 200 || len(body) != 0 {
		t.Errorf("empty identity CID: %d %q, want 200 and nothing", code, body)
	}
}
