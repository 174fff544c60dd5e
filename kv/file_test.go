package kv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/kv"
	bolt "go.etcd.io/bbolt"
)

// childEnv names the store for a process that writes until it is killed.
const childEnv = "KV_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		writeForever(path)
	}
	os.Exit(m.Run())
}

// openAny opens a store of the driver that the name of its path stands for.
func openAny(path string) (kv.Store, error) {
	if strings.HasSuffix(path, ".db") {
		return kv.OpenBolt(background, path, kv.BoltOptions{})
	}
	return kv.OpenPebble(background, path, kv.PebbleOptions{})
}

// writeForever prints the number of each row that has been acknowledged.
func writeForever(path string) {
	s, err := openAny(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	pid := uint64(os.Getpid())
	for w := range uint64(8) {
		wg.Go(func() {
			for i := w; ; i += 8 {
				err := s.Update(background, func(tx kv.Tx) error {
					value := fmt.Appendf(nil, "%d", i)
					return errors.Join(tx.Put(kv.Key("a", pid, i), value), tx.Put(kv.Key("b", pid, i), value))
				})
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(i)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKill kills a writing process several times over. What it acknowledged is
// there, and no transaction in half.
func TestKill(t *testing.T) {
	for _, name := range []string{"meta.db", "meta"} {
		t.Run(name, func(t *testing.T) { testKill(t, filepath.Join(t.TempDir(), name)) })
	}
}

func testKill(t *testing.T, path string) {
	var acknowledged [][2]uint64
	for round := range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			i, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("child: %s", lines.Text())
			}
			acknowledged = append(acknowledged, [2]uint64{uint64(cmd.Process.Pid), i})
			if n == 100+37*round {
				cmd.Process.Kill() // and go on reading what it has said
			}
		}
		cmd.Wait() // always an error: it was killed

		s, err := openAny(path)
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(tx kv.Tx) error {
			for _, key := range acknowledged {
				if _, err := tx.Get(kv.Key("a", key[0], key[1])); err != nil {
					t.Errorf("acknowledged row %v: %v", key, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := count(t, s, "a"), count(t, s, "b"); a != b || a < len(acknowledged) {
			t.Errorf("%d and %d rows of %d acknowledged transactions", a, b, len(acknowledged))
		}
		if err := s.(interface{ Check(context.Context) error }).Check(t.Context()); err != nil {
			t.Errorf("Check = %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	openBolt(t, path, kv.BoltOptions{})
	if _, err := kv.OpenBolt(t.Context(), path, kv.BoltOptions{}); !errors.Is(err, kv.ErrInUse) {
		t.Errorf("OpenBolt of an open store = %v, want %v", err, kv.ErrInUse)
	}
}

// TestCreateRace opens a new store many times at once: one gets it.
func TestCreateRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	var mu sync.Mutex
	var open []kv.Store
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := kv.OpenBolt(t.Context(), path, kv.BoltOptions{})
			if err != nil && !errors.Is(err, kv.ErrInUse) {
				t.Errorf("OpenBolt = %v", err)
			}
			if err == nil {
				mu.Lock()
				open = append(open, s)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(open) != 1 {
		t.Errorf("%d of 8 got the store, want 1", len(open))
	}
	for _, s := range open {
		s.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	foreign := func(path string) error {
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			return err
		}
		return db.Close()
	}
	file := func(data string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(data), 0o600) }
	}
	tests := []struct {
		name string
		make func(path string) error
	}{
		{"another program's bolt file", foreign},
		{"an empty file", file("")},
		{"text", file(strings.Repeat("no store at all\n", 4096))},
		{"zeros", file(strings.Repeat("\x00", 65536))},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "meta.db")
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			s, err := kv.OpenBolt(t.Context(), path, kv.BoltOptions{})
			if err == nil {
				s.Close()
				t.Fatal("OpenBolt succeeded")
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("OpenBolt = %v, does not name the file", err)
			}
		})
	}
	if _, err := kv.OpenBolt(t.Context(), filepath.Join(t.TempDir(), "none", "meta.db"), kv.BoltOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenBolt in no directory = %v, want %v", err, os.ErrNotExist)
	}
}

// TestOpenSettles finds that opening a store commits what it finds: the process
// before may have died between a commit and its sync, and pages of the state
// that is on the disk must not be written over until another one is. The
// recorded crashes in integration/crash see the harm.
func TestOpenSettles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	newest := func() int {
		t.Helper()
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var id int
		if err := db.View(func(tx *bolt.Tx) error { id = tx.ID(); return nil }); err != nil {
			t.Fatal(err)
		}
		return id
	}
	for range 3 {
		s := openBolt(t, path, kv.BoltOptions{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		before := newest()
		s = openBolt(t, path, kv.BoltOptions{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if after := newest(); after != before+1 {
			t.Errorf("newest commit after opening is %d, was %d; want one more", after, before)
		}
	}
}

// TestCrashWhileCreating finds what a crash left before the store got its name.
func TestCrashWhileCreating(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "meta.db")
	for _, name := range []string{"meta.db.tmp-1", "meta.db.tmp-2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openBolt(t, path, kv.BoltOptions{})
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v in the directory, want the store alone", entries, err)
	}
}
