package main

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

// filled is a data directory with an object, which was closed in order, and the
// object's bytes.
func filled(t *testing.T, driver string) (data string, object []byte) {
	t.Helper()
	data = t.TempDir()
	object = make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{7}).Read(object)
	cfg, err := stored(config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Blocks = driver
	lock, err := lockData(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), cfg, slog.New(slog.DiscardHandler), lock)
	if err != nil {
		t.Fatal(err)
	}
	if err := putObject(t.Context(), a, object); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return data, object
}

func putObject(ctx context.Context, a *app, object []byte) error {
	user, err := a.accounts.CreateUser(ctx, "owner", "", accounts.LevelUser)
	if err != nil {
		return err
	}
	b, err := a.buckets.CreateBucket(ctx, user.ID, "fsck", buckets.BucketOptions{})
	if err != nil {
		return err
	}
	up := buckets.Upload{Body: bytes.NewReader(object)}
	_, err = a.buckets.Put(ctx, b, "key", user.ID, up, buckets.Attributes{}, buckets.Conditions{})
	return err
}

// A sound directory has no faults, however its blocks are kept.
func TestFsckClean(t *testing.T) {
	for _, driver := range []string{"segment", "pebble"} {
		data, _ := filled(t, driver)
		for _, args := range [][]string{{"fsck"}, {"fsck", "--hash"}, {"scrub"}} {
			code, out := command(t, data, args...)
			if code != 0 || args[0] == "fsck" && out != "" {
				t.Errorf("%s: %v = %d %q, want 0 and silence", driver, args, code, out)
			}
		}
		if code, out := command(t, data, "fsck", "--json"); code != 0 || strings.TrimSpace(out) != "[]" {
			t.Errorf("%s: fsck --json = %d %q, want []", driver, code, out)
		}
	}
}

// A lost segment is named by the blocks that are missing under a live root.
func TestFsckMissingBlocks(t *testing.T) {
	data, _ := filled(t, "segment")
	for _, name := range []string{"00000000.car", "00000000.idx"} {
		if err := os.Remove(filepath.Join(data, "blocks", name)); err != nil {
			t.Fatal(err)
		}
	}
	code, out := command(t, data, "fsck")
	if lines := strings.Count(out, "\n"); code != 1 || lines != 1 || !strings.Contains(out, "is missing or damaged [data at risk]") {
		t.Errorf("fsck = %d %q, want 1 and the missing root", code, out)
	}
}

// A block with other bytes is named by its CID.
func TestFsckDamagedBlock(t *testing.T) {
	for _, driver := range []string{"segment", "pebble"} {
		data, object := filled(t, driver)
		damage(t, filepath.Join(data, "blocks"), object)
		if code, out := command(t, data, "fsck"); code != 0 || out != "" {
			t.Errorf("%s: fsck = %d %q; without --hash it reads no data", driver, code, out)
		}
		code, out := command(t, data, "fsck", "--hash")
		if code != 1 || strings.Count(out, "\n") != 1 || !strings.Contains(out, ": block bafk") || !strings.Contains(out, "[data at risk]") {
			t.Errorf("%s: fsck --hash = %d %q, want 1 and the block", driver, code, out)
		}
		if code, out := command(t, data, "scrub"); code != 1 || !strings.Contains(out, "1 damaged") {
			t.Errorf("%s: scrub = %d %q, want 1 and the block", driver, code, out)
		}
	}
}

// damage flips a bit in the middle of the object's third megabyte.
func damage(t *testing.T, dir string, object []byte) {
	t.Helper()
	part, found := object[5<<19:][:64], false
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		all, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if at := bytes.Index(all, part); at >= 0 {
			found = true
			all[at+10] ^= 1
		}
		return os.WriteFile(name, all, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Fatal("the object is in no file")
	}
}

func TestFsckNoDirectory(t *testing.T) {
	if code, _ := command(t, filepath.Join(t.TempDir(), "none"), "fsck"); code != 2 {
		t.Errorf("fsck of no directory = %d, want 2", code)
	}
}
