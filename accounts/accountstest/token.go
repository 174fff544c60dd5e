package accountstest

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

var tokenForm = regexp.MustCompile(`^EST[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}ARY$`)

func testToken(t *testing.T, open Open) {
	a, s, box := open.fresh(t)
	u := newUser(t, a, "ann", accounts.LevelUser)
	plain, tok, err := a.CreateToken(t.Context(), u.ID, accounts.TokenSpec{Level: accounts.LevelUpload, Label: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	if !tokenForm.MatchString(plain) {
		t.Errorf("token %q is not EST<uuid v4>ARY", plain)
	}
	if tok.Level != accounts.LevelUpload || tok.Label != "laptop" || tok.Session || tok.User != u.ID ||
		tok.Expires.Sub(tok.Created) != 30*24*time.Hour || len(tok.Hash) != 43 {
		t.Errorf("token %+v", tok)
	}
	a = open(t, s, box, accounts.Options{})
	if gotUser, got, err := a.Token(t.Context(), plain); err != nil || gotUser != u || got != tok {
		t.Errorf("Token = %+v, %+v, %v, want %+v, %+v", gotUser, got, err, u, tok)
	}
	for name, token := range map[string]string{
		"its hash": tok.Hash, "empty": "", "unknown": "EST00000000-0000-4000-8000-000000000000ARY",
		"upper case": strings.ToUpper(plain), "cut": plain[:len(plain)-1], "endless": strings.Repeat("x", 1<<20),
	} {
		if u, tok, err := a.Token(t.Context(), token); !errors.Is(err, accounts.ErrNoToken) || u.ID != 0 || tok.Hash != "" {
			t.Errorf("Token of %s = %+v, %+v, %v, want %v", name, u, tok, err, accounts.ErrNoToken)
		}
	}
}

func testTokenExpires(t *testing.T, open Open) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := open.fresh(t)
		u := newUser(t, a, "ann", accounts.LevelUser)
		plain, tok, err := a.CreateToken(t.Context(), u.ID, accounts.TokenSpec{Lifetime: time.Hour, Session: true})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - 1)
		if _, _, err := a.Token(t.Context(), plain); err != nil {
			t.Errorf("Token just before its end = %v", err)
		}
		time.Sleep(1)
		// What is told about an expired token names its user and time.
		if gotUser, got, err := a.Token(t.Context(), plain); !errors.Is(err, accounts.ErrExpired) || gotUser != u || got != tok {
			t.Errorf("Token at its end = %+v, %+v, %v, want %v", gotUser, got, err, accounts.ErrExpired)
		}
		// It is listed for a month more, and then goes with the next new one.
		time.Sleep(31 * 24 * time.Hour)
		if all, err := a.Tokens(t.Context(), u.ID); err != nil || len(all) != 1 {
			t.Errorf("Tokens = %+v, %v", all, err)
		}
		_, second, err := a.CreateToken(t.Context(), u.ID, accounts.TokenSpec{})
		if err != nil {
			t.Fatal(err)
		}
		if all, err := a.Tokens(t.Context(), u.ID); err != nil || len(all) != 1 || all[0] != second {
			t.Errorf("Tokens = %+v, %v, want the new one", all, err)
		}
		if _, _, err := a.Token(t.Context(), plain); !errors.Is(err, accounts.ErrNoToken) {
			t.Errorf("Token = %v, want %v", err, accounts.ErrNoToken)
		}
	})
}

func testCreateTokenRefuses(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	u := newUser(t, a, "ann", accounts.LevelUser)
	tests := []struct {
		name string
		user uint64
		spec accounts.TokenSpec
		want error
	}{
		{"nobody's", 99, accounts.TokenSpec{}, accounts.ErrNoUser},
		{"above the user", u.ID, accounts.TokenSpec{Level: accounts.LevelAdmin}, accounts.ErrInvalid},
		{"unknown level", u.ID, accounts.TokenSpec{Level: 4}, accounts.ErrInvalid},
		{"negative lifetime", u.ID, accounts.TokenSpec{Lifetime: -1}, accounts.ErrInvalid},
		{"long label", u.ID, accounts.TokenSpec{Label: strings.Repeat("x", 256)}, accounts.ErrInvalid},
		{"label that is no text", u.ID, accounts.TokenSpec{Label: "\xff"}, accounts.ErrInvalid},
	}
	for _, test := range tests {
		if plain, tok, err := a.CreateToken(t.Context(), test.user, test.spec); !errors.Is(err, test.want) || plain != "" {
			t.Errorf("%s: CreateToken = %q, %+v, %v, want %v", test.name, plain, tok, err, test.want)
		}
	}
	if all, err := a.Tokens(t.Context(), u.ID); err != nil || len(all) != 0 {
		t.Errorf("Tokens = %+v, %v, want none", all, err)
	}
}

func testRevokeToken(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	ann := newUser(t, a, "ann", accounts.LevelUser)
	bob := newUser(t, a, "bob", accounts.LevelUser)
	var plains []string
	var toks []accounts.Token
	for range 3 {
		plain, tok, err := a.CreateToken(t.Context(), ann.ID, accounts.TokenSpec{})
		if err != nil {
			t.Fatal(err)
		}
		plains, toks = append(plains, plain), append(toks, tok)
	}
	for _, name := range []string{plains[0], toks[0].Hash, "unknown", "", strings.Repeat("x", 1<<20)} {
		if err := a.RevokeToken(t.Context(), bob.ID, name); !errors.Is(err, accounts.ErrNoToken) {
			t.Errorf("RevokeToken by another user = %v, want %v", err, accounts.ErrNoToken)
		}
	}
	if err := a.RevokeToken(t.Context(), ann.ID, plains[0]); err != nil {
		t.Errorf("RevokeToken of a token = %v", err)
	}
	if err := a.RevokeToken(t.Context(), ann.ID, toks[1].Hash); err != nil {
		t.Errorf("RevokeToken of a hash = %v", err)
	}
	for i, want := range []error{accounts.ErrNoToken, accounts.ErrNoToken, nil} {
		if _, _, err := a.Token(t.Context(), plains[i]); !errors.Is(err, want) {
			t.Errorf("Token %d = %v, want %v", i, err, want)
		}
	}
	if err := a.RevokeToken(t.Context(), ann.ID, plains[0]); !errors.Is(err, accounts.ErrNoToken) {
		t.Errorf("second RevokeToken = %v, want %v", err, accounts.ErrNoToken)
	}
	if all, err := a.Tokens(t.Context(), ann.ID); err != nil || len(all) != 1 || all[0] != toks[2] {
		t.Errorf("Tokens = %+v, %v, want the third", all, err)
	}
}

func testEndSessions(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	u := newUser(t, a, "ann", accounts.LevelUser)
	other := newUser(t, a, "bob", accounts.LevelUser)
	make := func(user uint64, session bool) accounts.Token {
		_, tok, err := a.CreateToken(t.Context(), user, accounts.TokenSpec{Session: session})
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	make(u.ID, true)
	mine, script := make(u.ID, true), make(u.ID, false)
	make(other.ID, true)
	if err := a.EndSessions(t.Context(), u.ID, mine.Hash); err != nil {
		t.Errorf("EndSessions = %v", err)
	}
	all, err := a.Tokens(t.Context(), u.ID)
	if err != nil || len(all) != 2 || all[0] != mine || all[1] != script {
		t.Errorf("Tokens = %+v, %v, want the session that goes on and the script's", all, err)
	}
	if all, err := a.Tokens(t.Context(), other.ID); err != nil || len(all) != 1 {
		t.Errorf("Tokens of another user = %+v, %v", all, err)
	}
}
