package estuaryapi_test

import (
	"regexp"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
)

const (
	errMissing = `"reason":"ERR_AUTH_MISSING"`
	errUpload  = `"details":"api key is upload only"`
	errLow     = `"details":"user not authorized"`
)

var wildcard = regexp.MustCompile(`{[^}]+}`)

// Every route of the table, with a key of every level and without one.
func TestLevels(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	upload := f.token(u, accounts.TokenSpec{Level: accounts.LevelUpload})
	root, admin := f.user("root", accounts.LevelAdmin, 0)
	keys := []struct {
		name, key string
		level     accounts.Level
		refusal   string // where the level is too low
		code      int
	}{
		{"no key", "", 0, errMissing, 401},
		{"an upload-only key", upload, accounts.LevelUpload, errUpload, 403},
		{"an admin's upload-only key", f.token(root, accounts.TokenSpec{Level: accounts.LevelUpload}), accounts.LevelUpload, errUpload, 403},
		{"a user's key", token, accounts.LevelUser, errLow, 403},
		{"an admin's user key", f.token(root, accounts.TokenSpec{Level: accounts.LevelUser}), accounts.LevelUser, errLow, 403},
		{"an admin's key", admin, accounts.LevelAdmin, "", 0},
	}
	for _, row := range estuaryapi.Rows() {
		path := wildcard.ReplaceAllString(row.Path, "7")
		for _, k := range keys {
			a := f.do(row.Method, path, k.key, nil)
			refused := a.has(errMissing) || a.has(errUpload) || a.has(errLow)
			switch {
			case k.level < row.Level && (a.code != k.code || !a.has(k.refusal)):
				t.Errorf("%s %s with %s = %d %s, want %d with %s", row.Method, path, k.name, a.code, a.body, k.code, k.refusal)
			case k.level >= row.Level && refused:
				t.Errorf("%s %s with %s = %d %s, want it let in", row.Method, path, k.name, a.code, a.body)
			case a.code >= 500:
				t.Errorf("%s %s with %s = %d %s", row.Method, path, k.name, a.code, a.body)
			}
		}
	}
}

// V1 asks for a key before it says that a route below a group does not exist.
func TestLevelsBelowGroups(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	upload := f.token(u, accounts.TokenSpec{Level: accounts.LevelUpload})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	for _, tt := range []struct {
		path                      string
		none, upload, user, admin int
	}{
		{"/content/7/nothing", 401, 404, 404, 404},
		{"/content", 401, 404, 404, 404},
		{"/user/nothing", 401, 403, 404, 404},
		{"/deals/nothing/at/all", 401, 403, 404, 404},
		{"/collections/7/nothing", 401, 403, 404, 404},
		{"/pinning/nothing", 401, 403, 404, 404},
		{"/admin/nothing", 401, 403, 403, 404},
		{"/administrators", 404, 404, 404, 404},
		{"/nothing", 404, 404, 404, 404},
		{"/public/nothing", 404, 404, 404, 404},
	} {
		for key, want := range map[string]int{"": tt.none, upload: tt.upload, token: tt.user, admin: tt.admin} {
			if a := f.get(tt.path, key); a.code != want {
				t.Errorf("GET %s with %q = %d %s, want %d", tt.path, key, a.code, a.body, want)
			}
		}
	}
}

// Below /pinning errors have no code, as that API's specification has them.
func TestPinningErrors(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	for key, want := range map[string]string{
		"":    `{"error":{"reason":"ERR_AUTH_MISSING","details":"no api key was specified"}}`,
		token: `{"error":{"reason":"Not Found","details":"Not Found"}}`,
	} {
		if a := f.get("/pinning/nothing", key); a.body != want+"\n" {
			t.Errorf("with %q: %d %s, want %s", key, a.code, a.body, want)
		}
	}
}
