package node

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// What is put into the cache is served, whole or not, until the next sweep.
func TestAddToCache(t *testing.T) {
	n := newTestNode(t, Config{})
	a, b := rawOf(t, "first"), rawOf(t, "second")
	root := pbOf(t, fileNodeOf(5, 6), "", a, b)
	blocks, err := n.AddToCache(t.Context(), bytes.NewReader(carOf(root.Cid, root, a, a)))
	if blocks != 2 || err != nil {
		t.Fatalf("AddToCache = %d, %v; want 2 blocks", blocks, err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	if res, body := fetchURL(t, "GET", srv.URL+"/ipfs/"+root.Cid.String(), "Range", "bytes=1-3"); string(body) != "irs" {
		t.Errorf("the part that is here: %d %q", res.StatusCode, body)
	}
	if _, err := n.Sweep(t.Context(), func(func(cid.Cid) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if res, _ := fetchURL(t, "GET", srv.URL+"/ipfs/"+a.Cid.String()); res.StatusCode != 404 {
		t.Errorf("after a sweep: %d, want 404", res.StatusCode)
	}
	bad := carOf(root.Cid, root)
	bad[len(bad)-1] ^= 1
	for what, r := range map[string]io.Reader{"no CAR": strings.NewReader("hello"), "a CAR with a bad block": bytes.NewReader(bad)} {
		if _, err := n.AddToCache(t.Context(), r); !errors.As(err, new(*CARError)) {
			t.Errorf("AddToCache of %s: %v, want a CARError", what, err)
		}
	}
}
