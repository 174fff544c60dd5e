package accountstest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/kv"
)

// argonOf is the last part of TestOldPasswordRow's hash.
func argonOf(t *testing.T) string {
	t.Helper()
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), []byte("somesaltsomesalt"), 1, 64, 1, 32))
}

func userRowOf(t *testing.T, s kv.Store, u accounts.User) (row map[string]any) {
	t.Helper()
	err := s.View(t.Context(), func(tx kv.Tx) (err error) {
		row, err = kv.GetJSON[map[string]any](tx, kv.Key("acct", "user", u.ID))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func storedPassword(t *testing.T, s kv.Store, u accounts.User) string {
	t.Helper()
	p, _ := userRowOf(t, s, u)["Password"].(string)
	return p
}

func setPassword(t *testing.T, s kv.Store, u accounts.User, stored string) {
	t.Helper()
	row := userRowOf(t, s, u)
	row["Password"] = stored
	raw, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(kv.Key("acct", "user", u.ID), raw) }); err != nil {
		t.Fatal(err)
	}
}

func v1Sum(sent, salt string) accounts.ImportPassword {
	sum := sha256.Sum256([]byte(sent + "." + salt))
	return accounts.ImportPassword{SHA256: hex.EncodeToString(sum[:]), Salt: salt}
}

// Users of V1 log in as they did, and are kept as our own from then on.
func testImportPasswords(t *testing.T, open Open) {
	tests := []struct {
		name     string
		password accounts.ImportPassword
		good     []string // in the order of trying
	}{
		{"V1's client, logs in there first", v1Sum(v1Hash, "some.salt"), []string{v1Hash, password, v1Hash}},
		{"V1's client, logs in here first", v1Sum(v1Hash, "some:salt"), []string{password, v1Hash}},
		{"V1's first client", v1Sum(oldV1Hash, ""), []string{password, oldV1Hash}},
		// The hash is bcryptjs's of the password with a salt of its own.
		{"V1's setup command", accounts.ImportPassword{Bcrypt: "$2a$10$abcdefghijklmnopqrstuus9JZ2cOy.2MvhCOnIgsqXmmezr3wBsi"},
			[]string{"adminpass1", "adminpass1"}},
	}
	for _, test := range tests {
		a, s, _ := open.fresh(t)
		if created, err := a.ImportUser(t.Context(), accounts.Import{ID: 7, Name: "ann", Level: accounts.LevelUser, Password: test.password}); err != nil || !created {
			t.Fatalf("%s: ImportUser = %v, %v", test.name, created, err)
		}
		u, err := a.User(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"", "wrong", v1Hash[:60-1] + "x", "adminpass2"} {
			if _, err := a.Login(t.Context(), "ann", secret); !errors.Is(err, accounts.ErrPassword) {
				t.Errorf("%s: Login with %q = %v, want %v", test.name, secret, err, accounts.ErrPassword)
			}
		}
		for _, secret := range test.good {
			if got, err := a.Login(t.Context(), "ANN", secret); err != nil || got != u {
				t.Errorf("%s: Login with %q = %+v, %v", test.name, secret, got, err)
			}
			if kept := storedPassword(t, s, u); !strings.HasPrefix(kept, "client:$argon2id$") {
				t.Errorf("%s: after a login %q is kept", test.name, kept)
			}
		}
	}
}

func testImportUser(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	own := newUser(t, a, "root", accounts.LevelAdmin) // has id 1
	const script = "EST01234567-89ab-4cde-8f01-23456789abcdARY"
	began := time.Date(2022, 3, 4, 5, 6, 7, 0, time.UTC)
	ann := accounts.Import{ID: 40, Name: "Ann", Level: accounts.LevelUser, Created: began, Address: "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za",
		Password: v1Sum(v1Hash, "salt"), Tokens: []accounts.ImportToken{{Hash: accounts.TokenHash(script), Level: accounts.LevelUpload,
			Label: "cron", Created: began, Expires: began.AddDate(100, 0, 0)}}}
	for i := range 3 { // a run that is repeated changes nothing
		created, err := a.ImportUser(t.Context(), ann)
		if err != nil || created != (i == 0) {
			t.Fatalf("ImportUser = %v, %v", created, err)
		}
	}
	u, tok, err := a.Token(t.Context(), script)
	if err != nil || u.ID != 40 || u.Name != "Ann" || u.Level != accounts.LevelUser || !u.Created.Equal(began) || u.Address != ann.Address {
		t.Errorf("Token = %+v, %+v, %v", u, tok, err)
	}
	if tok.Level != accounts.LevelUpload || tok.Label != "cron" || !tok.Expires.Equal(began.AddDate(100, 0, 0)) || tok.Session {
		t.Errorf("token %+v", tok)
	}
	if next := newUser(t, a, "next", accounts.LevelUser); next.ID != 41 {
		t.Errorf("the next user has id %d, want 41", next.ID)
	}
	// What was changed here stays.
	if err := a.SetPassword(t.Context(), 40, "another password"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ImportUser(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Login(t.Context(), "ann", "another password"); err != nil {
		t.Errorf("Login = %v", err)
	}
	bad := []struct {
		name   string
		change func(*accounts.Import)
		want   error
	}{
		{"id of another", func(u *accounts.Import) { u.ID = own.ID }, accounts.ErrIDTaken},
		{"name of another", func(u *accounts.Import) { u.ID, u.Name = 99, "ROOT" }, accounts.ErrUserExists},
		{"no id", func(u *accounts.Import) { u.ID = 0 }, accounts.ErrInvalid},
		{"an id that JSON cannot have", func(u *accounts.Import) { u.ID = 1 << 53 }, accounts.ErrInvalid},
		{"no name", func(u *accounts.Import) { u.Name = "" }, accounts.ErrInvalid},
		{"no level", func(u *accounts.Import) { u.Level = 100 }, accounts.ErrInvalid},
		{"no address", func(u *accounts.Import) { u.Address = "f1xyz" }, accounts.ErrInvalid},
		{"no sum", func(u *accounts.Import) { u.Password = accounts.ImportPassword{SHA256: "00"} }, accounts.ErrInvalid},
		{"bcrypt that takes for ever", func(u *accounts.Import) {
			u.Password = accounts.ImportPassword{Bcrypt: "$2a$31$abcdefghijklmnopqrstuus9JZ2cOy.2MvhCOnIgsqXmmezr3wBsi"}
		}, accounts.ErrInvalid},
		{"a token in the clear", func(u *accounts.Import) { u.Tokens = []accounts.ImportToken{{Hash: script, Level: 2}} }, accounts.ErrInvalid},
		{"a token of another", func(u *accounts.Import) { u.ID, u.Name = 50, "bob" }, accounts.ErrInvalid},
	}
	for _, test := range bad {
		u := ann
		test.change(&u)
		if created, err := a.ImportUser(t.Context(), u); !errors.Is(err, test.want) || created && err == nil {
			t.Errorf("%s: ImportUser = %v, %v, want %v", test.name, created, err, test.want)
		}
	}
	if all, err := a.Users(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("Users = %+v, %v, want three", all, err)
	}
}
