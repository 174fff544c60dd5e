package accountstest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

func testRegister(t *testing.T, open Open) {
	a, s, box := open.fresh(t)
	if _, err := a.CreateInvite(t.Context(), "welcome", "root"); err != nil {
		t.Fatal(err)
	}
	made, err := a.CreateInvite(t.Context(), "", "root")
	if err != nil || len(made.Code) != 20 || made.By != "root" || made.Created.IsZero() {
		t.Errorf("CreateInvite = %+v, %v", made, err)
	}
	refused := []struct {
		name, user, secret, code string
		want                     error
	}{
		{"no invite", "ann", v1Hash, "", accounts.ErrNoInvite},
		{"unknown invite", "ann", v1Hash, "nothing", accounts.ErrNoInvite},
		{"endless invite", "ann", v1Hash, strings.Repeat("x", 1<<16), accounts.ErrNoInvite},
		{"name with a dot", "a.b", v1Hash, "welcome", accounts.ErrInvalid},
		{"no name", "", v1Hash, "welcome", accounts.ErrInvalid},
		{"long name", strings.Repeat("x", 49), v1Hash, "welcome", accounts.ErrInvalid},
		{"short password", "ann", "1234567", "welcome", accounts.ErrInvalid},
	}
	for _, test := range refused {
		if u, err := a.Register(t.Context(), test.user, test.secret, test.code, "192.0.2.1:1"); !errors.Is(err, test.want) || u.ID != 0 {
			t.Errorf("%s: Register = %+v, %v, want %v", test.name, u, err, test.want)
		}
	}
	u, err := a.Register(t.Context(), "ANN", v1Hash, "welcome", "192.0.2.1:1")
	if err != nil || u.ID != 1 || u.Name != "ann" || u.Level != accounts.LevelUser {
		t.Fatalf("Register = %+v, %v", u, err)
	}
	if got, err := a.Login(t.Context(), "ann", password); err != nil || got != u {
		t.Errorf("Login = %+v, %v", got, err)
	}
	if _, err := a.Register(t.Context(), "bob", v1Hash, "welcome", "192.0.2.1:1"); !errors.Is(err, accounts.ErrInviteUsed) {
		t.Errorf("Register with a used invite = %v, want %v", err, accounts.ErrInviteUsed)
	}
	if _, err := a.Register(t.Context(), "Ann", v1Hash, made.Code, "192.0.2.1:1"); !errors.Is(err, accounts.ErrUserExists) {
		t.Errorf("Register with a taken name = %v, want %v", err, accounts.ErrUserExists)
	}
	all, err := a.Invites(t.Context())
	if err != nil || len(all) != 2 || all[0].Code != made.Code || all[0].ClaimedBy != "" || all[1].Code != "welcome" || all[1].ClaimedBy != "ann" || all[1].Claimed.IsZero() {
		t.Errorf("Invites = %+v, %v", all, err)
	}
	if err := a.DeleteInvite(t.Context(), "welcome"); !errors.Is(err, accounts.ErrInviteUsed) {
		t.Errorf("DeleteInvite of a used one = %v, want %v", err, accounts.ErrInviteUsed)
	}
	for _, want := range []error{nil, accounts.ErrNoInvite} {
		if err := a.DeleteInvite(t.Context(), made.Code); !errors.Is(err, want) {
			t.Errorf("DeleteInvite = %v, want %v", err, want)
		}
	}
	for code, want := range map[string]error{"welcome": accounts.ErrInviteExists, "a b": accounts.ErrInvalid, strings.Repeat("x", 65): accounts.ErrInvalid} {
		if _, err := a.CreateInvite(t.Context(), code, "root"); !errors.Is(err, want) {
			t.Errorf("CreateInvite(%q) = %v, want %v", code, err, want)
		}
	}
	anybody := open(t, s, box, accounts.Options{OpenRegistration: true})
	for i, code := range []string{"", "nothing", "welcome"} {
		if _, err := anybody.Register(t.Context(), fmt.Sprint("open", i), v1Hash, code, "192.0.2.1:1"); err != nil {
			t.Errorf("open: Register with %q = %v", code, err)
		}
	}
}

// Guessing codes ends like guessing passwords.
func testRegisterLimit(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	var many *accounts.TooManyError
	for i := range 11 {
		_, err := a.Register(t.Context(), "ann", v1Hash, fmt.Sprint("guess", i), "192.0.2.1:1")
		if i < 10 && !errors.Is(err, accounts.ErrNoInvite) || i == 10 && !errors.As(err, &many) {
			t.Errorf("guess %d = %v", i, err)
		}
	}
}

// An invite lets one person in, also of many at once.
func testInviteRace(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	if _, err := a.CreateInvite(t.Context(), "one", "root"); err != nil {
		t.Fatal(err)
	}
	var in atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := a.Register(t.Context(), fmt.Sprint("user", i), v1Hash, "one", fmt.Sprintf("192.0.2.%d:1", i))
			if err == nil {
				in.Add(1)
			} else if !errors.Is(err, accounts.ErrInviteUsed) {
				t.Errorf("Register = %v", err)
			}
		})
	}
	wg.Wait()
	if all, err := a.Users(t.Context()); err != nil || in.Load() != 1 || len(all) != 1 {
		t.Errorf("%d registered, %+v, %v, want one", in.Load(), all, err)
	}
}
