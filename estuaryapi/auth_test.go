package estuaryapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
)

const (
	noBearer = `Unsupported authorization scheme: Bearer is a required prefix. The Authorization HTTP Header should be in the format "Authorization: Bearer ESTxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxxARY".`
	badAuth  = `Invalid Auth: An Invalid API Key was specified. The Authorization HTTP Header should be in the format "Authorization: Bearer ESTxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxxARY". You have the Bearer prefix but your API Key is empty or missing.`
	unknown  = "EST01234567-89ab-4cde-8f01-23456789abcdARY"
)

func TestAuthorization(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	upload := f.token(u, accounts.TokenSpec{Level: accounts.LevelUpload})
	tests := []struct {
		name, header    string // "-": no header
		code            int
		reason, details string
	}{
		{"missing", "-", 401, "ERR_AUTH_MISSING", "no api key was specified"},
		{"empty", "", 401, "ERR_AUTH_MISSING", "no api key was specified"},
		{"undefined, as V1's web app sends", "undefined", 401, "ERR_AUTH_MISSING", "no api key was specified"},
		{"another scheme", "Basic YTpi", 401, "ERR_AUTH_MISSING_BEARER", noBearer},
		{"bare token", token, 401, "ERR_AUTH_MISSING_BEARER", noBearer},
		{"lower case", "bearer " + token, 401, "ERR_AUTH_MISSING_BEARER", noBearer},
		{"a tab", "Bearer\t" + token, 401, "ERR_AUTH_MISSING_BEARER", noBearer},
		{"only Bearer", "Bearer", 401, "ERR_INVALID_AUTH", badAuth},
		{"three parts", "Bearer " + token + " x", 401, "ERR_INVALID_AUTH", badAuth},
		{"two spaces", "Bearer  " + token, 401, "ERR_INVALID_AUTH", badAuth},
		{"unknown", "Bearer " + unknown, 401, "ERR_INVALID_TOKEN", "api key does not exist"},
		{"a token's hash is none", "Bearer " + accounts.TokenHash(token), 401, "ERR_INVALID_TOKEN", "api key does not exist"},
		{"very long", "Bearer " + strings.Repeat("E", 30_000), 401, "ERR_INVALID_TOKEN", "api key does not exist"},
		{"upload only", "Bearer " + upload, 403, "ERR_NOT_AUTHORIZED", "api key is upload only"},
	}
	for _, tt := range tests {
		var header []string
		if tt.header != "-" {
			header = []string{"Authorization", tt.header}
		}
		f.do(http.MethodGet, "/content/contents", "", nil, header...).wantError(t, tt.name, tt.code, tt.reason, tt.details)
	}
	if a := f.get("/content/contents", token); a.code != 200 {
		t.Errorf("a good token: %d %s", a.code, a.body)
	}
	if strings.Contains(f.log.String(), "EST") {
		t.Errorf("the log has a token: %s", f.log)
	}
}

func TestExpiredToken(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, _ := f.user("ann", accounts.LevelUser, 0)
	token, row, err := f.accounts.CreateToken(t.Context(), u.ID, accounts.TokenSpec{Lifetime: 1})
	if err != nil {
		t.Fatal(err)
	}
	f.get("/viewer", token).wantError(t, "expired", 401, "ERR_TOKEN_EXPIRED",
		"token for user 1 expired "+row.Expires.Format(time.RFC3339))
}

func TestRevokedToken(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	if err := f.accounts.RevokeToken(t.Context(), u.ID, token); err != nil {
		t.Fatal(err)
	}
	f.get("/viewer", token).wantError(t, "revoked", 401, "ERR_INVALID_TOKEN", "api key does not exist")
}

// A key sinks with its user.
func TestLoweredUser(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, other := f.user("bob", accounts.LevelUser, 0)
	id := f.add(other, "b.txt", "bob's").ID
	u, token := f.user("ann", accounts.LevelAdmin, 0)
	path := "/content/" + itoa(id)
	if a := f.get(path, token); a.code != 200 {
		t.Errorf("an admin sees %d", a.code)
	}
	f.get(path, f.token(u, accounts.TokenSpec{Level: accounts.LevelUser})).
		wantError(t, "an admin's user key", 403, "ERR_NOT_AUTHORIZED", "User (2) is not authorized for content ("+itoa(id)+")")
	if err := f.accounts.SetLevel(t.Context(), u.ID, accounts.LevelUser); err != nil {
		t.Fatal(err)
	}
	if a := f.get(path, token); a.code != 403 {
		t.Errorf("a former admin sees %d %s", a.code, a.body)
	}
}

func FuzzBearer(f *testing.F) {
	for _, s := range []string{"", "undefined", "Bearer", "Bearer ", "Bearer x", "Bearer x y", " Bearer x", "Basic x", "Bearer\x00x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, err := estuaryapi.Bearer(header)
		if err == nil && (token == "" || strings.Contains(token, " ") || header != "Bearer "+token) {
			t.Errorf("bearer(%q) = %q", header, token)
		}
		if err != nil {
			if code, _ := estuaryapi.APIError(err); token != "" || code != 401 {
				t.Errorf("bearer(%q) = %q, %d, want no token and 401", header, token, code)
			}
		}
	})
}
