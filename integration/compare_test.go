//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// standardLibrary copies the source of Go's standard library, without the
// commands, so that every client walks the same regular files.
func standardLibrary(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(out)), "src")
	dir := t.TempDir()
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(src, path)
		switch {
		case err != nil:
			return err
		case rel == "cmd":
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sameTree checks that got holds want's files, byte for byte, and no others.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(want, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(want, path)
		a, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(got, rel))
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("%s differs after the round trip", rel)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	m := 0
	filepath.WalkDir(got, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			m++
		}
		return err
	})
	if n == 0 || m != n {
		t.Errorf("%d files came back of %d", m, n)
	}
}

// sameOverGateway reads every file of dir through the gateway by the CID that
// S3 gives for it.
func sameOverGateway(t *testing.T, s *server, dir, bucket string) {
	t.Helper()
	c, hc := s.minio(), &http.Client{Transport: s.transport()}
	err := eachFile(dir, func(path, key string) error {
		info, err := c.StatObject(context.Background(), bucket, key, minio.StatObjectOptions{})
		if err != nil {
			return fmt.Errorf("HEAD %s: %w", key, err)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := s.gateway(hc, "/ipfs/"+cidOf(info))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s over the gateway: %d bytes that differ from the file's %d", key, len(got), len(want))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// sameFile compares an object with the file it came from, over S3 and over the gateway.
func sameFile(t *testing.T, s *server, file, bucket, key, cid string) {
	t.Helper()
	o, err := s.minio().GetObject(testContext(t), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	sameBytes(t, file, o)
	res, err := (&http.Client{Transport: s.transport()}).Get(s.addr["gateway"] + "/ipfs/" + cid)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sameBytes(t, file, res.Body)
}

func sameBytes(t *testing.T, file string, got io.Reader) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sameStream(t, f, got)
}

func sameStream(t *testing.T, want, got io.Reader) {
	t.Helper()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for off := int64(0); ; {
		n, errA := io.ReadFull(want, a)
		m, errB := io.ReadFull(got, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) || (errA == nil) != (errB == nil) {
			t.Fatalf("bytes after %d differ: read %d (%v), want %d (%v)", off, m, errB, n, errA)
		}
		if off += int64(n); errA != nil {
			return
		}
	}
}
