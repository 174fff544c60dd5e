//go:build integration

package integration

import (
	"bufio"
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

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	accessKey = "integrationkey"
	secretKey = "integration-secret-key"
)

// binary is the whypfs under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Unsetenv("AWS_CA_BUNDLE") // it would replace the CA that a test makes for its own server
	dir, err := os.MkdirTemp("", "whypfs-integration")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "whypfs")
	build := exec.Command("go", "build", "-o", binary, "../cmd/whypfs")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// server is a running whypfs process.
type server struct {
	t    *testing.T
	data string
	args []string
	wrap []string // a command that runs the binary
	cmd  *exec.Cmd
	log  *syncBuffer
	done chan struct{} // closed when the process has ended
	addr map[string]string
	ca   string // PEM file of the certificate, with HTTPS
	// command are the arguments of a process that is no node; nil: of one.
	command func(at func(name string) string) []string
	ruled   bool // it has no root key of its own: a service keeps its accounts
}

// start runs `whypfs up` on data, which may hold an earlier node's, and waits until it is ready.
func start(t *testing.T, data string, args ...string) *server {
	t.Helper()
	return (&server{t: t, data: data, args: args}).start()
}

func (s *server) start() *server {
	s.t.Helper()
	t := s.t
	s.up()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("log of the node:\n%s", s.log.tail(200))
		}
	})
	return s
}

// up starts the process (again).
func (s *server) up() {
	s.t.Helper()
	if err := s.tryUp(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) tryUp() error {
	// A node that comes back has its addresses still: providers fetch pieces from them.
	at := func(name string) string {
		if s.addr == nil {
			return "127.0.0.1:0"
		}
		return s.host(name)
	}
	args := []string{"up", "--data", s.data, "--s3-addr", at("s3"), "--api-addr", at("api"),
		"--gateway-addr", at("gateway"), "--libp2p-addr", "/ip4/127.0.0.1/tcp/0"}
	if s.command != nil {
		args = s.command(at)
	}
	args = append(args, s.args...)
	run := append(append(append([]string{}, s.wrap...), binary), args...)
	s.cmd = exec.Command(run[0], run[1:]...)
	s.cmd.Env = os.Environ()
	if !s.ruled {
		s.cmd.Env = append(s.cmd.Env, "WHYPFS_ROOT_ACCESS_KEY="+accessKey, "WHYPFS_ROOT_SECRET_KEY="+secretKey)
	}
	s.log = &syncBuffer{}
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	ready := make(chan map[string]string, 1)
	go func() {
		defer close(s.done)
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			if words := strings.Fields(sc.Text()); len(words) > 0 && words[0] == "ready" {
				ready <- addresses(words[1:])
			}
		}
		s.cmd.Wait()
	}()
	select {
	case s.addr = <-ready:
		return nil
	case <-s.done:
		return fmt.Errorf("whypfs up ended before it was ready: %s", s.log.tail(50))
	case <-time.After(60 * time.Second):
		s.cmd.Process.Kill()
		return fmt.Errorf("whypfs up was not ready in 60 s: %s", s.log.tail(50))
	}
}

func addresses(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok {
			m[name] = value
		}
	}
	return m
}

// stop ends the process as an operator would and checks that it ends well.
func (s *server) stop() {
	s.t.Helper()
	select {
	case <-s.done:
		return
	default:
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			s.t.Errorf("exit code after SIGTERM = %d, want 0", code)
		}
	case <-time.After(30 * time.Second):
		s.cmd.Process.Signal(syscall.SIGQUIT)
		<-s.done
		s.t.Errorf("whypfs did not stop within 30 s of SIGTERM")
	}
}

// kill ends the process with SIGKILL.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.done
}

// run executes a whypfs command against the data directory and returns what it printed.
func (s *server) run(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(binary, append(args, "--data", s.data)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("whypfs %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// list decodes the JSON that a listing command prints.
func list[T any](s *server, args ...string) []T {
	s.t.Helper()
	var v []T
	text := s.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		s.t.Fatalf("whypfs %s --json: %v in %s", strings.Join(args, " "), err, text)
	}
	return v
}

// host is the address of one of the APIs without its scheme.
func (s *server) host(name string) string {
	_, host, _ := strings.Cut(s.addr[name], "://")
	return host
}

func (s *server) tls() bool { return strings.HasPrefix(s.addr["s3"], "https:") }

// minio returns a client of the S3 API that retries as minio-go does by default.
func (s *server) minio() *minio.Client { return s.minioTrying(0) }

// minioTrying returns a client that tries a request so often; 0 is minio-go's default.
func (s *server) minioTrying(times int) *minio.Client {
	s.t.Helper()
	c, err := minio.New(s.host("s3"), &minio.Options{
		Creds:      credentials.NewStaticV4(accessKey, secretKey, ""),
		Secure:     s.tls(),
		Transport:  s.transport(),
		MaxRetries: times,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// gateway gets a path of the IPFS gateway.
func (s *server) gateway(client *http.Client, path string) ([]byte, error) {
	res, err := client.Get(s.addr["gateway"] + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return nil, fmt.Errorf("GET %s = %s: %s", path, res.Status, text)
	}
	return io.ReadAll(res.Body)
}

// await calls ok until it is true, at most for the given time.
func await(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s did not happen", limit, what)
		}
		time.Sleep(100 * time.Millisecond) // another process's state can only be polled
	}
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx
}

// syncBuffer collects a process's output.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) tail(lines int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := strings.Split(strings.TrimRight(b.buf.String(), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
