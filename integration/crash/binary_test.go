//go:build integration

package crash

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/whypfs/whypfs/internal/crashsim"
)

const (
	accessKey = "crashkey"
	secretKey = "crash-secret-key"
)

// buildBinary builds whypfs once, for the tests that need it whole.
var buildBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "whypfs-crash-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "whypfs")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/whypfs").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// A tracedServer is the real binary under strace.
type tracedServer struct {
	data, trace string
	cmd         *exec.Cmd
	s3          string // host and port
	log         *os.File
}

// startTraced runs `whypfs up`, with more options of strace.
func startTraced(t *testing.T, driver string, more ...string) *tracedServer {
	t.Helper()
	s, err := tryTraced(t, driver, more...)
	must(t, err)
	return s
}

// tryTraced is startTraced for a process that a fault may strike before it is ready.
func tryTraced(t *testing.T, driver string, more ...string) (*tracedServer, error) {
	t.Helper()
	binary, err := buildBinary()
	must(t, err)
	dir := t.TempDir()
	s := &tracedServer{data: filepath.Join(dir, "data"), trace: filepath.Join(dir, "trace")}
	must(t, os.Mkdir(s.data, 0o700))
	s.log, err = os.Create(filepath.Join(dir, "log"))
	must(t, err)
	s.cmd = crashsim.Command(t.Context(), s.trace, more, binary, "up", "--data", s.data, "--s3-addr", "127.0.0.1:0",
		"--api-addr", "127.0.0.1:0", "--gateway-addr", "127.0.0.1:0", "--libp2p-addr", "", "--meta", driver)
	s.cmd.Env = append(os.Environ(), "WHYPFS_ROOT_ACCESS_KEY="+accessKey, "WHYPFS_ROOT_SECRET_KEY="+secretKey)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	must(t, err)
	must(t, s.cmd.Start())
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			s.signal(syscall.SIGKILL)
			s.cmd.Wait()
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		for word := range strings.FieldsSeq(lines.Text()) {
			if url, ok := strings.CutPrefix(word, "s3=http://"); ok {
				s.s3 = url
				go func() { // the pipe must not fill
					for lines.Scan() {
					}
				}()
				return s, nil
			}
		}
	}
	s.cmd.Wait()
	text, err := os.ReadFile(s.log.Name())
	return nil, errors.Join(fmt.Errorf("whypfs up was not ready: %s", tail(text)), err)
}

// signal sends a signal to the process under strace.
func (s *tracedServer) signal(sig syscall.Signal) error {
	pid := s.cmd.Process.Pid
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	var errs []error
	for child := range strings.FieldsSeq(string(b)) {
		n, err := strconv.Atoi(child)
		if err == nil {
			err = syscall.Kill(n, sig)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// end ends the process and reads what it did.
func (s *tracedServer) end(t *testing.T, sig syscall.Signal) *crashsim.Log {
	t.Helper()
	must(t, s.signal(sig))
	if err := s.cmd.Wait(); err != nil && sig != syscall.SIGKILL {
		text, _ := os.ReadFile(s.log.Name())
		t.Fatalf("whypfs up: %v\n%s", err, tail(text))
	}
	log := emptyLog(s.data)
	calls, err := crashsim.ParseFile(s.trace)
	must(t, err)
	must(t, log.Add("/", calls))
	return log
}

// client tries each request once.
func (s *tracedServer) client(t *testing.T) *minio.Core {
	t.Helper()
	c, err := minio.NewCore(s.s3, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), MaxRetries: 1})
	must(t, err)
	return c
}
