//go:build integration

package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// TestCommandLine gives the binary what it must refuse.
func TestCommandLine(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct {
		name string
		args []string
		env  string
		want []string // each is named in the one message
	}{
		{"unknown flag", []string{"up", "--s4-addr", "x"}, "", []string{"--s4-addr"}},
		{"unknown command", []string{"upp"}, "", []string{`"upp"`}},
		{"unknown subcommand", []string{"bucket", "lsx"}, "", []string{`"lsx"`}},
		{"bad value", []string{"up", "--max-age", "soon"}, "", []string{"max-age", "soon"}},
		{"bad variable", []string{"up"}, "WHYPFS_THRESHOLD=many", []string{"WHYPFS_THRESHOLD", "many"}},
		{"missing file", []string{"up", "--config", "/nonexistent/whypfs.conf"}, "", []string{"/nonexistent/whypfs.conf"}},
		{"unknown setting and bad line together", []string{"up", "--config", file("s4-addr = x\nreplication = six\n")}, "", []string{"s4-addr", "six"}},
		{"half of TLS", []string{"up", "--tls-cert", "x"}, "", []string{"--tls-key"}},
		{"not a zone", []string{"zone", "seal", "x"}, "", []string{`"x"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := exec.Command(binary, append(tc.args, "--data", t.TempDir())...)
			cmd.Env = append(os.Environ(), tc.env)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("exit = %v, want code 2", err)
			}
			for _, w := range tc.want {
				if !strings.Contains(string(out), w) {
					t.Errorf("message %q does not name %q", out, w)
				}
			}
			if strings.Contains(string(out), "Usage:") {
				t.Errorf("message %q buries the fault under the usage text", out)
			}
		})
	}
}

// TestSecondProcess starts two nodes on one data directory.
func TestSecondProcess(t *testing.T) {
	s := start(t, t.TempDir())
	out, err := exec.Command(binary, "up", "--data", s.data, "--s3-addr", s.host("s3"), "--api-addr", s.host("api"),
		"--gateway-addr", s.host("gateway")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), strconv.Itoa(s.cmd.Process.Pid)) {
		t.Errorf("second process: %v, %q; want a refusal that names pid %d", err, out, s.cmd.Process.Pid)
	}
	// Commands work all the same, through the running node, and without it.
	s.run("user", "add", "alice")
	s.stop()
	s.run("key", "add", "--user", "alice", "--access-key", "alicekey", "--secret-key", "alice-secret-key")
	s.up()
	c, err := minio.New(s.host("s3"), &minio.Options{Creds: credentials.NewStaticV4("alicekey", "alice-secret-key", "")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(testContext(t), "alices", minio.MakeBucketOptions{}); err != nil {
		t.Errorf("MakeBucket with a key made while the node was down = %v", err)
	}
}

// TestDiskFull fills the node's disk: uploads get a 507, what was stored is
// intact, reads go on, and when there is room again so do uploads.
func TestDiskFull(t *testing.T) {
	data := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", data).CombinedOutput(); err != nil {
		t.Fatalf("mount a small file system (the test needs root): %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", data).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	// Something else takes room that it later gives back.
	ballast := filepath.Join(data, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 48<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, data)
	c := s.minio()
	if err := c.MakeBucket(testContext(t), "full", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	put := func(i int) ([]byte, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		body := make([]byte, 4<<20)
		io.ReadFull(random(uint64(i)), body)
		_, err := c.PutObject(ctx, "full", fmt.Sprint(i), bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
		return body, err
	}
	var stored []object
	var full error
	for i := 0; i < 60 && full == nil; i++ {
		body, err := put(i)
		if full = err; err == nil {
			stored = append(stored, object{bucket: "full", key: fmt.Sprint(i), body: body})
		}
	}
	if code := minio.ToErrorResponse(full).StatusCode; code != 507 || len(stored) == 0 {
		t.Fatalf("after %d objects PUT = %v (status %d), want 507", len(stored), full, code)
	}
	check := func() {
		t.Helper()
		for _, o := range stored {
			s.check(t, c, o)
		}
		n := 0
		for o := range c.ListObjects(testContext(t), "full", minio.ListObjectsOptions{}) {
			if n++; o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		if n != len(stored) {
			t.Errorf("%d objects are listed, want %d", n, len(stored))
		}
	}
	check()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	body, err := put(1000)
	if err != nil {
		t.Fatalf("PUT when there is room again = %v", err)
	}
	stored = append(stored, object{bucket: "full", key: "1000", body: body})
	check()
	s.kill()
	s.up()
	c = s.minio()
	check()
}
