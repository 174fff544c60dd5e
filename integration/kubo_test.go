//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/node"
)

// kuboModule is the version that the tests talk to, built from its own source.
const kuboModule = "github.com/ipfs/kubo@v0.43.0"

// kuboBinary returns the path of kubo. Building it takes minutes, so it is
// kept in the user's cache, where ./bench looks for it too; without it there
// the tests run only if WHYPFS_TEST_KUBO=1 asks for the build. That took seven
// minutes on two processors that did other work too.
func kuboBinary(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(cache, "whypfs-bench", "bin", "ipfs")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("WHYPFS_TEST_KUBO") != "1" {
		t.Skipf("%s is not there; WHYPFS_TEST_KUBO=1 builds it, in two to seven minutes", path)
	}
	kuboBuild.Do(func() { kuboErr = buildKubo(path) })
	if kuboErr != nil {
		t.Fatalf("build kubo: %v", kuboErr)
	}
	return path
}

var (
	kuboBuild sync.Once
	kuboErr   error // set by kuboBuild
)

func buildKubo(path string) error {
	out, err := exec.Command("go", "mod", "download", "-json", kuboModule).Output()
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return err
	}
	// The module's own folder is read only and not the main module.
	src, err := os.MkdirTemp("", "kubo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(src)
	if err := os.CopyFS(filepath.Join(src, "kubo"), os.DirFS(module.Dir)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	build := exec.Command("go", "build", "-o", temp, "./cmd/ipfs")
	build.Dir = filepath.Join(src, "kubo")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return os.Rename(temp, path)
}

// kubo is a running kubo node on loopback that knows of nobody.
type kubo struct {
	t    *testing.T
	path string
	repo string
	log  syncBuffer
}

// startKubo makes a node with some settings more, pairs of a name and its JSON.
func startKubo(t *testing.T, settings ...string) *kubo {
	t.Helper()
	k := &kubo{t: t, path: kuboBinary(t), repo: t.TempDir()}
	k.run("init", "--empty-repo", "--profile=test")
	settings = append([]string{
		"AutoConf.Enabled", "false",
		"AutoTLS.Enabled", "false",
		"Bootstrap", "[]",
		"DNS.Resolvers", "{}",
		"Ipns.DelegatedPublishers", "[]",
		"Provide.Enabled", "false",
		"Routing.Type", `"none"`,
		"Routing.DelegatedRouters", "[]",
	}, settings...)
	for i := 0; i < len(settings); i += 2 {
		k.run("config", "--json", settings[i], settings[i+1])
	}
	daemon := k.command(context.Background(), "daemon")
	daemon.Stdout, daemon.Stderr = &k.log, &k.log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- daemon.Wait() }()
	t.Cleanup(func() {
		daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			daemon.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Logf("log of kubo:\n%s", k.log.tail(100))
		}
	})
	await(t, time.Minute, "kubo is ready", func() bool {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("kubo ended: %v\n%s", err, k.log.tail(100))
		default:
		}
		return strings.Contains(k.log.tail(100), "Daemon is ready")
	})
	return k
}

func (k *kubo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, k.path, args...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+k.repo)
	return cmd
}

// run runs a command of kubo's and returns what it printed.
func (k *kubo) run(args ...string) []byte {
	k.t.Helper()
	out, err := k.try(time.Minute, args...)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

func (k *kubo) try(limit time.Duration, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := k.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("ipfs %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.Bytes(), nil
}

// addr is where the node is dialled.
func (k *kubo) addr() string {
	var id struct{ Addresses []string }
	if err := json.Unmarshal(k.run("id"), &id); err != nil || len(id.Addresses) == 0 {
		k.t.Fatalf("addresses of kubo: %v, %v", id.Addresses, err)
	}
	return id.Addresses[0]
}

// put stores an object and returns its CID.
func (s *server) put(bucket, key string, body []byte) string {
	s.t.Helper()
	ctx := testContext(s.t)
	if _, err := s.minio().PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
		s.t.Fatal(err)
	}
	info, err := s.minio().StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	c := info.UserMetadata["Cid"]
	if c == "" {
		s.t.Fatalf("%s/%s has no CID: %v", bucket, key, info.UserMetadata)
	}
	return c
}

func (s *server) makeBucket(name string, policy ...string) {
	s.t.Helper()
	if err := s.minio().MakeBucket(testContext(s.t), name, minio.MakeBucketOptions{}); err != nil {
		s.t.Fatal(err)
	}
	if len(policy) > 0 {
		s.run(append([]string{"bucket", "policy", name}, policy...)...)
	}
}

// A stranger's kubo gets what is public, by bitswap from a peer it is connected
// to, and never what is private.
func TestKuboBitswap(t *testing.T) {
	t.Parallel()
	k := startKubo(t)
	s := start(t, t.TempDir())
	s.makeBucket("public")
	s.makeBucket("private", "--publish=false")
	body := blob(7<<20 + 3)
	public := s.put("public", "a", body)
	secret := s.put("private", "b", blob(3<<20))
	small := s.put("private", "c", []byte("one block"))
	k.run("swarm", "connect", s.addr["libp2p"])
	if got := k.run("cat", "/ipfs/"+public); !bytes.Equal(got, body) {
		t.Errorf("ipfs cat brought %d bytes, want %d", len(got), len(body))
	}
	for _, c := range []string{secret, small} {
		if got, err := k.try(2*time.Second, "cat", "/ipfs/"+c); err == nil {
			t.Errorf("kubo got %d bytes of a private object", len(got))
		}
	}
	// What was public until now, and what is again.
	late := blob(2<<20 + 7)
	c := s.put("public", "late", late)
	s.run("bucket", "policy", "public", "--publish=false")
	if got, err := k.try(2*time.Second, "cat", "/ipfs/"+c); err == nil {
		t.Errorf("kubo got %d bytes of an object that was made private", len(got))
	}
	s.run("bucket", "policy", "public", "--publish")
	if got := k.run("cat", "/ipfs/"+c); !bytes.Equal(got, late) {
		t.Errorf("ipfs cat of what is public again brought %d bytes, want %d", len(got), len(late))
	}
	if out := s.run("peer", "ls"); !strings.Contains(out, strings.TrimSpace(string(k.run("id", "-f", "<id>")))) {
		t.Errorf("whypfs peer ls = %s", out)
	}
	// The same importer: kubo gives the bytes the CID that the object has.
	if got := k.run("add", "-Q", "--only-hash", "--cid-version=1", "--raw-leaves", "--chunker=size-1048576",
		"--max-file-links=1024", write(t, body)); strings.TrimSpace(string(got)) != public {
		t.Errorf("kubo's CID = %s, ours %s", got, public)
	}
}

// kubo without a DHT finds this node by its routing API, and dials it.
func TestKuboFindsByRoutingAPI(t *testing.T) {
	t.Parallel()
	kuboBinary(t)
	s := start(t, t.TempDir())
	s.makeBucket("public")
	body := blob(2<<20 + 1)
	c := s.put("public", "a", body)
	k := startKubo(t, "Routing.Type", `"delegated"`, "Routing.DelegatedRouters", `["`+s.addr["gateway"]+`"]`)
	if peers := k.run("swarm", "peers"); len(bytes.TrimSpace(peers)) != 0 {
		t.Fatalf("kubo is connected to %s before it asks", peers)
	}
	if got := k.run("cat", "/ipfs/"+c); !bytes.Equal(got, body) {
		t.Errorf("ipfs cat brought %d bytes, want %d", len(got), len(body))
	}
}

// blob returns random bytes, the same for the same size.
func blob(size int) []byte {
	b := make([]byte, size)
	io.ReadFull(random(uint64(size)), b)
	return b
}

// api gets a path of the API address.
func (s *server) api(path string) string {
	s.t.Helper()
	res, err := http.Get(s.addr["api"] + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A node with default settings says that it is isolated, until someone dials it.
func TestIsolatedSaysSo(t *testing.T) {
	s := start(t, t.TempDir())
	get := func(path string) string { return s.api(path) }
	for _, path := range []string{"/healthz", "/readyz"} {
		if text := get(path); !strings.Contains(text, "isolated: no peers") {
			t.Errorf("%s = %q", path, text)
		}
	}
	if out := s.run("peer", "ls"); !strings.Contains(out, "no peers") {
		t.Errorf("peer ls = %q", out)
	}
	other := start(t, t.TempDir(), "--peering", s.addr["libp2p"])
	await(t, 20*time.Second, "a peer", func() bool { return !strings.Contains(get("/readyz"), "isolated") })
	if out := other.run("peer", "ls"); !strings.Contains(out, "PEER") {
		t.Errorf("peer ls of the other = %q", out)
	}
	if text := get("/metrics"); !strings.Contains(text, "\nwhypfs_node_isolated 0\n") {
		t.Error("the metric still says isolated")
	}
}

// This node gets what kubo has, whatever kubo's layout, and reads it.
func TestFetchFromKubo(t *testing.T) {
	t.Parallel()
	k := startKubo(t)
	n, err := node.Open(testContext(t), node.Config{Dir: t.TempDir(), ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"}, Peering: []string{k.addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	body := blob(5<<20 + 11)
	file := write(t, body)
	for _, layout := range [][]string{
		{"--cid-version=0"},
		{"--cid-version=1", "--raw-leaves", "--chunker=size-1048576"},
		{"--cid-version=1", "--trickle"},
	} {
		root, err := cid.Decode(strings.TrimSpace(string(k.run(append([]string{"add", "-Q", file}, layout...)...))))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(testContext(t), 30*time.Second)
		defer cancel()
		lease := n.Lease()
		defer lease.Release()
		if err := n.Fetch(ctx, root, true); err != nil {
			t.Errorf("%v: %v", layout, err)
			continue
		}
		f, err := n.OpenFile(ctx, root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%v: read %d bytes, %v; want %d", layout, len(got), err, len(body))
		}
	}
}
