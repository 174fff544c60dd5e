package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/client"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// A gatewayHost is a node's gateway at V1's address. Before may answer in its place.
type gatewayHost struct {
	*node.Node
	url    string
	before atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

func startGateway(t testing.TB) *gatewayHost {
	g := &gatewayHost{Node: newTestNode(t)}
	paths := http.StripPrefix("/gw", g.PathGateway())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := g.before.Load(); before == nil || !(*before)(w, r) {
			paths.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	g.url = srv.URL
	return g
}

func (g *gatewayHost) client(opt client.Options) *client.Client {
	opt.Backoff = time.Millisecond
	return client.New(client.Host{URL: g.url}, opt)
}

func (g *gatewayHost) set(before func(w http.ResponseWriter, r *http.Request) bool) {
	g.before.Store(&before)
}

// cut answers, and breaks off after n bytes. The gateway itself does not panic.
func (g *gatewayHost) cut(w http.ResponseWriter, r *http.Request, n int) {
	rec := httptest.NewRecorder()
	http.StripPrefix("/gw", g.PathGateway()).ServeHTTP(rec, r)
	w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
	(&short{w, n}).Write(rec.Body.Bytes())
}

// store stores a directory as `put DIR` sends it.
func (g *gatewayHost) store(t testing.TB, dir string) cid.Cid {
	t.Helper()
	d, err := client.ScanDAG(t.Context(), dir, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	in := d.Open(t.Context())
	defer in.Close()
	dag, err := g.ImportCAR(t.Context(), in, node.ImportOptions{})
	if err != nil || dag.Root != d.Root || dag.Size != d.Size {
		t.Fatalf("import = %+v, %v, want root %s, %d bytes", dag, err, d.Root, d.Size)
	}
	return d.Root
}

// same compares two directories.
func same(t testing.TB, a, b string) {
	t.Helper()
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		err := filepath.WalkDir(pair[0], func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, _ := filepath.Rel(pair[0], path)
			one, _ := os.ReadFile(path)
			two, err := os.ReadFile(filepath.Join(pair[1], rel))
			if err != nil || !bytes.Equal(one, two) {
				t.Errorf("%s: %d and %d bytes, %v", rel, len(one), len(two), err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// What is put as a directory is got as it was: with empty and equal files, and
// directories of more names than one node holds.
func TestGetDirectory(t *testing.T) {
	g := startGateway(t)
	src, dst := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "dst")
	files := map[string][]byte{
		"a/big": blob(3<<20+9, 1), "a/equal": blob(3<<20+9, 1), "a/b/c/deep": []byte("x"), "empty": {},
		"a/zeros": make([]byte, 5<<20), ".hidden": []byte("h"), "ü ? #%": []byte("name"),
	}
	for i := range 1200 {
		files[fmt.Sprintf("many/%d %s", i, strings.Repeat("n", 200))] = nil
	}
	write(t, src, files)
	root := g.store(t, src)
	c := g.client(client.Options{Jobs: 8})
	got, err := c.Get(t.Context(), root, dst)
	if err != nil || got.Files != len(files) || !got.Verified || got.Kept != 0 {
		t.Fatalf("Get = %+v, %v", got, err)
	}
	same(t, src, dst)
	write(t, dst, map[string][]byte{"a/big": []byte("changed")})
	if got, err = c.Get(t.Context(), root, dst); err != nil || got.Kept != len(files)-1 {
		t.Errorf("again, with one file changed = %+v, %v", got, err)
	}
	same(t, src, dst)
	if at, err := c.Walk(t.Context(), root, "a/b/c"); err != nil || at == root {
		t.Errorf("Walk = %s, %v", at, err)
	}
	if _, err := c.Walk(t.Context(), root, "a/none"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("Walk to nothing: %v", err)
	}
}

// An answer that breaks off is gone on with behind what was verified.
func TestGetGoesOn(t *testing.T) {
	g := startGateway(t)
	dir := t.TempDir()
	body := blob(8<<20+100, 5)
	write(t, dir, map[string][]byte{"src/f": body})
	top := g.store(t, filepath.Join(dir, "src"))
	c := g.client(client.Options{Tries: 2})
	root, err := c.Walk(t.Context(), top, "f")
	if err != nil {
		t.Fatal(err)
	}
	var ranges []string
	g.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("format") != "car" {
			return false
		}
		if ranges = append(ranges, r.URL.Query().Get("entity-bytes")); len(ranges) > 3 {
			return false
		}
		g.cut(w, r, 2<<20+1<<19)
		return true
	})
	to := filepath.Join(dir, "out")
	got, err := c.Get(t.Context(), root, to)
	data, _ := os.ReadFile(to)
	if err != nil || !got.Verified || !bytes.Equal(data, body) {
		t.Errorf("Get = %+v, %v, %d bytes", got, err, len(data))
	}
	if want := []string{"", "2097152:*", "4194304:*", "6291456:*"}; fmt.Sprint(ranges) != fmt.Sprint(want) {
		t.Errorf("asked for %q, want %q", ranges, want)
	}
}

// What a process has left is gone on with by the next one.
func TestGetGoesOnLater(t *testing.T) {
	g := startGateway(t)
	dir := t.TempDir()
	body := blob(8<<20+100, 7)
	write(t, dir, map[string][]byte{"src/f": body})
	c := g.client(client.Options{Tries: 2})
	root, err := c.Walk(t.Context(), g.store(t, filepath.Join(dir, "src")), "f")
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "out")
	var ranges []string
	g.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("format") != "car" {
			return false
		}
		if ranges = append(ranges, r.URL.Query().Get("entity-bytes")); len(ranges) > 2 {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		g.cut(w, r, 3<<20)
		return true
	})
	if _, err := c.Get(t.Context(), root, to); !errors.Is(err, client.ErrDenied) {
		t.Fatalf("Get of a host that stops: %v", err)
	}
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("half a file has its name: %v", err)
	}
	ranges = nil
	g.set(func(_ http.ResponseWriter, r *http.Request) bool {
		ranges = append(ranges, r.URL.Query().Get("entity-bytes"))
		return false
	})
	if _, err := c.Get(t.Context(), root, to); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(to); !bytes.Equal(data, body) || ranges[len(ranges)-1] != "4194304:*" {
		t.Errorf("gone on with %q: %d bytes", ranges, len(data))
	}
	var out bytes.Buffer
	if n, verified, err := c.Stream(t.Context(), root, &out); err != nil || !verified || n != int64(len(body)) || !bytes.Equal(out.Bytes(), body) {
		t.Errorf("Stream = %d, %v, %v", n, verified, err)
	}
}

// Not a byte is written that a host made up.
func TestGetTampered(t *testing.T) {
	g := startGateway(t)
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"src/f": blob(3<<20, 6)})
	top := g.store(t, filepath.Join(dir, "src"))
	root, err := g.client(client.Options{}).Walk(t.Context(), top, "f")
	if err != nil {
		t.Fatal(err)
	}
	for name, how := range map[string]func(body []byte) []byte{
		"a wrong bit":          func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"another file's CAR":   func([]byte) []byte { return append(car.Header(root), 1, 0) },
		"blocks in disorder":   nil, // that is allowed
		"a CAR without a tail": func(b []byte) []byte { return b[:len(b)-5] },
	} {
		g.set(func(w http.ResponseWriter, r *http.Request) bool {
			if how == nil {
				return false
			}
			rec := httptest.NewRecorder()
			http.StripPrefix("/gw", g.PathGateway()).ServeHTTP(rec, r)
			w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
			w.Write(how(rec.Body.Bytes()))
			return true
		})
		to := filepath.Join(t.TempDir(), "out")
		_, err := g.client(client.Options{Tries: 2}).Get(t.Context(), root, to)
		_, missing := os.Stat(to)
		if how != nil && (err == nil || !os.IsNotExist(missing)) {
			t.Errorf("%s: %v; the file: %v", name, err, missing)
		}
		if name == "a wrong bit" && !errors.Is(err, client.ErrVerify) {
			t.Errorf("%s: %v", name, err)
		}
		if how == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A directory whose names lead elsewhere writes nothing there.
func TestGetEscape(t *testing.T) {
	g := startGateway(t)
	for _, name := range []string{"..", ".", "../x", "a/b", "/etc/x", "a\x00b", `..\x`} {
		var blocks bytes.Buffer
		section := func(c cid.Cid, data []byte) error {
			blocks.Write(car.SectionHead(c, len(data)))
			blocks.Write(data)
			return nil
		}
		b := node.NewBuilder(section)
		f, err := b.File(t.Context(), strings.NewReader("evil"))
		if err != nil {
			t.Fatal(err)
		}
		f.Name = name
		d, err := b.Dir(t.Context(), []node.DirEntry{f.DirEntry})
		if err != nil {
			t.Fatal(err)
		}
		in := io.MultiReader(bytes.NewReader(car.Header(d.Root)), &blocks)
		if _, err := g.ImportCAR(t.Context(), in, node.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		outer := t.TempDir()
		if got, err := g.client(client.Options{}).Get(t.Context(), d.Root, filepath.Join(outer, "in", "dst")); !errors.Is(err, client.ErrVerify) {
			t.Errorf("name %q: %+v, %v", name, got, err)
		}
		filepath.WalkDir(outer, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				t.Errorf("name %q: wrote %s", name, path)
			}
			return nil
		})
	}
}
