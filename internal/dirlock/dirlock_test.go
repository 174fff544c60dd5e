package dirlock_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/dirlock"
	"golang.org/x/sys/unix"
)

func TestAcquire(t *testing.T) {
	dir := t.TempDir()
	l, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	// flock belongs to the open file, so a second open of this process is a stranger too.
	_, err = dirlock.Acquire(dir)
	if !errors.Is(err, dirlock.ErrHeld) {
		t.Fatalf("second Acquire = %v, want ErrHeld", err)
	}
	if !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("error %q does not name the owner's pid", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l, err = dirlock.Acquire(dir)
	if err != nil {
		t.Fatalf("Acquire after Release = %v", err)
	}
	l.Release()
}

// TestReleaseBesideFork: what a process that is being started has of the files
// of its parent does not keep the directory.
func TestReleaseBesideFork(t *testing.T) {
	dir := t.TempDir()
	l, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	copies := 0
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range fds {
		if path, _ := os.Readlink("/proc/self/fd/" + e.Name()); path == dir+"/lock" {
			fd, _ := strconv.Atoi(e.Name())
			child, err := unix.Dup(fd)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(child)
			copies++
			break
		}
	}
	if err := l.Release(); err != nil || copies != 1 {
		t.Fatalf("Release = %v beside %d copies", err, copies)
	}
	again, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatalf("Acquire after Release = %v", err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}
