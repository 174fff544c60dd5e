package estuaryapi_test

import (
	"errors"
	"regexp"
	"strings"
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

// machines are the routes that ask for a machine's token, which is no key of anybody's.
var machines = regexp.MustCompile(`^/(autoretrieve|shuttle)/`)

// access is a way to ask, and what becomes of it where a key is needed.
type access struct {
	name, key string
	level     accounts.Level // that it has
	code      int            // where the route's level is higher
	refusal   string         // in the answer's body then
}

// accesses are all ways to ask.
func (f *fixture) accesses() []access {
	f.t.Helper()
	ctx := f.t.Context()
	u, token := f.user("ann", accounts.LevelUser, 0)
	root, admin := f.user("root", accounts.LevelAdmin, 0)
	out, its := f.user("out", accounts.LevelUser, 0)
	last := f.token(out, accounts.TokenSpec{Level: accounts.LevelUpload})
	gone, expired := f.token(root, accounts.TokenSpec{}), f.token(root, accounts.TokenSpec{Lifetime: 1})
	if err := errors.Join(f.accounts.Suspend(ctx, out.ID, "does not pay"), f.accounts.RevokeToken(ctx, root.ID, gone)); err != nil {
		f.t.Fatal(err)
	}
	return []access{
		{"no key", "", 0, 401, errMissing},
		{"an upload-only key", f.token(u, accounts.TokenSpec{Level: accounts.LevelUpload}), accounts.LevelUpload, 403, errUpload},
		{"an admin's upload-only key", f.token(root, accounts.TokenSpec{Level: accounts.LevelUpload}), accounts.LevelUpload, 403, errUpload},
		{"a user's key", token, accounts.LevelUser, 403, errLow},
		{"an admin's user key", f.token(root, accounts.TokenSpec{Level: accounts.LevelUser}), accounts.LevelUser, 403, errLow},
		{"an admin's key", admin, accounts.LevelAdmin, 0, ""},
		{"a suspended user's key", its, 0, 403, `"details":"account is suspended: does not pay"`},
		{"a suspended user's upload-only key", last, 0, 403, `"details":"account is suspended: does not pay"`},
		{"an admin's expired key", expired, 0, 401, `"reason":"ERR_TOKEN_EXPIRED"`},
		{"an admin's revoked key", gone, 0, 401, `"reason":"ERR_INVALID_TOKEN"`},
		{"a made-up key", unknown, 0, 401, `"reason":"ERR_INVALID_TOKEN"`},
	}
}

// Every route of the table, in every way: who is let in is what its row, and with
// it the OpenAPI document, says.
func TestLevels(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	ways := f.accesses()
	for _, row := range estuaryapi.Rows() {
		if machines.MatchString(row.Path) {
			continue
		}
		path := wildcard.ReplaceAllString(row.Path, "7")
		op := description().doc.Paths.Value(estuaryapi.DocumentPath(row.Path)).GetOperation(row.Method)
		if told, level := op.Description, (map[accounts.Level]string{1: "upload", 2: "user", 10: "admin"})[row.Level]; level != "" && !strings.Contains(told, "level "+level+".") {
			t.Errorf("%s %s is of level %s; the document says %q", row.Method, row.Path, level, told)
		}
		for _, w := range ways {
			a := f.do(row.Method, path, w.key, nil)
			// A route without a level may have keys of its own kind, and says so.
			itself := row.Level == 0 && len(row.Reasons[401])+len(row.Reasons[403]) > 0
			refused := false
			for _, other := range ways {
				refused = refused || other.refusal != "" && a.has(other.refusal)
			}
			switch {
			case w.level < row.Level && (a.code != w.code || !a.has(w.refusal)):
				t.Errorf("%s %s with %s = %d %s, want %d with %s", row.Method, path, w.name, a.code, a.body, w.code, w.refusal)
			case w.level >= row.Level && refused && !itself:
				t.Errorf("%s %s with %s = %d %s, want it let in", row.Method, path, w.name, a.code, a.body)
			case a.code >= 500:
				t.Errorf("%s %s with %s = %d %s", row.Method, path, w.name, a.code, a.body)
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
