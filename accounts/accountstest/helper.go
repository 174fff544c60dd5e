package accountstest

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// Store returns a new store, which is closed and checked at the end.
func Store(t testing.TB) (kv.Store, *seal.Box) {
	t.Helper()
	dir := t.TempDir()
	s, err := kv.OpenBolt(t.Context(), filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	box, err := seal.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	return s, box
}

// fresh returns accounts over a new store.
func (open Open) fresh(t testing.TB) (*accounts.Accounts, kv.Store, *seal.Box) {
	t.Helper()
	s, box := Store(t)
	return open(t, s, box, accounts.Options{}), s, box
}

// newUser makes a user without a password.
func newUser(t testing.TB, a *accounts.Accounts, name string, level accounts.Level) accounts.User {
	t.Helper()
	u, err := a.CreateUser(t.Context(), name, "", level)
	if err != nil {
		t.Fatalf("CreateUser(%q) = %v", name, err)
	}
	return u
}

// storeFunc is a store whose updates run on other transactions.
type storeFunc struct {
	kv.Store
	tx func(kv.Tx) kv.Tx
}

func (s storeFunc) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return s.Store.Update(ctx, func(tx kv.Tx) error { return fn(s.tx(tx)) })
}

// failingTx fails to write keys that start with prefix.
type failingTx struct {
	kv.Tx
	prefix []byte
	err    error
}

func (t failingTx) Put(key, value []byte) error {
	if bytes.HasPrefix(key, t.prefix) {
		return t.err
	}
	return t.Tx.Put(key, value)
}
