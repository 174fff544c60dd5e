package accountstest

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

func testKeys(t *testing.T, open Open) {
	a, s, box := open.fresh(t)
	u := newUser(t, a, "ann", accounts.LevelUser)
	given, secret, err := a.CreateKey(t.Context(), u.ID, "backup.key_1-x", "12345678")
	if err != nil || secret != "12345678" || given.Access != "backup.key_1-x" || given.User != u.ID || given.Created.IsZero() {
		t.Errorf("CreateKey = %+v, %q, %v", given, secret, err)
	}
	made, madeSecret, err := a.CreateKey(t.Context(), u.ID, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Z2-7]{20}$`).MatchString(made.Access) || !regexp.MustCompile(`^[A-Za-z0-9]{40}$`).MatchString(madeSecret) {
		t.Errorf("made access key %q and secret %q", made.Access, madeSecret)
	}
	if _, other, err := a.CreateKey(t.Context(), u.ID, "", ""); err != nil || other == madeSecret {
		t.Errorf("another made secret = %q, %v", other, err)
	}
	a = open(t, s, box, accounts.Options{})
	for access, want := range map[string]string{given.Access: secret, made.Access: madeSecret} {
		if got, secret, err := a.Secret(t.Context(), access); err != nil || got != u || secret != want {
			t.Errorf("Secret(%q) = %+v, %q, %v, want %+v, %q", access, got, secret, err, u, want)
		}
	}
	if all, err := a.Keys(t.Context(), u.ID); err != nil || len(all) != 3 || all[2] != given {
		t.Errorf("Keys = %+v, %v", all, err)
	}
	for _, access := range []string{"", "unknown", strings.ToUpper(given.Access), strings.Repeat("x", 1<<20)} {
		if _, secret, err := a.Secret(t.Context(), access); !errors.Is(err, accounts.ErrNoKey) || secret != "" {
			t.Errorf("Secret(%.40q) = %q, %v, want %v", access, secret, err, accounts.ErrNoKey)
		}
	}
}

func testCreateKeyRefuses(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	ann := newUser(t, a, "ann", accounts.LevelUser)
	bob := newUser(t, a, "bob", accounts.LevelUser)
	if _, _, err := a.CreateKey(t.Context(), bob.ID, "taken", "12345678"); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, access, secret string
		user                 uint64
		want                 error
	}{
		{"short access", "ab", "", ann.ID, accounts.ErrInvalid},
		{"long access", strings.Repeat("x", 129), "", ann.ID, accounts.ErrInvalid},
		{"slash", "a/b", "", ann.ID, accounts.ErrInvalid}, // it separates a credential's parts
		{"short secret", "access", "1234567", ann.ID, accounts.ErrInvalid},
		{"long secret", "access", strings.Repeat("x", 257), ann.ID, accounts.ErrInvalid},
		{"nobody's", "access", "", 99, accounts.ErrNoUser},
		{"another's", "taken", "", ann.ID, accounts.ErrKeyExists},
		{"one's own", "taken", "", bob.ID, accounts.ErrKeyExists},
	}
	for _, test := range tests {
		_, secret, err := a.CreateKey(t.Context(), test.user, test.access, test.secret)
		if !errors.Is(err, test.want) || secret != "" {
			t.Errorf("%s: CreateKey = %q, %v, want %v", test.name, secret, err, test.want)
		}
		if err != nil && test.secret != "" && strings.Contains(err.Error(), test.secret) {
			t.Errorf("%s: the error %q names the secret", test.name, err)
		}
	}
	if u, secret, err := a.Secret(t.Context(), "taken"); err != nil || u != bob || secret != "12345678" {
		t.Errorf("Secret = %+v, %q, %v", u, secret, err)
	}
}

func testDeleteKey(t *testing.T, open Open) {
	a, _, _ := open.fresh(t)
	ann := newUser(t, a, "ann", accounts.LevelUser)
	bob := newUser(t, a, "bob", accounts.LevelUser)
	key, _, err := a.CreateKey(t.Context(), ann.ID, "access", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, access := range []string{key.Access, "unknown", "", strings.Repeat("x", 1<<20)} {
		if err := a.DeleteKey(t.Context(), bob.ID, access); !errors.Is(err, accounts.ErrNoKey) {
			t.Errorf("DeleteKey(%.40q) by another user = %v, want %v", access, err, accounts.ErrNoKey)
		}
	}
	for _, want := range []error{nil, accounts.ErrNoKey} {
		if err := a.DeleteKey(t.Context(), ann.ID, key.Access); !errors.Is(err, want) {
			t.Errorf("DeleteKey = %v, want %v", err, want)
		}
		if _, _, err := a.Secret(t.Context(), key.Access); !errors.Is(err, accounts.ErrNoKey) {
			t.Errorf("Secret of a deleted key = %v, want %v", err, accounts.ErrNoKey)
		}
	}
	if all, err := a.Keys(t.Context(), ann.ID); err != nil || len(all) != 0 {
		t.Errorf("Keys = %+v, %v, want none", all, err)
	}
	// The name is free again, for anyone, and has the new secret.
	if _, _, err := a.CreateKey(t.Context(), bob.ID, key.Access, "another secret"); err != nil {
		t.Errorf("CreateKey = %v", err)
	}
	if u, secret, err := a.Secret(t.Context(), key.Access); err != nil || u != bob || secret != "another secret" {
		t.Errorf("Secret = %+v, %q, %v", u, secret, err)
	}
}

// What a key was opened to is forgotten as soon as its rows change, whoever changes them.
func testSecretFollowsChanges(t *testing.T, open Open) {
	a, s, box := open.fresh(t)
	other := open(t, s, box, accounts.Options{}) // another process, as it were
	u := newUser(t, a, "ann", accounts.LevelUser)
	expect := func(secret string, level accounts.Level) {
		t.Helper()
		for range 2 {
			if got, have, err := a.Secret(t.Context(), "key"); err != nil || have != secret || got.Level != level || got.ID != u.ID {
				t.Errorf("Secret = %+v, %q, %v; want %q, level %v", got, have, err, secret, level)
			}
		}
	}
	create := func(secret string) {
		t.Helper()
		if _, _, err := other.CreateKey(t.Context(), u.ID, "key", secret); err != nil {
			t.Fatal(err)
		}
	}
	create("first secret")
	expect("first secret", accounts.LevelUser)
	if err := other.SetLevel(t.Context(), u.ID, accounts.LevelAdmin); err != nil {
		t.Fatal(err)
	}
	expect("first secret", accounts.LevelAdmin)
	if err := other.DeleteKey(t.Context(), u.ID, "key"); err != nil {
		t.Fatal(err)
	}
	if _, secret, err := a.Secret(t.Context(), "key"); !errors.Is(err, accounts.ErrNoKey) || secret != "" {
		t.Errorf("Secret of a deleted key = %q, %v", secret, err)
	}
	create("other secret")
	expect("other secret", accounts.LevelAdmin)
}
