package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/internal/seal"
)

func newBox(t testing.TB, path string) *seal.Box {
	t.Helper()
	b, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSeal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	b := newBox(t, path)
	for _, plain := range []string{"", "secret", strings.Repeat("long ", 1000)} {
		sealed := b.Seal([]byte(plain), "s3key/A")
		if plain != "" && bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("sealed %q holds the secret", sealed)
		}
		if again := b.Seal([]byte(plain), "s3key/A"); bytes.Equal(again, sealed) {
			t.Error("sealing twice gives the same")
		}
		got, err := newBox(t, path).Open(sealed, "s3key/A") // with the key as it was stored
		if err != nil || string(got) != plain {
			t.Errorf("Open = %q, %v, want %q", got, err, plain)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	b := newBox(t, filepath.Join(dir, "key"))
	sealed := b.Seal([]byte("secret"), "s3key/A")
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if got, err := b.Open(bad, "s3key/A"); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("Open with byte %d changed = %q, %v", i, got, err)
		}
		if got, err := b.Open(sealed[:i], "s3key/A"); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("Open of %d bytes = %q, %v", i, got, err)
		}
	}
	if got, err := b.Open(sealed, "s3key/B"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("Open in another context = %q, %v", got, err)
	}
	if got, err := newBox(t, filepath.Join(dir, "other")).Open(sealed, "s3key/A"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("Open with another key = %q, %v", got, err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	newBox(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("key file: %v, %v, want 32 bytes for the owner alone", info, err)
	}
	tests := []struct {
		name string
		make func(path string) error
	}{
		{"others may read", func(path string) error {
			return errors.Join(os.WriteFile(path, make([]byte, 32), 0o600), os.Chmod(path, 0o640))
		}},
		{"too short", func(path string) error { return os.WriteFile(path, make([]byte, 31), 0o600) }},
		{"too long", func(path string) error { return os.WriteFile(path, make([]byte, 33), 0o600) }},
		{"empty", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }},
	}
	for _, test := range tests {
		path := filepath.Join(t.TempDir(), "key")
		if err := test.make(path); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Open(path); !errors.Is(err, seal.ErrKey) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: Open = %v, want %v naming the file", test.name, err, seal.ErrKey)
		}
	}
	if _, err := seal.Open(filepath.Join(t.TempDir(), "none", "key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open in no directory = %v, want %v", err, fs.ErrNotExist)
	}
}

// TestOpenRace opens a new key file many times at once: all must get one key.
func TestOpenRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	var boxes [8]*seal.Box
	var wg sync.WaitGroup
	for i := range boxes {
		wg.Go(func() { boxes[i] = newBox(t, path) })
	}
	wg.Wait()
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("directory = %v, %v, want the key file alone", entries, err)
	}
	sealed := boxes[0].Seal([]byte("secret"), "")
	for i, b := range boxes {
		if _, err := b.Open(sealed, ""); err != nil {
			t.Errorf("box %d: %v", i, err)
		}
	}
}

func TestNotPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	b := newBox(t, path)
	holder := struct{ Box *seal.Box }{b}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "box", b, "holder", holder)
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, b); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if !strings.Contains(log.String(), "box=[redacted]") || string(encoded) != `{"Box":{}}` {
		t.Errorf("logged as %s, encoded as %s", log.String(), encoded)
	}
}

// FuzzOpen opens anything: only what was sealed opens.
func FuzzOpen(f *testing.F) {
	b := newBox(f, filepath.Join(f.TempDir(), "key"))
	f.Add([]byte{}, "c")
	f.Add([]byte{1}, "")
	f.Add(append([]byte{1}, make([]byte, 28)...), "c")
	f.Fuzz(func(t *testing.T, sealed []byte, context string) {
		if plain, err := b.Open(sealed, context); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("Open = %q, %v", plain, err)
		}
		if got, err := b.Open(b.Seal(sealed, context), context); err != nil || !bytes.Equal(got, sealed) {
			t.Errorf("Open of what was sealed = %q, %v", got, err)
		}
	})
}
