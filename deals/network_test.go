package deals_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/retrieve"
	"github.com/whypfs/whypfs/node"
)

// What no provider gives back comes from other nodes of IPFS, which a router
// tells of; but nobody out there is asked for what is private.
func TestRecallFromNetwork(t *testing.T) {
	const size = 5 << 20
	var public atomic.Bool
	isPublic := func(context.Context, cid.Cid) bool { return public.Load() }
	m := newMarket(t, 2, deals.Options{Public: isPublic})
	req, _ := m.zone(1, 2, size)
	mem, data := req.Members[0], random(size, req.Members[0].Content)
	m.until("active deals", 60*time.Second, m.active(1))

	other, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lease := other.Lease()
	defer lease.Release()
	if f, err := other.Import(t.Context(), bytes.NewReader(data), node.ImportOptions{}); err != nil || f.Root != mem.Root {
		t.Fatalf("the other node has %s, %v; want %s", f.Root, err, mem.Root)
	}
	var asked atomic.Int64
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		other.Gateway().ServeHTTP(w, r)
	}))
	defer router.Close()

	m.routers, m.published = []string{router.URL}, isPublic
	m.refill = func(ctx context.Context, root cid.Cid) (node.Refill, error) {
		return m.deals.Recall(ctx, 1, mem.Content, mem.Root, nil)
	}
	reg := m.away()
	for _, p := range m.net.Providers() {
		m.fail(p, "no-retrieval")
	}
	if _, err := m.read(mem, 0, size); !errors.Is(err, retrieve.ErrNoReplica) {
		t.Errorf("a private content: %v, want %v", err, retrieve.ErrNoReplica)
	}
	if err := m.deals.Restore(t.Context(), 1, mem.Content, mem.Root); !errors.Is(err, retrieve.ErrNoReplica) {
		t.Errorf("a restore of private content: %v, want %v", err, retrieve.ErrNoReplica)
	}
	if n, peers := asked.Load(), other.Peers(); n > 0 || len(peers) > 0 {
		t.Fatalf("a router was asked %d times for private content, and the other node met %v", n, peers)
	}
	public.Store(true)
	if got, err := m.read(mem, 0, size); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("public content that no provider gives: %d bytes, %v", len(got), err)
	}
	if got := sum(t, reg, "whypfs_deals_fetched_bytes_total"); got < size || asked.Load() == 0 {
		t.Errorf("%.0f bytes came, after %d questions to the router", got, asked.Load())
	}
	if err := m.deals.Restore(t.Context(), 1, mem.Content, mem.Root); err != nil {
		t.Errorf("what was read is not here: %v", err)
	}
}
