package estuaryapi_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
)

// What holds for every route is asked of every route.

// Words that are no key are told apart as V1 did, wherever a key is needed.
func TestAuthorizationEverywhere(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	for _, row := range estuaryapi.Rows() {
		if row.Level == 0 {
			continue
		}
		path := wildcard.ReplaceAllString(row.Path, "7")
		for header, reason := range map[string]string{"Basic YTpi": "ERR_AUTH_MISSING_BEARER", "Bearer": "ERR_INVALID_AUTH", "undefined": "ERR_AUTH_MISSING"} {
			f.do(row.Method, path, "", nil, "Authorization", header).wantReason(t, row.Method+" "+path+" with "+header, 401, reason)
		}
	}
}

// A client that sends too much is told so by every route.
func TestRateEverywhere(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{Rate: 0.001})
	f.get("/health", "") // takes the only one
	for _, row := range estuaryapi.Rows() {
		path := wildcard.ReplaceAllString(row.Path, "7")
		f.do(row.Method, path, "", nil).wantReason(t, row.Method+" "+path, 429, "Too Many Requests")
	}
}

// A body of JSON has a limit, also where there is no other.
func TestLargeBodyEverywhere(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	large, tried := `{"x":"`+strings.Repeat("x", 8<<20)+`"}`, 0
	for _, row := range estuaryapi.Rows() {
		op := description().doc.Paths.Value(estuaryapi.DocumentPath(row.Path)).GetOperation(row.Method)
		if op.RequestBody == nil || op.RequestBody.Value.Content["application/json"] == nil {
			continue
		}
		tried++
		path := wildcard.ReplaceAllStringFunc(row.Path, goodWildcard)
		// Over a connection the answer could be lost with what was not read.
		r, err := http.NewRequestWithContext(t.Context(), row.Method, path, strings.NewReader(large))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+admin)
		w, _ := serve(f.srv.Config.Handler, r)
		answer{w.Code, w.Header(), w.Body.String()}.wantReason(t, row.Method+" "+path, 413, "ERR_INVALID_INPUT")
	}
	if tried < 20 {
		t.Errorf("only %d routes have a body", tried)
	}
}

// goodWildcard is a value that a wildcard parses.
func goodWildcard(w string) string {
	switch strings.Trim(w, "{}") {
	case "miner", "sp":
		return "f01000"
	case "cid", "propcid":
		return "bafkqaaa"
	}
	return "7"
}

// Where the store fails every route that needs it says 500, and no more. The log
// has the cause, but neither the caller's key nor one that a path has in it.
func TestFailureEverywhere(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	other := strings.Replace(unknown, "EST0", "EST1", 1)
	f.store.fail(errors.New("read /secret/place"))
	failed := 0
	for _, row := range estuaryapi.Rows() {
		path := strings.NewReplacer("{key_or_hash}", other, "{code}", other).Replace(row.Path)
		path = wildcard.ReplaceAllStringFunc(path, goodWildcard)
		a := f.do(row.Method, path, admin, nil)
		if a.has("secret") {
			t.Errorf("%s %s tells the cause: %s", row.Method, path, a.body)
		}
		if row.Level > 0 { // the key cannot be looked up
			a.wantReason(t, row.Method+" "+path, 500, "ERR_INTERNAL_SERVER")
			failed++
		}
	}
	f.store.fail(nil)
	f.srv.Close()
	log := f.log.String()
	if n := strings.Count(log, "/secret/place"); n < failed {
		t.Errorf("the log has the cause %d times of %d:\n%s", n, failed, log)
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "EST1") || strings.Contains(line, admin) {
			t.Errorf("the log has a key or an invite: %s", line)
		}
	}
}

// accountsAway is an authorization service that nobody reaches.
type accountsAway struct{}

func (accountsAway) Call(context.Context, accounts.Call) (accounts.Answer, error) {
	return accounts.Answer{}, accounts.ErrUnavailable
}

// Where accounts are elsewhere and nobody reaches them, every route that needs
// them says so.
func TestAccountsAwayEverywhere(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	f.serveFrom(estuaryapi.New(f.buckets, f.collections, f.deals, accounts.At(accountsAway{}), f.node, estuaryapi.Options{}))
	for _, row := range estuaryapi.Rows() {
		if row.Level == 0 && !slices.Contains([]string{"/public/stats", "/register", "/login"}, row.Path) {
			continue
		}
		path := wildcard.ReplaceAllStringFunc(row.Path, goodWildcard)
		a := f.do(row.Method, path, unknown, strings.NewReader(`{"username":"ann","passwordHash":"x","inviteCode":"y"}`))
		a.wantReason(t, row.Method+" "+path, 503, "ERR_INTERNAL_SERVER")
	}
}
