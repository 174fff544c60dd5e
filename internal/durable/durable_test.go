package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/whypfs/whypfs/internal/durable"
)

// wantFile expects a directory to hold one file, and nothing unfinished.
func wantFile(t *testing.T, path, data string, perm fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != data {
		t.Errorf("file = %q, %v, want %q", got, err, data)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != perm {
		t.Errorf("mode = %v, %v, want %v", info.Mode(), err, perm)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("directory = %v, %v, want the file alone", entries, err)
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, data := range []string{"first", "second, longer", ""} {
		if err := durable.WriteFile(path, []byte(data), 0o640); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, data, 0o640)
	}
}

func TestCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := durable.CreateFile(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.CreateFile(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second CreateFile = %v, want %v", err, fs.ErrExist)
	}
	wantFile(t, path, "first", 0o600)
}

// TestCreateRace creates one file many times at once. What the one that succeeds
// was told to write must be what stays.
func TestCreateRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var won atomic.Value
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			data := string(rune('a' + i))
			err := durable.CreateFile(path, []byte(data), 0o600)
			switch {
			case err == nil && won.Swap(data) != nil:
				t.Error("two calls succeeded")
			case err != nil && !errors.Is(err, fs.ErrExist):
				t.Errorf("CreateFile = %v", err)
			}
		})
	}
	wg.Wait()
	wantFile(t, path, won.Load().(string), 0o600)
}

// TestFailedFill expects the old file to stay, and nothing else.
func TestFailedFill(t *testing.T) {
	no := errors.New("no")
	path := filepath.Join(t.TempDir(), "f")
	fill := func(temp string) error {
		if err := os.WriteFile(temp, []byte("half"), 0o600); err != nil {
			return err
		}
		return no
	}
	if err := durable.Create(path, 0o600, fill); !errors.Is(err, no) {
		t.Errorf("Create = %v, want %v", err, no)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 0 {
		t.Errorf("directory = %v, %v, want none", entries, err)
	}
}

func TestNoDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "f")
	for name, err := range map[string]error{
		"WriteFile":  durable.WriteFile(path, nil, 0o600),
		"CreateFile": durable.CreateFile(path, nil, 0o600),
		"SyncDir":    durable.SyncDir(filepath.Dir(path)),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s = %v, want %v", name, err, fs.ErrNotExist)
		}
	}
}

func TestClean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd [name] *")
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f?")
	for _, name := range []string{"f?.tmp-123", "f?.tmp-4", "fx.tmp-5", "f?"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Clean(path); err != nil {
		t.Errorf("Clean = %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "f?" || entries[1].Name() != "fx.tmp-5" {
		t.Errorf("directory = %v, %v, want the file and another's", entries, err)
	}
}

func TestMkdirAll(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a", "b", "c")
	for range 2 { // the second time it exists
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Errorf("Stat = %v, %v", info, err)
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := durable.MkdirAll(path, 0o700); err == nil {
			t.Errorf("MkdirAll(%q) succeeded", path)
		}
	}
}
