package kv_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/whypfs/whypfs/kv"
)

// TestCopy takes rows to another driver and back.
func TestCopy(t *testing.T) {
	bolt := openBolt(t, filepath.Join(t.TempDir(), "meta.db"), kv.BoltOptions{})
	pebble := openPebble(t, t.TempDir(), kv.PebbleOptions{})
	back := openBolt(t, filepath.Join(t.TempDir(), "meta.db"), kv.BoltOptions{})
	const n = 3000
	err := bolt.Update(t.Context(), func(tx kv.Tx) error {
		for i := range uint64(n) {
			if err := tx.Put(kv.Key("row", i), make([]byte, i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]kv.Store{{pebble, bolt}, {back, pebble}} {
		if rows, err := kv.Copy(t.Context(), step[0], step[1]); err != nil || rows != n {
			t.Fatalf("Copy = %d, %v", rows, err)
		}
	}
	if !slices.Equal(rowsOf(t, bolt), rowsOf(t, back)) {
		t.Error("rows have changed on their way")
	}
}

func rowsOf(t *testing.T, s kv.Store) (all []string) {
	t.Helper()
	err := s.View(t.Context(), func(tx kv.Tx) error {
		for r, err := range tx.Scan(nil, nil) {
			if err != nil {
				return err
			}
			all = append(all, fmt.Sprintf("%x=%x", r.Key, r.Value))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
