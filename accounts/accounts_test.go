package accounts_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/accounts/accountstest"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

func TestAccounts(t *testing.T) {
	accountstest.Run(t, func(_ testing.TB, s kv.Store, box *seal.Box, opt accounts.Options) *accounts.Accounts {
		return accounts.New(s, box, opt)
	})
}

// TestMovedSecret copies one key's row over another's, as someone might who can
// write to the store: the secret must not become valid for the other key.
func TestMovedSecret(t *testing.T) {
	s, box := accountstest.Store(t)
	a := accounts.New(s, box, accounts.Options{})
	u, err := a.CreateUser(t.Context(), "ann", "", accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	for _, access := range []string{"first", "second"} {
		if _, _, err := a.CreateKey(t.Context(), u.ID, access, "secret of "+access); err != nil {
			t.Fatal(err)
		}
	}
	err = s.Update(t.Context(), func(tx kv.Tx) error {
		row, err := tx.Get(kv.Key("acct", "key", "first"))
		if err != nil {
			return err
		}
		return tx.Put(kv.Key("acct", "key", "second"), row)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, secret, err := a.Secret(t.Context(), "second"); !errors.Is(err, seal.ErrOpen) || secret != "" {
		t.Errorf("Secret = %q, %v, want %v", secret, err, seal.ErrOpen)
	}
	other, err := seal.Open(filepath.Join(t.TempDir(), "other key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, secret, err := accounts.New(s, other, accounts.Options{}).Secret(t.Context(), "first"); !errors.Is(err, seal.ErrOpen) || secret != "" {
		t.Errorf("Secret with another key file = %q, %v, want %v", secret, err, seal.ErrOpen)
	}
}

// BenchmarkSecret is what each S3 request pays.
func BenchmarkSecret(b *testing.B) {
	s, box := accountstest.Store(b)
	a := accounts.New(s, box, accounts.Options{})
	u, err := a.CreateUser(b.Context(), "ann", "", accounts.LevelUser)
	if err != nil {
		b.Fatal(err)
	}
	key, _, err := a.CreateKey(b.Context(), u.ID, "", "")
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := a.Secret(b.Context(), key.Access); err != nil {
				b.Error(err)
			}
		}
	})
}

// TestTokenHash is Estuary V1's way to name a token.
func TestTokenHash(t *testing.T) {
	const token, want = "EST6ba7b810-9dad-41d1-80b4-00c04fd430c8ARY", "litp1L_ez2jiGXWjviblLNoypzS4jQZKwpzWxjbDsBg"
	if got := accounts.TokenHash(token); got != want {
		t.Errorf("TokenHash = %q, want %q", got, want)
	}
}

func TestLevelString(t *testing.T) {
	for level, want := range map[accounts.Level]string{
		accounts.LevelUpload: "upload", accounts.LevelUser: "user", accounts.LevelAdmin: "admin", 7: "7",
	} {
		if got := level.String(); got != want {
			t.Errorf("String = %q, want %q", got, want)
		}
	}
}
