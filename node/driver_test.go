package node

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spoil flips a bit of each copy of data in the files of a closed store.
func spoil(t testing.TB, dir string, data []byte) {
	t.Helper()
	data = data[:min(64, len(data))] // a driver may keep a block in pieces
	found := 0
	err := filepath.WalkDir(filepath.Join(dir, "blocks"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		all, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for at := bytes.Index(all, data); at >= 0; at = bytes.Index(all, data) {
			all[at+len(data)/2] ^= 1
			found++
		}
		return os.WriteFile(name, all, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Fatal("the bytes are in no file of the store")
	}
}

// A directory remembers its driver, and is opened by no other.
func TestDriver(t *testing.T) {
	for _, driver := range []string{Segment, Pebble} {
		t.Run(driver, func(t *testing.T) {
			other := map[string]string{Segment: Pebble, Pebble: Segment}[driver]
			dir := t.TempDir()
			n, err := Open(t.Context(), Config{Dir: dir, Blocks: driver})
			if err != nil {
				t.Fatal(err)
			}
			f := mustImport(t, n, []byte("kept by "+driver), ImportOptions{})
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = Open(t.Context(), Config{Dir: dir, Blocks: other})
			if !errors.Is(err, ErrDriver) || !strings.Contains(err.Error(), "open it with "+driver) {
				t.Errorf("Open with %s = %v, want %v and what to do", other, err, ErrDriver)
			}
			for _, again := range []string{"", driver} {
				n := newTestNode(t, Config{Dir: dir, Blocks: again})
				checkReader(t, n, f.Root, []byte("kept by "+driver))
				if err := n.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Directories from before there were drivers are segments'.
func TestDriverOfOldDirectory(t *testing.T) {
	dir := t.TempDir()
	n, err := Open(t.Context(), Config{Dir: dir, Blocks: Segment})
	if err != nil {
		t.Fatal(err)
	}
	f := mustImport(t, n, []byte("old"), ImportOptions{})
	if err := errors.Join(n.Close(), os.Remove(filepath.Join(dir, "blocks", driverFile))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: dir, Blocks: Pebble}); !errors.Is(err, ErrDriver) {
		t.Errorf("Open with pebble = %v, want %v", err, ErrDriver)
	}
	checkReader(t, newTestNode(t, Config{Dir: dir}), f.Root, []byte("old"))
}

func TestUnknownDriver(t *testing.T) {
	if _, err := Open(t.Context(), Config{Dir: t.TempDir(), Blocks: "flatfs"}); err == nil {
		t.Error("a driver that there is not was taken")
	}
}
