package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

// Whoever has an invite makes an account with it, once, and is logged in.
func TestRegister(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	_, err := s.accounts.CreateInvite(ctx, "welcome", "root")
	must(t, err)
	b := s.browser()
	b.get("/ui/login").want(200).has(`href="/ui/register"`)
	b.get("/ui/register?code=%22%3E%3Cb%3E").want(200).hasNot("<b>")
	b.get("/ui/register?code=welcome").want(200).has(`value="welcome"`)
	send := func(code, name, password, again string) page {
		return b.post("/ui/register", url.Values{"code": {code}, "name": {name}, "password": {password}, "again": {again}})
	}
	for what, p := range map[string]page{
		"There is no such invite":     send("guess", "ann", password, password).want(404),
		"The new passwords differ":    send("welcome", "ann", password, password+"x").want(400),
		"a username has 1 to 48":      send("welcome", "an<b>n", password, password).want(400),
		"a password has 8 to 1024 ch": send("welcome", "ann", "short", "short").want(400),
		"without an invite":           send("", "ann", password, password).want(404),
	} {
		if p.hasNot("<b>n", password); p.header.Get("Set-Cookie") != "" || (what != "without an invite" && !strings.Contains(p.body, what)) {
			t.Errorf("%s: cookie %q\n%s", what, p.header.Get("Set-Cookie"), p.body)
		}
	}
	if users, err := s.accounts.Users(ctx); err != nil || len(users) != 0 {
		t.Fatalf("there are %v, %v", users, err)
	}
	p := send("welcome", "Ann", password, password).want(303)
	if c := p.header.Get("Set-Cookie"); !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Strict") {
		t.Errorf("the cookie is %q", c)
	}
	b.get("/ui/account").want(200).has("ann")
	if u := s.user("ann"); u.Level != accounts.LevelUser {
		t.Errorf("the new user has level %v", u.Level)
	}
	send("welcome", "bob", password, password).want(409).has("This invite is used already")
	other := s.browser().do("POST", "/ui/register", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"cross-site"}},
		strings.NewReader("code=welcome&name=bob&password=correct+horse&again=correct+horse"))
	other.want(403)
}

// Codes are guessed at like passwords.
func TestRegisterIsLimited(t *testing.T) {
	s := newSite(t)
	_, err := s.accounts.CreateInvite(t.Context(), "welcome", "root")
	must(t, err)
	try := func(code string) page {
		return s.browser().post("/ui/register", url.Values{"code": {code}, "name": {"ann"}, "password": {password}, "again": {password}})
	}
	n := 0
	for ; n < 100 && try("guess").status == 404; n++ {
	}
	if p := try("welcome").want(429); n == 0 || n == 100 || p.header.Get("Retry-After") == "" {
		t.Errorf("%d guesses, then Retry-After %q", n, p.header.Get("Retry-After"))
	}
}
