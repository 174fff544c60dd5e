package pebble

import (
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// faultyLog is a file system whose log cannot be written once it is told so.
type faultyLog struct{ on atomic.Bool }

func (f *faultyLog) MaybeError(op errorfs.Op) error {
	if f.on.Load() && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log") {
		return syscall.EIO
	}
	return nil
}

func (f *faultyLog) String() string { return "faulty log" }

// TestLogFails: a log that cannot be written ends the process, though the caller
// of Put catches panics, as servers do; nobody is left to hang.
func TestLogFails(t *testing.T) {
	const child = "WHYPFS_TEST_LOG_FAILS"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLogFails$", "-test.timeout", "30s")
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: ") || strings.Contains(string(out), "timed out") {
			t.Errorf("the process = %v; want an end by a panic\n%s", err, out)
		}
		return
	}
	fault := &faultyLog{}
	s := openMem(t, errorfs.Wrap(vfs.NewCrashableMem(), fault))
	fault.on.Store(true)
	for i := range 40 {
		func() {
			defer func() { _ = recover() }()
			c, data := testBlock(t, i)
			_ = s.Batch(true).Put(t.Context(), c, data)
		}()
	}
}
