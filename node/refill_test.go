package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/node"
)

// depot refills a DAG out of another node, block by block.
type depot struct {
	from *node.Node
	root cid.Cid
	// give is asked before each block; its error is the depot's.
	give func(ctx context.Context, c cid.Cid) error

	mu     sync.Mutex // guards what follows
	asked  []cid.Cid
	begun  int
	closed chan struct{} // gets one for each Close
}

func (d *depot) refill(_ context.Context, root cid.Cid) (node.Refill, error) {
	if !root.Equals(d.root) {
		return nil, node.ErrNotFound
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun++
	return d, nil
}

func (d *depot) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	d.mu.Lock()
	d.asked = append(d.asked, c)
	d.mu.Unlock()
	if err := d.give(ctx, c); err != nil {
		return nil, err
	}
	return d.from.Block(ctx, c)
}

func (d *depot) Seen(cid.Cid) {}

func (d *depot) Close() { d.closed <- struct{}{} }

// newDepot holds a file, of which the order of leaves is told.
func newDepot(t *testing.T, data []byte) (*depot, []cid.Cid) {
	t.Helper()
	from := openPeer(t, node.Config{})
	d := &depot{from: from, root: importBytes(t, from, data, true), closed: make(chan struct{}, 100),
		give: func(context.Context, cid.Cid) error { return nil }}
	var leaves []cid.Cid
	err := from.Walk(t.Context(), d.root, func(c cid.Cid, _ int) error {
		if !c.Equals(d.root) {
			leaves = append(leaves, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, leaves
}

// serveDepot serves a gateway that has nothing but what the depot gives.
func serveDepot(t *testing.T, d *depot, cfg node.Config) (url string) {
	t.Helper()
	cfg.Refill = d.refill
	srv := httptest.NewServer(openPeer(t, cfg).Gateway())
	t.Cleanup(srv.Close)
	return srv.URL + "/ipfs/" + d.root.String()
}

func fetchURL(t *testing.T, url, ranged string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ranged != "" {
		req.Header.Set("Range", ranged)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// The gateway sends what has come while the rest is on its way.
func TestGatewayStreamsRefill(t *testing.T) {
	data := randomBytes(3, 6<<20)
	d, leaves := newDepot(t, data)
	late := make(chan struct{})
	d.give = func(ctx context.Context, c cid.Cid) error {
		if !c.Equals(leaves[4]) {
			return nil
		}
		select {
		case <-late:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	res := fetchURL(t, serveDepot(t, d, node.Config{}), "")
	got := make([]byte, 1<<20)
	if _, err := io.ReadFull(res.Body, got); err != nil || !bytes.Equal(got, data[:1<<20]) {
		t.Fatalf("while the fifth leaf is on its way: %v", err)
	}
	close(late)
	rest, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(append(got, rest...), data) {
		t.Errorf("the rest: %d bytes, %v", len(rest), err)
	}
	<-d.closed
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun != 1 {
		t.Errorf("one request has begun %d refills", d.begun)
	}
}

// A range asks for its own blocks and no others.
func TestGatewayRefillsRange(t *testing.T) {
	data := randomBytes(4, 6<<20)
	d, leaves := newDepot(t, data)
	res := fetchURL(t, serveDepot(t, d, node.Config{}), "bytes=3145730-3145799")
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusPartialContent || !bytes.Equal(got, data[3145730:3145800]) {
		t.Errorf("a range: %d, %d bytes, %v", res.StatusCode, len(got), err)
	}
	<-d.closed
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.asked {
		// boxo looks at the first bytes for the type.
		if !c.Equals(d.root) && !c.Equals(leaves[3]) && !c.Equals(leaves[0]) {
			t.Errorf("block %s was asked for, which the range has no part of", c)
		}
	}
}

// A refill that fails in the middle cuts the answer off; one that fails before
// the first byte is an answer of its own, which says nothing of why.
func TestGatewayRefillFails(t *testing.T) {
	data := randomBytes(5, 6<<20)
	d, leaves := newDepot(t, data)
	d.give = func(_ context.Context, c cid.Cid) error {
		if c.Equals(leaves[3]) {
			return errors.New("f01000 is gone")
		}
		return nil
	}
	url := serveDepot(t, d, node.Config{})
	res := fetchURL(t, url, "")
	got, err := io.ReadAll(res.Body)
	if err == nil || len(got) >= len(data) || !bytes.HasPrefix(data, got) {
		t.Errorf("a refill that breaks off: %d bytes of %d, %v", len(got), len(data), err)
	}
	res = fetchURL(t, url, "")
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || bytes.Contains(body, []byte("f01000")) {
		t.Errorf("right after it: %d %q, %v", res.StatusCode, body, err)
	}
}

// For a root that is not published no stranger has a refill begun.
func TestGatewayRefillsPublishedOnly(t *testing.T) {
	d, _ := newDepot(t, randomBytes(6, 2<<20))
	url := serveDepot(t, d, node.Config{Published: func(context.Context, cid.Cid) bool { return false }})
	if res := fetchURL(t, url, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("what is not published: %d, want 404", res.StatusCode)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun > 0 {
		t.Error("a stranger had it refilled")
	}
}
