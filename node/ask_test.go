package node_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/node"
)

// directory is a delegated routing service that knows what a node has, as far
// as it may tell.
type directory struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // guarded by mu; paths
}

func newDirectory(t *testing.T, of *node.Node, tells func(path string) bool) *directory {
	t.Helper()
	d := &directory{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.asked = append(d.asked, r.URL.Path)
		d.mu.Unlock()
		if !tells(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		of.Gateway().ServeHTTP(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

// Blocks come from a node that only a router knows of, and only for the root,
// as most nodes announce nothing else. Nothing is stored, and private blocks do not come.
func TestAsk(t *testing.T) {
	ctx := t.Context()
	data := randomBytes(7, 3<<20)
	origin := openPeer(t, node.Config{})
	root := importBytes(t, origin, data, false)
	hidden := importBytes(t, origin, []byte("nobody's business"), true)
	dir := newDirectory(t, origin, func(path string) bool { return strings.HasSuffix(path, "/"+root.String()) })
	n := openPeer(t, node.Config{Routers: []string{dir.URL}})

	var leaves []cid.Cid
	err := origin.Walk(ctx, root, func(c cid.Cid, _ int) error {
		if !c.Equals(root) {
			leaves = append(leaves, c)
		}
		return nil
	})
	if err != nil || len(leaves) != 3 {
		t.Fatalf("%d leaves, %v", len(leaves), err)
	}
	came := map[cid.Cid][]byte{}
	err = n.Ask(ctx, root, leaves, time.Minute, func(got []node.Block) error {
		for _, b := range got {
			came[b.Cid] = b.Data
		}
		return nil
	})
	var all []byte
	for _, c := range leaves {
		all = append(all, came[c]...)
	}
	if err != nil || !bytes.Equal(all, data) {
		t.Fatalf("%d bytes came of %d, %v", len(all), len(data), err)
	}
	if used := n.Usage().Bytes; used > 0 {
		t.Errorf("%d bytes were stored", used)
	}
	err = n.Ask(ctx, hidden, []cid.Cid{hidden}, time.Second, func([]node.Block) error {
		t.Error("a private block came")
		return nil
	})
	if !errors.Is(err, node.ErrStalled) {
		t.Errorf("for a private block: %v, want %v", err, node.ErrStalled)
	}
}

// Who has nobody to ask is told so at once.
func TestAskNobody(t *testing.T) {
	c := cid.MustParse("bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e")
	never := func([]node.Block) error { panic("a block came") }
	if err := openPeer(t, node.Config{}).Ask(t.Context(), c, []cid.Cid{c}, time.Hour, never); !errors.Is(err, node.ErrNoSource) {
		t.Errorf("without peers and routers: %v, want %v", err, node.ErrNoSource)
	}
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Ask(t.Context(), c, []cid.Cid{c}, time.Hour, never); !errors.Is(err, node.ErrNoHost) {
		t.Errorf("without a host: %v, want %v", err, node.ErrNoHost)
	}
	for _, bad := range []string{"cid.contact", "ftp://cid.contact", "https://cid.contact/reframe", ":"} {
		if node.CheckRouters([]string{bad}) == nil {
			t.Errorf("router %q is taken", bad)
		}
	}
}
