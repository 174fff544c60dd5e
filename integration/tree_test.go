//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
)

// tree is the root of a bucket's directory.
func (s *server) tree(bucket string) string {
	s.t.Helper()
	var tree struct {
		Root, Path string
		Pending    bool
	}
	if err := json.Unmarshal([]byte(s.run("bucket", "tree", bucket)), &tree); err != nil {
		s.t.Fatal(err)
	}
	if tree.Root == "" || tree.Pending || tree.Path != "/ipfs/"+tree.Root+"/" {
		s.t.Fatalf("bucket tree = %+v", tree)
	}
	return tree.Root
}

func (s *server) browse(path string) (status int, body string) {
	s.t.Helper()
	res, err := http.Get(s.addr["gateway"] + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// putAll stores the files of a directory under their paths.
func (s *server) putAll(bucket, dir string) {
	s.t.Helper()
	var g errgroup.Group
	g.SetLimit(16)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		g.Go(func() error {
			key := strings.TrimPrefix(path, dir+"/")
			_, err := s.minio().FPutObject(testContext(s.t), bucket, key, path, minio.PutObjectOptions{})
			return err
		})
		return nil
	})
	if err == nil {
		err = g.Wait()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// site is a directory with a file in it that is a site's first page, and, with
// many, one too large for a single node.
func site(t *testing.T, many int) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range map[string]string{
		"index.html": "<h1>home", ".hidden": "dot", "css/a.css": "body{}", "a b/é?.txt": "odd", "big": string(blob(3<<20 + 1)),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if many > 0 {
		if err := os.Mkdir(filepath.Join(dir, "many"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i := range many {
		name := strings.Repeat("n", 230) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		if err := os.WriteFile(filepath.Join(dir, "many", name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A bucket is a site on the gateway, which follows what is put, over restarts.
func TestTreeSite(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	s.makeBucket("site")
	s.putAll("site", site(t, 0))
	root := s.tree("site")
	for path, want := range map[string]string{"/": "<h1>home", "/css/a.css": "body{}", "/a%20b/%C3%A9%3F.txt": "odd", "/css/": "a.css", "/.hidden": "dot"} {
		if status, body := s.browse("/ipfs/" + root + path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %q", path, status, body)
		}
	}
	s.put("site", "css/b.css", []byte("later"))
	s.stop()
	s.up()
	next := s.tree("site")
	if status, body := s.browse("/ipfs/" + next + "/css/b.css"); next == root || status != http.StatusOK || body != "later" {
		t.Errorf("a later object: %d, %q", status, body)
	}
	if status, _ := s.browse("/ipfs/" + root + "/css/b.css"); status != http.StatusNotFound {
		t.Errorf("a later object under the root from before: %d", status)
	}
}

// kubo makes of the same files the directory that the bucket is, a HAMT too,
// lists it and gets it from this node.
func TestKuboTree(t *testing.T) {
	t.Parallel()
	k := startKubo(t, "Import.UnixFSHAMTDirectorySizeEstimation", `"block"`)
	s := start(t, t.TempDir())
	s.makeBucket("site")
	dir := site(t, 950)
	s.putAll("site", dir)
	root := s.tree("site")
	added := k.run("add", "-r", "-Q", "--hidden", "--only-hash", "--cid-version=1", "--raw-leaves", "--chunker=size-1048576", "--max-file-links=1024", dir)
	if got := strings.TrimSpace(string(added)); got != root {
		t.Errorf("kubo adds %s, the bucket is %s", got, root)
	}
	k.run("swarm", "connect", s.addr["libp2p"])
	if list := k.run("ls", "/ipfs/"+root); bytes.Count(list, []byte("\n")) != 6 || !bytes.Contains(list, []byte("many/")) {
		t.Errorf("ipfs ls: %s", list)
	}
	out := filepath.Join(t.TempDir(), "got")
	k.run("get", "-o", out, "/ipfs/"+root)
	compared := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(out, strings.TrimPrefix(path, dir)))
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("%s differs", path)
		}
		compared++
		return err
	})
	if err != nil || compared != 955 {
		t.Errorf("ipfs get: %d files compared, %v", compared, err)
	}
}
