package node

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// newFetchingNode is a node whose gateway fetches, connected to one that has
// blocks, public ones.
func newFetchingNode(t *testing.T, cfg Config, blocks ...Block) (n *Node, url string) {
	t.Helper()
	origin := newTestNode(t, Config{ListenAddrs: []string{loopback}})
	if err := origin.PutBlocks(t.Context(), blocks, false); err != nil {
		t.Fatal(err)
	}
	cfg.ListenAddrs = []string{loopback}
	n = newTestNode(t, cfg)
	if err := n.Connect(t.Context(), origin.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	t.Cleanup(srv.Close)
	return n, srv.URL
}

func isPublic(t *testing.T, n *Node, c cid.Cid) bool {
	t.Helper()
	ok, err := n.publicBlocks().Has(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// What others have is fetched, whole or a part, in each form; it is kept until
// the next sweep.
func TestGatewayFetches(t *testing.T) {
	maker := newTestNode(t, Config{})
	want, err := io.ReadAll(keystream(5<<20+77, "fetched"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := maker.Import(t.Context(), bytes.NewReader(want), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []Block
	err = maker.Walk(t.Context(), f.Root, func(c cid.Cid, _ int) error {
		data, err := maker.Block(t.Context(), c)
		all = append(all, Block{c, data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	n, url := newFetchingNode(t, Config{Gateway: GatewayConfig{Fetch: FetchConfig{On: true}}}, all...)
	url += "/ipfs/" + f.Root.String()
	if res, _ := fetchURL(t, "GET", url, "Cache-Control", "only-if-cached"); res.StatusCode != 412 {
		t.Errorf("only-if-cached: %d, want 412", res.StatusCode)
	}
	if _, ok := n.HasBlock(t.Context(), f.Root); ok {
		t.Error("only-if-cached fetched")
	}
	if res, body := fetchURL(t, "GET", url, "Range", "bytes=2500000-2500009"); res.StatusCode != 206 || !bytes.Equal(body, want[2500000:2500010]) {
		t.Errorf("a range: %d with %d bytes", res.StatusCode, len(body))
	}
	if _, ok := n.HasBlock(t.Context(), all[len(all)-1].Cid); ok {
		t.Error("for ten bytes the last leaf was fetched")
	}
	if res, body := fetchURL(t, "GET", url); res.StatusCode != 200 || !bytes.Equal(body, want) {
		t.Errorf("the file: %d with %d bytes", res.StatusCode, len(body))
	}
	for _, b := range all {
		if !isPublic(t, n, b.Cid) {
			t.Errorf("%s was not kept", b.Cid)
		}
	}
	if kept := n.host.fetcher.kept.Load(); kept < int64(len(want)) {
		t.Errorf("%d bytes count as kept, of %d", kept, len(want))
	}
	if _, err := n.Sweep(t.Context(), func(func(cid.Cid) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, ok := n.HasBlock(t.Context(), f.Root); ok || n.host.fetcher.kept.Load() != 0 {
		t.Error("what was fetched outlived a sweep")
	}
	for _, query := range []string{"?format=car", "?format=tar"} {
		if res, body := fetchURL(t, "GET", url+query); res.StatusCode != 200 || !bytes.Contains(body, want[:1000]) {
			t.Errorf("%s: %d with %d bytes", query, res.StatusCode, len(body))
		}
	}
}

func TestGatewayFetchesNothingByDefault(t *testing.T) {
	b := rawOf(t, "elsewhere")
	n, url := newFetchingNode(t, Config{}, b)
	if res, _ := fetchURL(t, "GET", url+"/ipfs/"+b.Cid.String()); res.StatusCode != 404 {
		t.Errorf("%d, want 404", res.StatusCode)
	}
	if _, ok := n.HasBlock(t.Context(), b.Cid); ok {
		t.Error("it was fetched")
	}
}

// That a stranger has what is private here neither shows ours nor tells him
// that it is here: he gets his own bytes, as of anything else.
func TestGatewayFetchLeavesPrivateAlone(t *testing.T) {
	here, gone, inside := rawOf(t, "private and here"), rawOf(t, "private and lost"), rawOf(t, "a part of it")
	lost := pbOf(t, fileNodeOf(uint64(len(inside.Data))), "", inside)
	n, url := newFetchingNode(t, Config{
		Gateway: GatewayConfig{Fetch: FetchConfig{On: true}},
		Private: func(_ context.Context, root cid.Cid) bool {
			return root.Equals(here.Cid) || root.Equals(gone.Cid) || root.Equals(lost.Cid)
		},
		Published: func(context.Context, cid.Cid) bool { return false },
		Restore: func(context.Context, cid.Cid) error {
			t.Error("a stranger had something restored")
			return nil
		},
	}, here, gone, inside, lost)
	if err := n.PutBlocks(t.Context(), []Block{here}, true); err != nil {
		t.Fatal(err)
	}
	for _, b := range []Block{here, gone, lost} {
		if res, _ := fetchURL(t, "GET", url+"/ipfs/"+b.Cid.String()); res.StatusCode != 200 {
			t.Errorf("%q: %d, want 200 as of any content that others have", b.Data, res.StatusCode)
		}
	}
	for _, b := range []Block{here, gone, lost, inside} {
		if isPublic(t, n, b.Cid) {
			t.Errorf("%q became public", b.Data)
		}
	}
	if data, err := n.Block(t.Context(), here.Cid); err != nil || !bytes.Equal(data, here.Data) {
		t.Errorf("the private block: %q, %v", data, err)
	}
}

func TestGatewayFetchIsBounded(t *testing.T) {
	a, b, c := rawOf(t, "the first part"), rawOf(t, "the second part"), rawOf(t, "the third part")
	file := pbOf(t, fileNodeOf(uint64(len(a.Data)), uint64(len(b.Data)), uint64(len(c.Data))), "", a, b, c)
	other := rawOf(t, "another")
	n, url := newFetchingNode(t, Config{Gateway: GatewayConfig{Fetch: FetchConfig{
		On: true, Bytes: int64(len(file.Data)), Requests: 1, Cache: 1}}}, file, a, b, c, other)
	get := func(b Block) (status int, retry string) {
		res, _ := fetchURL(t, "GET", url+"/ipfs/"+b.Cid.String())
		return res.StatusCode, res.Header.Get("Retry-After")
	}
	if status, _ := get(file); status != 502 {
		t.Errorf("more than one request may fetch: %d, want 502", status)
	}
	if status, _ := get(other); status != 200 {
		t.Errorf("a request after others: %d, want 200", status)
	}
	if isPublic(t, n, other.Cid) || isPublic(t, n, file.Cid) {
		t.Error("more was kept than the cache may hold")
	}
	_, hasty := newFetchingNode(t, Config{Gateway: GatewayConfig{Fetch: FetchConfig{On: true, Wait: time.Millisecond}}})
	if res, _ := fetchURL(t, "GET", hasty+"/ipfs/"+rawOf(t, "nowhere").Cid.String()); res.StatusCode != 504 {
		t.Errorf("what nobody has: %d, want 504", res.StatusCode)
	}
	n.host.fetcher.slots <- struct{}{} // another request
	if status, retry := get(other); status != 503 || retry == "" {
		t.Errorf("beside too many: %d, Retry-After %q; want 503 with one", status, retry)
	}
	<-n.host.fetcher.slots
	if status, _ := get(other); status != 200 {
		t.Errorf("after them: %d, want 200", status)
	}
	if _, err := Open(t.Context(), Config{Dir: t.TempDir(), Gateway: GatewayConfig{Fetch: FetchConfig{On: true}}}); err == nil {
		t.Error("a gateway fetches without a host")
	}
}
