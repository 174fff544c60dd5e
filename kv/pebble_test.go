package kv_test

import (
	"path/filepath"
	"testing"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

func openPebble(t testing.TB, path string, opt kv.PebbleOptions) *kv.Pebble {
	t.Helper()
	s, err := kv.OpenPebble(t.Context(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s.(*kv.Pebble)
}

func TestPebble(t *testing.T) {
	paths := map[kv.Store]string{}
	suite := kvtest.Suite{
		Open: func(t *testing.T) kv.Store {
			path := filepath.Join(t.TempDir(), "meta")
			s := openPebble(t, path, kv.PebbleOptions{})
			paths[s] = path
			return s
		},
		Reopen: func(t *testing.T, old kv.Store) kv.Store {
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			s := openPebble(t, paths[old], kv.PebbleOptions{})
			paths[s] = paths[old]
			return s
		},
	}
	suite.Run(t)
}
