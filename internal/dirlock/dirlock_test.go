package dirlock_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/dirlock"
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
