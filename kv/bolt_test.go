package kv_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

// openBolt opens a store that is closed and checked when the test ends.
func openBolt(t testing.TB, path string, opt kv.BoltOptions) *kv.Bolt {
	t.Helper()
	s, err := kv.OpenBolt(t.Context(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		checkBolt(t, path)
	})
	return s.(*kv.Bolt)
}

// checkBolt opens the file on its own to look at what is really in it.
func checkBolt(t testing.TB, path string) {
	t.Helper()
	s, err := kv.OpenBolt(background, path, kv.BoltOptions{})
	if errors.Is(err, kv.ErrInUse) {
		return // by a later store of the same test, whose cleanup looks
	}
	if err != nil {
		t.Errorf("open for the check: %v", err)
		return
	}
	if err := s.(*kv.Bolt).Check(background); err != nil {
		t.Errorf("Check = %v", err)
	}
	s.Close()
}

func TestBolt(t *testing.T) {
	paths := map[kv.Store]string{}
	suite := kvtest.Suite{
		Open: func(t *testing.T) kv.Store {
			path := filepath.Join(t.TempDir(), "meta.db")
			s := openBolt(t, path, kv.BoltOptions{})
			paths[s] = path
			return s
		},
		Reopen: func(t *testing.T, old kv.Store) kv.Store {
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			s := openBolt(t, paths[old], kv.BoltOptions{})
			paths[s] = paths[old]
			return s
		},
	}
	suite.Run(t)
}
