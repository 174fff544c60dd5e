package accountstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

func testUsers(t *testing.T, open Open) {
	a, s, box := open.fresh(t)
	ann := newUser(t, a, "Ann", accounts.LevelAdmin)
	bob := newUser(t, a, "bob.b_o-b9", accounts.LevelUser)
	if ann.ID != 1 || bob.ID != 2 || ann.Name != "Ann" || ann.Level != accounts.LevelAdmin || ann.Created.IsZero() {
		t.Errorf("users %+v, %+v", ann, bob)
	}
	a = open(t, s, box, accounts.Options{}) // nothing may be in memory only
	if got, err := a.User(t.Context(), 1); err != nil || got != ann {
		t.Errorf("User(1) = %+v, %v, want %+v", got, err, ann)
	}
	for _, name := range []string{"Ann", "ann", "ANN"} {
		if got, err := a.UserByName(t.Context(), name); err != nil || got != ann {
			t.Errorf("UserByName(%q) = %+v, %v, want %+v", name, got, err, ann)
		}
		if _, err := a.CreateUser(t.Context(), name, "", accounts.LevelUser); !errors.Is(err, accounts.ErrUserExists) {
			t.Errorf("CreateUser(%q) = %v, want %v", name, err, accounts.ErrUserExists)
		}
	}
	if all, err := a.Users(t.Context()); err != nil || len(all) != 2 || all[0] != ann || all[1] != bob {
		t.Errorf("Users = %+v, %v", all, err)
	}
	for _, id := range []uint64{0, 3} {
		if _, err := a.User(t.Context(), id); !errors.Is(err, accounts.ErrNoUser) {
			t.Errorf("User(%d) = %v, want %v", id, err, accounts.ErrNoUser)
		}
	}
	for _, name := range []string{"", "an", "ann ", "unknown", strings.Repeat("x", 5000)} {
		if _, err := a.UserByName(t.Context(), name); !errors.Is(err, accounts.ErrNoUser) {
			t.Errorf("UserByName(%q) = %v, want %v", name, err, accounts.ErrNoUser)
		}
	}
}

func testCreateUserRefuses(t *testing.T, open Open) {
	tests := []struct {
		name, user, password string
		level                accounts.Level
	}{
		{"no name", "", "", accounts.LevelUser},
		{"long name", strings.Repeat("x", 49), "", accounts.LevelUser},
		{"space", "a b", "", accounts.LevelUser},
		{"slash", "a/b", "", accounts.LevelUser},
		{"not ASCII", "änn", "", accounts.LevelUser},
		{"NUL", "a\x00", "", accounts.LevelUser},
		{"a path", "..", "", accounts.LevelUser},
		{"short password", "a", "1234567", accounts.LevelUser},
		{"endless password", "a", strings.Repeat("x", 1025), accounts.LevelUser},
		{"no level", "a", "", 0},
		{"unknown level", "a", "", 3},
		{"negative level", "a", "", -1},
	}
	a, _, _ := open.fresh(t)
	for _, test := range tests {
		if _, err := a.CreateUser(t.Context(), test.user, test.password, test.level); !errors.Is(err, accounts.ErrInvalid) {
			t.Errorf("%s: CreateUser = %v, want %v", test.name, err, accounts.ErrInvalid)
		}
	}
	if all, err := a.Users(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("Users = %v, %v, want none", all, err)
	}
	newUser(t, a, strings.Repeat("x", 48), accounts.LevelUpload)
}

// testCreateUserRace takes one name, in two cases, many times at once.
func testCreateUserRace(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			name := []string{"same", "SAME"}[i%2]
			_, err := a.CreateUser(t.Context(), name, "", accounts.LevelUser)
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, accounts.ErrUserExists) {
				t.Errorf("CreateUser = %v", err)
			}
			newUser(t, a, fmt.Sprint("user", i), accounts.LevelUser)
		})
	}
	wg.Wait()
	all, err := a.Users(t.Context())
	if err != nil || made.Load() != 1 || len(all) != 21 {
		t.Errorf("%d of the name, %d users, %v, want 1 of 21", made.Load(), len(all), err)
	}
	for i, u := range all {
		if u.ID != uint64(i+1) {
			t.Errorf("user %d has id %d", i, u.ID)
		}
	}
}

func testLogin(t *testing.T, open Open) {
	a, s, box := open.fresh(t)
	ann, err := a.CreateUser(t.Context(), "Ann", "correct horse", accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	newUser(t, a, "nobody", accounts.LevelUser)
	tests := []struct {
		name, user, password string
		want                 error
	}{
		{"right", "Ann", "correct horse", nil},
		{"another case of the name", "aNN", "correct horse", nil},
		{"wrong", "Ann", "correct horsf", accounts.ErrPassword},
		{"another case", "Ann", "Correct horse", accounts.ErrPassword},
		{"longer", "Ann", "correct horse ", accounts.ErrPassword},
		{"empty", "Ann", "", accounts.ErrPassword},
		{"endless", "Ann", strings.Repeat("x", 1<<20), accounts.ErrPassword},
		{"unknown name", "Bob", "correct horse", accounts.ErrPassword},
		{"no password set", "nobody", "", accounts.ErrPassword},
		{"no password set, any given", "nobody", "correct horse", accounts.ErrPassword},
	}
	for _, test := range tests {
		u, err := open(t, s, box, accounts.Options{}).Login(t.Context(), test.user, test.password)
		if !errors.Is(err, test.want) || err == nil && u != ann || err != nil && u != (accounts.User{}) {
			t.Errorf("%s: Login = %+v, %v, want %v", test.name, u, err, test.want)
		}
	}
	if err := a.SetPassword(t.Context(), ann.ID, "battery staple"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Login(t.Context(), "ann", "correct horse"); !errors.Is(err, accounts.ErrPassword) {
		t.Errorf("Login with the old password = %v", err)
	}
	if u, err := a.Login(t.Context(), "ann", "battery staple"); err != nil || u != ann {
		t.Errorf("Login with the new password = %+v, %v", u, err)
	}
	if err := a.SetPassword(t.Context(), ann.ID, "short"); !errors.Is(err, accounts.ErrInvalid) {
		t.Errorf("SetPassword of a short one = %v, want %v", err, accounts.ErrInvalid)
	}
	if err := a.SetPassword(t.Context(), 99, "long enough"); !errors.Is(err, accounts.ErrNoUser) {
		t.Errorf("SetPassword of nobody = %v, want %v", err, accounts.ErrNoUser)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Login(ctx, "ann", "battery staple"); !errors.Is(err, context.Canceled) {
		t.Errorf("Login with an ended context = %v", err)
	}
}

// testNothingInTheClear looks for what must not be in the store.
func testNothingInTheClear(t *testing.T, open Open) {
	a, s, _ := open.fresh(t)
	const password, secret = "correct-horse-battery", "secret-of-the-key"
	u, err := a.CreateUser(t.Context(), "ann", password, accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.CreateToken(t.Context(), u.ID, accounts.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.CreateKey(t.Context(), u.ID, "access", secret); err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(tx kv.Tx) error {
		for r, err := range tx.Scan(nil, nil) {
			if err != nil {
				return err
			}
			for _, hidden := range []string{password, secret, token, strings.TrimSuffix(strings.TrimPrefix(token, "EST"), "ARY")} {
				if strings.Contains(string(r.Key)+string(r.Value), hidden) {
					t.Errorf("row %q = %s holds %s", r.Key, r.Value, hidden)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func testSetLevel(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	u := newUser(t, a, "ann", accounts.LevelAdmin)
	token, _, err := a.CreateToken(t.Context(), u.ID, accounts.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []accounts.Level{accounts.LevelUser, accounts.LevelUpload, accounts.LevelAdmin} {
		if err := a.SetLevel(t.Context(), u.ID, level); err != nil {
			t.Errorf("SetLevel(%v) = %v", level, err)
		}
		got, tok, err := a.Token(t.Context(), token)
		if err != nil || got.Level != level || tok.Level != level {
			t.Errorf("Token = %+v, %+v, %v, want level %v", got, tok, err, level)
		}
	}
	if err := a.SetLevel(t.Context(), u.ID, 5); !errors.Is(err, accounts.ErrInvalid) {
		t.Errorf("SetLevel(5) = %v, want %v", err, accounts.ErrInvalid)
	}
	if err := a.SetLevel(t.Context(), 99, accounts.LevelUser); !errors.Is(err, accounts.ErrNoUser) {
		t.Errorf("SetLevel of nobody = %v, want %v", err, accounts.ErrNoUser)
	}
}

// testRerun runs every function of every transaction twice.
func testRerun(t *testing.T, open Open) {
	_, s, box := open.fresh(t)
	a := open(t, kvtest.Rerun(s), box, accounts.Options{})
	ann := newUser(t, a, "ann", accounts.LevelUser)
	bob := newUser(t, a, "bob", accounts.LevelUser)
	if ann.ID != 1 || bob.ID != 2 {
		t.Errorf("ids %d and %d", ann.ID, bob.ID)
	}
	token, tok, err := a.CreateToken(t.Context(), ann.ID, accounts.TokenSpec{})
	if err != nil || tok.Level != accounts.LevelUser {
		t.Errorf("CreateToken = %+v, %v", tok, err)
	}
	if err := a.RevokeToken(t.Context(), ann.ID, token); err != nil {
		t.Errorf("RevokeToken = %v", err)
	}
	key, _, err := a.CreateKey(t.Context(), ann.ID, "", "")
	if err != nil {
		t.Errorf("CreateKey = %v", err)
	}
	if err := a.DeleteKey(t.Context(), ann.ID, key.Access); err != nil {
		t.Errorf("DeleteKey = %v", err)
	}
}

// A list of users comes whole, however many pages it has.
func testManyUsers(t *testing.T, open Open) {
	a, s, _ := open.fresh(t)
	const many = 20_001
	if err := s.Update(t.Context(), func(tx kv.Tx) error {
		for id := uint64(1); id <= many; id++ {
			if err := kv.PutJSON(tx, kv.Key("acct", "user", id), accounts.User{Name: fmt.Sprint("user", id), Level: accounts.LevelUser}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	all, err := a.Users(t.Context())
	if err != nil || len(all) != many {
		t.Fatalf("Users = %d of them, %v, want %d", len(all), err, many)
	}
	for i, u := range all {
		if u.ID != uint64(i+1) || u.Name != fmt.Sprint("user", u.ID) {
			t.Fatalf("user %d is %+v", i, u)
		}
	}
}

// What is no UTF-8 stays what it is: it is refused, or is a secret like others.
func testExactTexts(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	u, err := a.CreateUser(t.Context(), "ann", "pass\xfe\x00word", accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]error{"pass\xfe\x00word": nil, "pass\xff\x00word": accounts.ErrPassword, "pass\ufffd\x00word": accounts.ErrPassword} {
		if _, err := a.Login(t.Context(), "ann", secret); !errors.Is(err, want) {
			t.Errorf("Login with %q = %v, want %v", secret, err, want)
		}
	}
	if _, _, err := a.CreateKey(t.Context(), u.ID, "access", "secret\xfe<key>"); err != nil {
		t.Fatal(err)
	}
	if got, secret, err := a.Secret(t.Context(), "access"); err != nil || got != u || secret != "secret\xfe<key>" {
		t.Errorf("Secret = %+v, %q, %v", got, secret, err)
	}
	if err := a.Suspend(t.Context(), u.ID, "does not \xff pay"); !errors.Is(err, accounts.ErrInvalid) {
		t.Errorf("Suspend for what is no text = %v, want %v", err, accounts.ErrInvalid)
	}
}
