package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/client"
)

func write(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func put(c *client.Client, local, state string) client.Put {
	return client.Put{Client: c, Local: local, State: state, Total: func(int64) {}, Root: func(client.CID, int64) {}, Skip: func(string) {}}
}

// An upload is verified, tried again, and told to the bar once.
func TestPutFile(t *testing.T) {
	h := startV1(t)
	dir := t.TempDir()
	body := blob(3<<20+1, 1)
	write(t, dir, map[string][]byte{"a b\"ü.bin": body, "empty": {}})
	h.failWith(hurt("POST /content/add", 2, func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 1<<20)
		panic(http.ErrAbortHandler)
	}))
	told := int64(0)
	c := h.client(client.Options{Progress: func(n int64) { told += n }})
	res, err := put(c, filepath.Join(dir, "a b\"ü.bin"), dir).File(t.Context())
	if err != nil || res.Size != int64(len(body)) || res.Name != "a b\"ü.bin" || told != res.Size {
		t.Fatalf("put = %+v, %v; told of %d bytes", res, err, told)
	}
	if got := h.bodies[res.CID.String()]; !bytes.Equal(got, body) || h.contents[0].Name != res.Name {
		t.Errorf("the host has %d bytes as %q", len(got), h.contents[0].Name)
	}
	if res, err := put(c, filepath.Join(dir, "empty"), dir).File(t.Context()); err != nil || res.Size != 0 {
		t.Errorf("put of an empty file = %+v, %v", res, err)
	}
	p := put(c, "-", dir)
	p.Name = "piped"
	if res, err := p.Reader(t.Context(), io.MultiReader(strings.NewReader("x"), bytes.NewReader(body))); err != nil || res.Size != int64(len(body))+1 {
		t.Errorf("put of a pipe = %+v, %v", res, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "state", "*")); err != nil || len(left) != 0 {
		t.Errorf("state that is left: %v, %v", left, err)
	}
}

// A host that answers with a CID of other bytes is found out.
func TestPutLie(t *testing.T) {
	h := startV1(t)
	h.failWith(hurt("POST /content/add", 1, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		answer(w, 200, map[string]any{"cid": "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", "estuaryId": 1})
	}))
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"f": []byte("x")})
	if _, err := put(h.client(client.Options{}), filepath.Join(dir, "f"), dir).File(t.Context()); !errors.Is(err, client.ErrVerify) {
		t.Errorf("put to a host that lies: %v", err)
	}
}

// A directory goes as one CAR whose length V1 insists on, and the host comes to
// the same root.
func TestPutDAG(t *testing.T) {
	h := startV1(t)
	dir := t.TempDir()
	files := map[string][]byte{"tree/a/one": blob(2<<20+5, 1), "tree/a/same": blob(2<<20+5, 1), "tree/b": []byte("b"), "tree/.hidden": {}}
	for i := range 300 {
		files[fmt.Sprintf("tree/many/%d", i)] = fmt.Appendf(nil, "%d", i)
	}
	write(t, dir, files)
	os.Symlink("/etc/passwd", filepath.Join(dir, "tree", "link"))
	os.Mkdir(filepath.Join(dir, "tree", "nothing"), 0o755)
	var skipped []string
	h.failWith(hurt("POST /content/add-car", 1, func(_ http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 1000)
		panic(http.ErrAbortHandler)
	}))
	p := put(h.client(client.Options{}), filepath.Join(dir, "tree"), dir)
	p.Skip = func(path string) { skipped = append(skipped, path) }
	total := int64(0)
	p.Total = func(n int64) { total += n }
	res, err := p.DAG(t.Context())
	if err != nil || res.Files != len(files) || res.ID != 99 || res.Name != "tree" {
		t.Fatalf("put = %+v, %v", res, err)
	}
	if len(h.cars) != 1 || h.cars[0] != total {
		t.Errorf("CARs of %v bytes, told %d", h.cars, total)
	}
	if len(skipped) != 1 || filepath.Base(skipped[0]) != "link" {
		t.Errorf("skipped %v", skipped)
	}
}

// A directory that changes between the readings is read again.
func TestPutDAGChanges(t *testing.T) {
	h := startV1(t)
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"tree/f": []byte("before"), "tree/g": blob(1<<20, 2)})
	p := put(h.client(client.Options{}), filepath.Join(dir, "tree"), dir)
	var roots []string
	p.Root = func(root client.CID, _ int64) {
		if roots = append(roots, root.String()); len(roots) == 1 {
			write(t, dir, map[string][]byte{"tree/f": []byte("after!")})
		}
	}
	res, err := p.DAG(t.Context())
	if err != nil || len(roots) != 2 || res.CID.String() != roots[1] || roots[0] == roots[1] {
		t.Errorf("put = %+v, %v, roots %v", res, err, roots)
	}
	p.Root = func(client.CID, int64) {
		roots = append(roots, "")
		write(t, dir, map[string][]byte{"tree/f": fmt.Appendf(nil, "%d", len(roots))})
	}
	if _, err := p.DAG(t.Context()); err == nil || !strings.Contains(err.Error(), "changes") {
		t.Errorf("put of what changes always: %v", err)
	}
}

// A gateway like V1's sends files whole and in ranges: an answer that breaks
// off is gone on with, and the whole is compared with the CID.
func TestGetPlain(t *testing.T) {
	h := startV1(t)
	body := blob(5<<20+3, 3)
	root := cid.MustParse(h.store("f", body).CID)
	cuts := 0
	h.failWith(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/gw/") || r.URL.RawQuery != "" || cuts == 3 {
			return false
		}
		cuts++
		h.gateway(&short{w, 1 << 20}, withCID(r, root.String()))
		return true
	})
	dir := t.TempDir()
	to := filepath.Join(dir, "out")
	c := h.client(client.Options{Tries: 2}) // more answers break off than it tries: progress gives hope
	got, err := c.Get(t.Context(), root, to)
	if data, _ := os.ReadFile(to); err != nil || !got.Verified || !bytes.Equal(data, body) || cuts != 3 {
		t.Fatalf("Get = %+v, %v; %d bytes, %d cuts", got, err, len(data), cuts)
	}
	if left, _ := filepath.Glob(to + ".*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	if got, err := c.Get(t.Context(), root, to); err != nil || got.Kept != 1 {
		t.Errorf("Get of what is here = %+v, %v", got, err)
	}
	var out bytes.Buffer
	if n, verified, err := c.Stream(t.Context(), root, &out); err != nil || !verified || n != int64(len(body)) || !bytes.Equal(out.Bytes(), body) {
		t.Errorf("Stream = %d, %v, %v", n, verified, err)
	}
	h.bodies[root.String()] = blob(5<<20+3, 4)
	os.Remove(to)
	if _, err := c.Get(t.Context(), root, to); !errors.Is(err, client.ErrVerify) {
		t.Errorf("Get of other bytes: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("wrong bytes are left: %v", left)
	}
	if _, _, err := c.Stream(t.Context(), root, io.Discard); !errors.Is(err, client.ErrVerify) {
		t.Errorf("Stream of other bytes: %v", err)
	}
}

func withCID(r *http.Request, root string) *http.Request {
	r.SetPathValue("cid", root)
	return r
}

// short is an answer that breaks off.
type short struct {
	http.ResponseWriter
	left int
}

func (s *short) Write(p []byte) (int, error) {
	k := min(len(p), s.left)
	s.ResponseWriter.Write(p[:k])
	if s.left -= k; s.left == 0 {
		http.NewResponseController(s.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return k, nil
}

// A host older than V1's 0.1.9 is asked in its own way, and has its own answers.
func TestOldCollections(t *testing.T) {
	h := startV1(t)
	c := h.client(client.Options{})
	col, err := c.Collection(t.Context(), "photos")
	if err != nil || col.UUID != v1Collection || col.CID.Defined() {
		t.Fatalf("Collection = %+v, %v", col, err)
	}
	if col, err = c.Collection(t.Context(), v1Collection); err != nil || col.Name != "photos" {
		t.Errorf("by UUID = %+v, %v", col, err)
	}
	if n := h.sent("GET /collections"); n != 1 {
		t.Errorf("the new route was asked for %d times", n)
	}
	if _, err := c.Collection(t.Context(), "none"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a collection that is none: %v", err)
	}
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"src/x/a": []byte("a"), "src/b": []byte("bb")})
	report := runSync(t, c, client.Sync{Local: filepath.Join(dir, "src"), Collection: v1Collection, Dir: "/up"}, dir)
	if report.Uploaded != 2 {
		t.Errorf("report %+v", report)
	}
	list, err := c.List(t.Context(), v1Collection, "/up/x")
	if err != nil || len(list) != 1 || list[0].Path != "/up/x/a" || list[0].ID == 0 || !list[0].CID.Defined() || list[0].Size != 1 {
		t.Errorf("List = %+v, %v", list, err)
	}
	if report = runSync(t, c, client.Sync{Local: filepath.Join(dir, "src"), Collection: v1Collection, Dir: "/up"}, t.TempDir()); report.Unchanged != 2 || report.Uploaded != 0 {
		t.Errorf("with the journal lost: %+v", report)
	}
	list, err = c.Tree(t.Context(), v1Collection)
	if err != nil || len(list) != 2 || list[1].Path != "/up/x/a" {
		t.Errorf("Tree = %+v, %v", list, err)
	}
	contents, err := c.Contents(t.Context(), 10, 0)
	if err != nil || len(contents) != 2 {
		t.Errorf("Contents = %+v, %v", contents, err)
	}
}

func runSync(t testing.TB, c *client.Client, s client.Sync, state string) client.Report {
	t.Helper()
	j, err := client.OpenJournal(client.JournalDir(state, "sync"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s.Client, s.Journal = c, j
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatalf("sync: %v, %+v", err, report)
	}
	return report
}

// A broken sync goes on with what is missing, and what fails does not stop the rest.
func TestSyncBroken(t *testing.T) {
	h := startV1(t)
	dir, state := t.TempDir(), t.TempDir()
	var names []string
	for i := range 20 {
		name := fmt.Sprintf("%02d", i)
		names = append(names, name)
		write(t, dir, map[string][]byte{name: bytes.Repeat([]byte{'x'}, i+1)})
	}
	bad := 0
	h.failWith(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/content/add" {
			return false
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if bad++; bad%5 == 0 {
			io.Copy(io.Discard, r.Body)
			answer(w, 400, map[string]string{"error": "ERR_INVALID_INPUT", "details": "no"})
			return true
		}
		return false
	})
	c := h.client(client.Options{})
	j, err := client.OpenJournal(state)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s := client.Sync{Client: c, Local: dir, Collection: v1Collection, Journal: j, Delete: true}
	report, err := s.Run(t.Context())
	if !errors.Is(err, client.ErrPartial) || report.Failed != 4 || report.Uploaded != 16 || client.ExitCode(err) != 7 {
		t.Fatalf("sync = %+v, %v", report, err)
	}
	h.failWith(nil)
	if report, err = s.Run(t.Context()); err != nil || report.Uploaded != 4 || report.Unchanged != 16 {
		t.Errorf("again = %+v, %v", report, err)
	}
	list, err := c.Tree(t.Context(), v1Collection)
	var got []string
	for _, e := range list {
		got = append(got, e.Name)
	}
	if err != nil || !slices.Equal(got, names) {
		t.Errorf("the host has %v, %v", got, err)
	}
	empty := s
	empty.Local = t.TempDir()
	if report, err := empty.Run(t.Context()); !errors.Is(err, client.ErrUsage) || report.Deleted != 0 {
		t.Errorf("sync --delete of an empty directory = %+v, %v", report, err)
	}
}
