package buckets_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// A naiveDir is a directory of the tree that a bucket's objects make, made of
// all of them at once.
type naiveDir struct {
	files map[string]ipld.Node
	dirs  map[string]*naiveDir
}

func newNaiveDir() *naiveDir {
	return &naiveDir{files: map[string]ipld.Node{}, dirs: map[string]*naiveDir{}}
}

// naiveName is the rule of docs/cid.md, in other words.
func naiveName(s string) string {
	escaped := strings.ReplaceAll(s, "%", "%25")
	for _, r := range "\x00\x01\n\x1f\x7f\u0085" {
		code := ""
		for _, b := range []byte(string(r)) {
			code += fmt.Sprintf("%%%02X", b)
		}
		escaped = strings.ReplaceAll(escaped, string(r), code)
	}
	switch {
	case s == "", s == ".", s == "..", s[0] == '%', strings.HasSuffix(s, "%file"), strings.ContainsAny(s, "\x00\x01\n\x1f\x7f\u0085"):
		return "%" + escaped
	}
	return s
}

// node makes the directory with boxo.
func (d *naiveDir) node(t *testing.T, ds ipld.DAGService) ipld.Node {
	t.Helper()
	p := uio.UnixFS_v1_2025
	dir, err := uio.NewDirectory(ds, uio.WithCidBuilder(p.CidBuilder()), uio.WithSizeEstimationMode(p.HAMTSizeEstimation))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]ipld.Node{}
	for name, sub := range d.dirs {
		names[naiveName(name)] = sub.node(t, ds)
	}
	for name, nd := range d.files {
		shown := naiveName(name)
		if d.dirs[name] != nil {
			shown += "%file"
		}
		if names[shown] != nil {
			t.Fatalf("two entries are named %q", shown)
		}
		names[shown] = nd
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := dir.AddChild(t.Context(), name, names[name]); err != nil {
			t.Fatal(err)
		}
	}
	nd, err := dir.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	return nd
}

// naiveTree is the root of the tree of a bucket, made from a listing.
func (f *fixture) naiveTree(b buckets.Bucket) cid.Cid {
	f.t.Helper()
	root := newNaiveDir()
	for q := (buckets.Query{Max: 1000}); ; {
		page, err := f.List(f.t.Context(), b, q)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, o := range page.Objects {
			segments := strings.Split(o.Key, "/")
			d := root
			for _, s := range segments[:len(segments)-1] {
				if d.dirs[s] == nil {
					d.dirs[s] = newNaiveDir()
				}
				d = d.dirs[s]
			}
			if last := segments[len(segments)-1]; last != "" || o.Size > 0 {
				d.files[last] = f.dagNode(o.CID)
			}
		}
		if !page.More {
			return root.node(f.t, mdtest.Mock()).Cid()
		}
		q.After = page.Next
	}
}

func (f *fixture) dagNode(c cid.Cid) ipld.Node {
	f.t.Helper()
	data, err := f.node.Block(f.t.Context(), c)
	if err != nil {
		f.t.Fatal(err)
	}
	blk, err := blocks.NewBlockWithCid(data, c)
	if err != nil {
		f.t.Fatal(err)
	}
	nd, err := merkledag.DecodeProtobufBlock(blk)
	if c.Type() == cid.Raw {
		nd, err = merkledag.DecodeRawBlock(blk)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return nd
}

// tree is a bucket's tree with every change.
func (f *fixture) tree(b buckets.Bucket) cid.Cid {
	f.t.Helper()
	t, err := f.Tree(f.t.Context(), b, time.Minute)
	if err != nil {
		f.t.Fatal(err)
	}
	if t.Pending || !t.Root.Defined() {
		f.t.Fatalf("Tree = %+v", t)
	}
	return t.Root
}

// checkTree compares a bucket's tree with one that is made of all its objects.
func (f *fixture) checkTree(b buckets.Bucket) {
	f.t.Helper()
	if got, want := f.tree(b), f.naiveTree(b); !got.Equals(want) {
		f.t.Fatalf("tree = %s, want %s", got, want)
	}
}

// browse is what the gateway answers for a path under a root, as it is.
func (f *fixture) browse(root cid.Cid, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://127.0.0.1/ipfs/"+root.String()+path, nil)
	w := httptest.NewRecorder()
	f.node.Gateway().ServeHTTP(w, r)
	return w
}

// carOfDir is the CAR of a UnixFS directory with one file.
func carOfDir(t *testing.T, name, data string) string {
	t.Helper()
	leaf := merkledag.NewRawNode([]byte(data))
	d, err := uio.NewDirectory(mdtest.Mock(), uio.WithCidBuilder(uio.UnixFS_v1_2025.CidBuilder()))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddChild(t.Context(), name, leaf); err != nil {
		t.Fatal(err)
	}
	nd, err := d.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	b := append(car.Header(nd.Cid()), car.SectionHead(nd.Cid(), len(nd.RawData()))...)
	b = append(append(b, nd.RawData()...), car.SectionHead(leaf.Cid(), len(data))...)
	return string(b) + data
}

// Every odd key has a path, and no two have one.
func TestTreeNames(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	b := f.bucket("one")
	ctx := t.Context()
	long := strings.Repeat("l", 1000)
	paths := map[string]string{
		"plain":          "/plain",
		"dir/in":         "/dir/in",
		"a":              "/a%25file", // beside a/b
		"a-":             "/a-",
		"a-b":            "/a-b",
		"a/b":            "/a/b",
		"a//b":           "/a/%25/b",
		"/lead":          "/%25/lead",
		"/":              "/%25/%25", // with bytes in it
		"full/":          "/full/%25",
		"./x":            "/%25./x",
		"..":             "/%25..%25file",
		"../x":           "/%25../x",
		"q/../y":         "/q/%25../y",
		"100%":           "/100%25",
		"%":              "/%25%2525",
		"%file":          "/%25%2525file",
		"r%file":         "/%25r%2525file",
		"nl\n":           "/%25nl%250A",
		"nul\x00\u0085x": "/%25nul%2500%25C2%2585x",
		"é ü?#":          "/é%20ü%3F%23",
		"back\\slash":    "/back%5Cslash",
		long:             "/" + long,
	}
	for key := range paths {
		f.put(b, key, "body of "+key)
	}
	f.put(b, "empty/", "")
	f.put(b, "dir/", "")
	f.checkTree(b)
	root := f.tree(b)
	for key, path := range paths {
		if w := f.browse(root, path); w.Code != http.StatusOK || w.Body.String() != "body of "+key {
			t.Errorf("%q at %q: %d, %q", key, path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/empty/", "/dir/", "/"} {
		if w := f.browse(root, path); w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Type"), "html") {
			t.Errorf("listing of %q: %d, %v", path, w.Code, w.Header())
		}
	}
	if w := f.browse(root, "/missing"); w.Code != http.StatusNotFound {
		t.Errorf("missing key: %d", w.Code)
	}
	// The same from a tree that was there before them.
	c := f.bucket("two")
	f.tree(c)
	for key := range paths {
		f.put(c, key, "body of "+key)
	}
	f.put(c, "empty/", "")
	f.put(c, "dir/", "")
	if got := f.tree(c); !got.Equals(root) {
		t.Errorf("tree that grew = %s, want %s", got, root)
	}
	f.put(b, "index.html", "<p>home")
	if w := f.browse(f.tree(b), "/"); w.Body.String() != "<p>home" {
		t.Errorf("index.html: %d, %q", w.Code, w.Body)
	}
	if err := f.ForgetTree(ctx, b); err != nil {
		t.Fatal(err)
	}
}

// Whatever is done to the objects of a bucket, its tree is that of its objects.
func TestTreeModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
			m := &treeModel{f: f, r: rand.New(rand.NewPCG(seed, 7)), b: f.bucket("one")}
			m.dir = carOfDir(t, "b", "in a CAR")
			m.chunk = []int{8192, 3, 1}[seed]
			f.HurryTrees(m.chunk, time.Hour)
			if seed%2 == 1 {
				wantErr(t, "SetVersioning", f.SetVersioning(t.Context(), m.b, buckets.Enabled), nil)
			}
			for range 40 {
				for range 1 + m.r.IntN(12) {
					m.step()
				}
				f.checkTree(m.b)
			}
		})
	}
}

// treeModel does things to a bucket.
type treeModel struct {
	f     *fixture
	r     *rand.Rand
	b     buckets.Bucket
	dir   string // a CAR of a directory
	chunk int    // touched keys that are worked on at a time
}

var treeKeys = []string{
	"a", "a/", "a/b", "a/b/c", "a/b/", "a//b", "a-", "a-b", "a/-", "a0", "/", "/a", "//", ".", "./a", "..", "x/../y",
	"d/1", "d/2", "d/3", "d/e/1", "d/e/2", "d/e", "d", "c\n", "c\n/1", "%", "%/a", "a%file", "a%file/x", "e%file",
}

func (m *treeModel) step() {
	t, ctx := m.f.t, m.f.t.Context()
	key := treeKeys[m.r.IntN(len(treeKeys))]
	var err error
	switch n := m.r.IntN(100); {
	case n < 45:
		m.f.put(m.b, key, []string{"", "x", "other", strings.Repeat("2", 1<<20+5)}[m.r.IntN(4)])
	case n < 52:
		_, err = m.f.Put(ctx, m.b, key, 7, upload(m.dir), buckets.Attributes{CAR: true}, buckets.Conditions{})
	case n < 80:
		m.f.delete(m.b, key)
	case n < 86:
		var src buckets.Object
		if src, err = m.f.Head(ctx, m.b, key, ""); err == nil {
			_, err = m.f.Copy(ctx, src, m.b, treeKeys[m.r.IntN(len(treeKeys))], 7, src.Attributes, buckets.Conditions{})
		}
	case n < 92:
		var page buckets.VersionPage
		if page, err = m.f.Versions(ctx, m.b, buckets.VersionQuery{Prefix: key, Max: 1}); err == nil && len(page.Versions) > 0 {
			err = m.f.deleteErr(m.b, page.Versions[0].Key, buckets.DeleteOptions{Version: page.Versions[0].VersionID()})
		}
	case n < 94:
		err = m.f.ForgetTree(ctx, m.b)
	case n < 97:
		_, err = m.f.Sweep(ctx)
	default:
		m.f.reopen()
		m.f.HurryTrees(m.chunk, time.Hour)
	}
	if err != nil && !errors.Is(err, buckets.ErrNoObject) {
		t.Fatalf("step with %q: %v", key, err)
	}
}

// A directory becomes a HAMT and one node again as its keys come and go.
func TestTreeThreshold(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	f.checkTree(b)
	var keys []string
	for i := range 330 {
		keys = append(keys, fmt.Sprintf("d/%04d%s", i, strings.Repeat("n", 900)))
	}
	f.put(b, "d", "a file")
	for _, n := range []int{200, 330} {
		f.putAll(b, keys[:n], "body")
		f.checkTree(b)
	}
	for _, to := range []int{320, 280, 265, 100, 0} {
		for _, key := range keys[to:] {
			f.delete(b, key)
		}
		keys = keys[:to]
		f.checkTree(b)
	}
}

// A tree is a view: it keeps no object here, and what is offloaded can be read through it.
func TestTreeHoldsNoObjects(t *testing.T) {
	var f *fixture
	body := fresh(3 << 20)
	d := &dealer{restore: func(ctx context.Context, _ buckets.Content) error {
		_, err := f.node.Import(ctx, strings.NewReader(body), node.ImportOptions{})
		return err
	}}
	f = newTest(t, buckets.Options{Dealer: d, Policy: buckets.Policy{Publish: true}})
	b := f.bucket("one")
	o := f.put(b, "dir/key", body)
	root := f.tree(b)
	f.completed(b)
	if err := f.Offload(t.Context(), o.Content); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.node.Usage().Blocks; n != 2 {
		t.Errorf("%d blocks are left, want those of two directories", n)
	}
	if w := f.browse(root, "/dir/"); w.Code != http.StatusOK {
		t.Errorf("listing: %d %s", w.Code, w.Body)
	}
	if w := f.browse(root, "/dir/key"); w.Code != http.StatusOK || w.Body.String() != body {
		t.Errorf("what was offloaded, by its path: %d, %d bytes", w.Code, w.Body.Len())
	}
	if err := f.Offload(t.Context(), o.Content); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A tree that is built now is the same.
	if err := f.ForgetTree(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if again := f.tree(b); !again.Equals(root) {
		t.Errorf("tree of what is not here = %s, want %s", again, root)
	}
}
