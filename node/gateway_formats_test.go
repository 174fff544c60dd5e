package node

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
)

// blocksOf are the blocks in a CAR, in their order.
func blocksOf(t *testing.T, data []byte) (root cid.Cid, blocks []cid.Cid) {
	t.Helper()
	r, err := car.NewReader(bytes.NewReader(data), maxCARBlock)
	if err != nil || len(r.Roots) != 1 {
		t.Fatalf("no CAR: %v", err)
	}
	for {
		c, _, err := r.Next()
		if err == io.EOF {
			return r.Roots[0], blocks
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, c)
	}
}

// A CAR holds the blocks along the path and then what its parameters ask for,
// in the order in which a reader needs them.
func TestGatewayCARScopes(t *testing.T) {
	a, b, c := rawOf(t, "aaaa"), rawOf(t, "bbbb"), rawOf(t, "cccc")
	file := pbOf(t, fileNodeOf(4, 4, 4, 4), "", a, b, a, c)
	sub := dirOf(t, "file", file, "twice", a)
	dir := dirOf(t, "other", c, "sub", sub)
	n := newTestNode(t, Config{})
	if err := n.PutBlocks(t.Context(), []Block{a, b, c, file, sub, dir}, false); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	for _, tt := range []struct {
		path, params string
		want         []Block
	}{
		{"", "dag-scope=block", []Block{dir}},
		{"", "dag-scope=entity", []Block{dir}},
		{"/sub", "dag-scope=entity", []Block{dir, sub}},
		{"", "dag-scope=all", []Block{dir, c, sub, file, a, b}},
		{"/sub/file", "dag-scope=block", []Block{dir, sub, file}},
		{"/sub/file", "", []Block{dir, sub, file, a, b, c}},
		{"/sub/file", "car-dups=y", []Block{dir, sub, file, a, b, a, c}},
		{"/sub/file", "dag-scope=entity&entity-bytes=0:0", []Block{dir, sub, file, a}},
		{"/sub/file", "dag-scope=entity&entity-bytes=4:7", []Block{dir, sub, file, b}},
		{"/sub/file", "dag-scope=entity&entity-bytes=-4:*", []Block{dir, sub, file, c}},
		{"/sub/file", "dag-scope=entity&entity-bytes=6:-5", []Block{dir, sub, file, b, a}},
	} {
		url := srv.URL + "/ipfs/" + dir.Cid.String() + tt.path + "?format=car&" + tt.params
		res, body := fetchURL(t, "GET", url)
		if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || !strings.HasPrefix(ct, "application/vnd.ipld.car; version=1; order=dfs") {
			t.Errorf("%s %s: %d %s", tt.path, tt.params, res.StatusCode, ct)
			continue
		}
		var want []cid.Cid
		for _, b := range tt.want {
			want = append(want, b.Cid)
		}
		if _, got := blocksOf(t, body); !slices.Equal(got, want) {
			t.Errorf("%s %s: blocks %v, want %v", tt.path, tt.params, got, want)
		}
	}
	// What a path leads past is shown as far as it goes: a proof that it ends.
	res, body := fetchURL(t, "GET", srv.URL+"/ipfs/"+dir.Cid.String()+"/sub/none?format=car")
	if _, got := blocksOf(t, body); res.StatusCode != 200 || !slices.Equal(got, []cid.Cid{dir.Cid, sub.Cid}) {
		t.Errorf("a path that ends: %d with %v", res.StatusCode, got)
	}
	for _, params := range []string{"dag-scope=everything", "entity-bytes=x", "entity-bytes=5:2", "car-dups=maybe", "car-version=3"} {
		if res, _ := fetchURL(t, "GET", srv.URL+"/ipfs/"+dir.Cid.String()+"?format=car&"+params); res.StatusCode != 400 {
			t.Errorf("%s: %d, want 400", params, res.StatusCode)
		}
	}
}

// A TAR names nothing outside itself, whatever the names in the DAG.
func TestGatewayTAR(t *testing.T) {
	text := rawOf(t, "text")
	evil := []Block{dirOf(t, "..", text), dirOf(t, "a", dirOf(t, "../../x", text))}
	rooted := dirOf(t, "/etc", text)
	dir := dirOf(t, "a.txt", text, "sub", dirOf(t, "b.txt", text))
	n := newTestNode(t, Config{})
	all := append([]Block{text, dir, dirOf(t, "b.txt", text), dirOf(t, "../../x", text), rooted}, evil...)
	if err := n.PutBlocks(t.Context(), all, false); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	entries := func(b Block) (names []string, whole bool) {
		status, body := outcome(t, "GET", srv.URL+"/ipfs/"+b.Cid.String()+"?format=tar", "", "", "", "")
		r := tar.NewReader(strings.NewReader(body))
		for {
			h, err := r.Next()
			if err != nil {
				return names, status == "200"
			}
			names = append(names, h.Name)
			if strings.Contains(h.Name, "..") || strings.HasPrefix(h.Name, "/") {
				t.Errorf("TAR of %s: an entry %q", b.Cid, h.Name)
			}
		}
	}
	root := dir.Cid.String()
	if names, whole := entries(dir); !whole || !slices.Equal(names, []string{root, root + "/a.txt", root + "/sub", root + "/sub/b.txt"}) {
		t.Errorf("TAR of a directory: %q, whole %v", names, whole)
	}
	if names, whole := entries(rooted); !whole || !slices.Equal(names, []string{rooted.Cid.String(), rooted.Cid.String() + "/etc"}) {
		t.Errorf("TAR of a name that begins at the root: %q, whole %v", names, whole)
	}
	for _, b := range evil {
		if names, whole := entries(b); whole {
			t.Errorf("TAR of a directory with a bad name is whole: %q", names)
		}
	}
}

// Blocks are served in their own codec, and in no other.
func TestGatewayCodecs(t *testing.T) {
	text := rawOf(t, "text")
	cbor, dir := cborOf(t, text.Cid), dirOf(t, "a", text)
	n := newTestNode(t, Config{})
	if err := n.PutBlocks(t.Context(), []Block{text, cbor, dir}, false); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	for _, tt := range []struct {
		b       Block
		format  string
		status  int
		content string
	}{
		{cbor, "dag-cbor", 200, "application/vnd.ipld.dag-cbor"},
		{cbor, "raw", 200, "application/vnd.ipld.raw"},
		{cbor, "dag-json", 406, ""},
		{dir, "dag-json", 406, ""},
		{text, "raw", 200, "application/vnd.ipld.raw"},
	} {
		res, body := fetchURL(t, "GET", srv.URL+"/ipfs/"+tt.b.Cid.String()+"?format="+tt.format)
		if res.StatusCode != tt.status {
			t.Errorf("%s of %s: %d %s, want %d", tt.format, tt.b.Cid, res.StatusCode, body, tt.status)
		} else if tt.status == 200 && (res.Header.Get("Content-Type") != tt.content || !bytes.Equal(body, tt.b.Data)) {
			t.Errorf("%s of %s: %s, %d bytes", tt.format, tt.b.Cid, res.Header.Get("Content-Type"), len(body))
		}
	}
}

// What would be too much is refused in time.
func TestGatewayLimits(t *testing.T) {
	lost := rawOf(t, "lost")
	waiting, release := make(chan struct{}), make(chan struct{})
	n := newTestNode(t, Config{
		Gateway: GatewayConfig{MaxRequests: 1, MaxSize: 1000},
		Restore: func(context.Context, cid.Cid) error {
			close(waiting)
			<-release
			return ErrNotFound
		},
	})
	small, big := rawOf(t, strings.Repeat("x", 1000)), rawOf(t, strings.Repeat("x", 1001))
	if err := n.PutBlocks(t.Context(), []Block{small, big}, false); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	for query, want := range map[string][2]int{"": {200, 410}, "?format=raw": {200, 200}} {
		for i, b := range []Block{small, big} {
			if res, _ := fetchURL(t, "GET", srv.URL+"/ipfs/"+b.Cid.String()+query); res.StatusCode != want[i] {
				t.Errorf("%d bytes%s: %d, want %d", len(b.Data), query, res.StatusCode, want[i])
			}
		}
	}
	done := make(chan error)
	go func() {
		res, err := http.Get(srv.URL + "/ipfs/" + lost.Cid.String())
		if err == nil && res.StatusCode != 404 {
			err = fmt.Errorf("status %d, want 404", res.StatusCode)
		}
		if err == nil {
			err = res.Body.Close()
		}
		done <- err
	}()
	<-waiting
	if res, _ := fetchURL(t, "GET", srv.URL+"/ipfs/"+small.Cid.String()); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("one request too many: %d, Retry-After %q; want 429 with one", res.StatusCode, res.Header.Get("Retry-After"))
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if res, _ := fetchURL(t, "GET", srv.URL+"/ipfs/"+small.Cid.String()); res.StatusCode != 200 {
		t.Errorf("afterwards: %d, want 200", res.StatusCode)
	}
}
