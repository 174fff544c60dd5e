package accountstest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/kv"
)

// What V1's client sends for the password "password1", today and once.
const (
	password  = "password1"
	v1Hash    = "$2a$08$r31MZDLMLVcHAUfrePT2H.0z6OislUPHYqP3cVkUqCHqvMk7ubKj."
	oldV1Hash = "$2a$08$r31MZDLMLVcHAUfrePT2H.5SFmMOTsE2WTJ760G33UeCsBrtg.rHe"
)

// One account serves whoever sends the password and whoever sends V1's hash of
// it, whichever of them set it.
func testLoginOfBothKinds(t *testing.T, open Open) {
	tests := []struct {
		name, set string
		old       bool // V1's old hash gets in too
	}{
		{"set as a password", password, false},
		{"set by V1's client", v1Hash, false},
		{"set by V1's first client", oldV1Hash, true},
	}
	for _, test := range tests {
		a, _, _ := open.fresh(t)
		u, err := a.CreateUser(t.Context(), "ann", test.set, accounts.LevelUser)
		if err != nil {
			t.Fatal(err)
		}
		sent := map[string]bool{password: true, v1Hash: !test.old, oldV1Hash: test.old, "password2": false, v1Hash[:59]: false, v1Hash + " ": false}
		for secret, want := range sent {
			got, err := a.Login(t.Context(), "ann", secret)
			if want && (err != nil || got != u) || !want && !errors.Is(err, accounts.ErrPassword) {
				t.Errorf("%s: Login with %q = %+v, %v, want it to pass: %v", test.name, secret, got, err, want)
			}
		}
	}
}

// A row from before V1's hashes were kept becomes one of today at its first login.
func testOldPasswordRow(t *testing.T, open Open) {
	a, s, _ := open.fresh(t)
	u := newUser(t, a, "ann", accounts.LevelUser)
	// argon2id of "correct horse", as it was stored then.
	const old = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
	setPassword(t, s, u, old+argonOf(t))
	if _, err := a.Login(t.Context(), "ann", v1Hash); !errors.Is(err, accounts.ErrPassword) {
		t.Errorf("Login with V1's hash before the upgrade = %v, want %v", err, accounts.ErrPassword)
	}
	if _, err := a.Login(t.Context(), "ann", password); err != nil {
		t.Fatalf("Login = %v", err)
	}
	if got := storedPassword(t, s, u); !strings.HasPrefix(got, "client:$argon2id$") {
		t.Errorf("kept is %q after a login", got)
	}
	for _, secret := range []string{password, v1Hash} {
		if _, err := a.Login(t.Context(), "ann", secret); err != nil {
			t.Errorf("Login with %q after the upgrade = %v", secret, err)
		}
	}
}

func testLoginLimits(t *testing.T, open Open) {
	synctest.Test(t, func(t *testing.T) {
		a, s, box := open.fresh(t)
		u, err := a.CreateUser(t.Context(), "ann", v1Hash, accounts.LevelUser)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.CreateUser(t.Context(), "bob", v1Hash, accounts.LevelUser); err != nil {
			t.Fatal(err)
		}
		login := func(name, secret, addr string) error {
			_, err := open(t, s, box, accounts.Options{}).LoginFrom(t.Context(), name, secret, addr) // a restart forgets nothing
			return err
		}
		for range 9 {
			if err := login("ann", oldV1Hash, "192.0.2.1:1234"); !errors.Is(err, accounts.ErrPassword) {
				t.Fatalf("wrong password = %v", err)
			}
		}
		for range 3 { // good ones are not counted
			if err := login("ann", v1Hash, "192.0.2.1:99"); err != nil {
				t.Fatalf("good password = %v", err)
			}
		}
		if err := login("ANN", oldV1Hash, "192.0.2.1"); !errors.Is(err, accounts.ErrPassword) {
			t.Fatalf("tenth wrong password = %v", err)
		}
		var many *accounts.TooManyError
		if err := login("Ann", v1Hash, "::ffff:192.0.2.1"); !errors.As(err, &many) || many.Wait <= 0 || many.Wait > 30*time.Minute {
			t.Errorf("good password after ten wrong ones = %v, want a *TooManyError", err)
		}
		for addr, name := range map[string]string{"192.0.2.2:1": "ann", "192.0.2.1:1": "bob"} {
			if err := login(name, v1Hash, addr); err != nil {
				t.Errorf("login of %s from %s = %v", name, addr, err)
			}
		}
		if many != nil {
			time.Sleep(many.Wait)
		}
		if err := login("ann", v1Hash, "192.0.2.1:7"); err != nil {
			t.Errorf("login after the wait = %v", err)
		}
		if got, err := a.User(t.Context(), u.ID); err != nil || got != u {
			t.Errorf("User = %+v, %v", got, err)
		}
		// What counts no more goes with later attempts.
		time.Sleep(time.Hour)
		if err := login("bob", v1Hash, "198.51.100.1:1"); err != nil {
			t.Error(err)
		}
		if n := rows(t, s, "try"); n != 0 {
			t.Errorf("%d rows of attempts are left", n)
		}
	})
}

// Many names from one address, and one name from many addresses.
func testLoginLimitsWidely(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	var many *accounts.TooManyError
	for i := range 50 {
		if _, err := a.LoginFrom(t.Context(), fmt.Sprint("user", i), oldV1Hash, fmt.Sprintf("[2001:db8::%x]:1", i+1)); !errors.Is(err, accounts.ErrPassword) {
			t.Fatalf("login %d = %v", i, err)
		}
	}
	// An IPv6 subscriber has a /64.
	if _, err := a.LoginFrom(t.Context(), "another", oldV1Hash, "2001:db8::ffff"); !errors.As(err, &many) {
		t.Errorf("login of another name = %v, want a *TooManyError", err)
	}
	if _, err := a.LoginFrom(t.Context(), "another", oldV1Hash, "2001:db8:0:1::"); !errors.Is(err, accounts.ErrPassword) {
		t.Errorf("login from another net = %v", err)
	}
}

// Parallel guesses are counted before they are made.
func testLoginLimitsParallel(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	var tried atomic.Int32
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			var many *accounts.TooManyError
			switch _, err := a.LoginFrom(t.Context(), "ann", oldV1Hash, "192.0.2.1:1"); {
			case errors.Is(err, accounts.ErrPassword):
				tried.Add(1)
			case !errors.As(err, &many):
				t.Errorf("LoginFrom = %v", err)
			}
		})
	}
	wg.Wait()
	if tried.Load() != 10 {
		t.Errorf("%d passwords were tried, want 10", tried.Load())
	}
}

func testSuspend(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	u, err := a.CreateUser(t.Context(), "ann", password, accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.CreateToken(t.Context(), u.ID, accounts.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := a.CreateKey(t.Context(), u.ID, "", "")
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(secret string) error{
		"login": func(secret string) error { _, err := a.Login(t.Context(), "ann", secret); return err },
		"token": func(string) error { _, _, err := a.Token(t.Context(), token); return err },
		"key":   func(string) error { _, _, err := a.Secret(t.Context(), key.Access); return err },
	}
	if err := a.Suspend(t.Context(), u.ID, " "); !errors.Is(err, accounts.ErrInvalid) {
		t.Errorf("Suspend without a reason = %v, want %v", err, accounts.ErrInvalid)
	}
	for _, step := range []struct {
		do   func() error
		want error
	}{
		{func() error { return nil }, nil},
		{func() error { return a.Suspend(t.Context(), u.ID, "does not pay") }, accounts.ErrSuspended},
		{func() error { return a.Unsuspend(t.Context(), u.ID) }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		for name, way := range ways {
			err := way(password)
			if !errors.Is(err, step.want) || step.want != nil && !strings.Contains(err.Error(), "does not pay") {
				t.Errorf("%s = %v, want %v", name, err, step.want)
			}
		}
	}
	if err := a.Suspend(t.Context(), u.ID, "does not pay"); err != nil {
		t.Fatal(err)
	}
	// Who does not know the password is not told.
	if err := ways["login"]("password2"); !errors.Is(err, accounts.ErrPassword) {
		t.Errorf("wrong password of a suspended user = %v, want %v", err, accounts.ErrPassword)
	}
	if got, err := a.UserByName(t.Context(), "ann"); err != nil || got.Suspended != "does not pay" {
		t.Errorf("UserByName = %+v, %v", got, err)
	}
}

// rows counts the rows of a table.
func rows(t *testing.T, s kv.Store, table string) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(tx kv.Tx) error {
		n = 0
		for _, err := range tx.Scan(kv.Range("acct", table)) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
