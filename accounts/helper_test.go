package accounts_test

import (
	"path/filepath"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// newAccounts returns accounts over a store that is closed and checked at the end.
func newAccounts(t testing.TB) (*accounts.Accounts, kv.Store, *seal.Box) {
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
	return accounts.New(s, box), s, box
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
