package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

func TestLogin(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	u, err := s.accounts.CreateUser(ctx, "ann", password, accounts.LevelUser)
	must(t, err)
	key, secret, err := s.accounts.CreateKey(ctx, u.ID, "", "")
	must(t, err)
	_, err = s.accounts.CreateUser(ctx, "robot", password, accounts.LevelUpload)
	must(t, err)
	_, err = s.accounts.CreateUser(ctx, "nopass", "", accounts.LevelUser)
	must(t, err)

	for _, tt := range []struct {
		what, name, password string
		status               int
		text                 string
	}{
		{"password", "ann", password, 303, ""},
		{"access key", key.Access, secret, 303, ""},
		{"wrong password", "ann", "nope", 401, "Name and password do not match"},
		{"unknown user", "eve", password, 401, "Name and password do not match"},
		{"wrong secret", key.Access, secret + "x", 401, "Name and password do not match"},
		{"someone without a password", "nopass", "", 401, "Name and password do not match"},
		{"upload level", "robot", password, 403, "may only upload"},
	} {
		b := s.browser()
		p := b.login(tt.name, tt.password).want(tt.status).has(tt.text)
		cookie := p.header.Get("Set-Cookie")
		if tt.status != 303 {
			if cookie != "" {
				t.Errorf("%s: got the cookie %q", tt.what, cookie)
			}
			p.hasNot(`type="password" value=`)
			b.get("/ui/buckets").want(303)
			continue
		}
		for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/ui/", "Max-Age=43200"} {
			if !strings.Contains(cookie, want) {
				t.Errorf("%s: cookie %q has no %s", tt.what, cookie, want)
			}
		}
		if strings.Contains(cookie, "Secure") {
			t.Errorf("%s: cookie %q is Secure over HTTP, where browsers drop it", tt.what, cookie)
		}
		b.get("/ui/").want(200).has("ann")
	}
}

func TestLoginOverTLSGivesSecureCookie(t *testing.T) {
	s := newSite(t)
	_, err := s.accounts.CreateUser(t.Context(), "ann", password, accounts.LevelUser)
	must(t, err)
	p := s.browser().do("POST", "/ui/login", http.Header{"Content-Type": {"application/x-www-form-urlencoded"},
		"X-Forwarded-Proto": {"https"}}, strings.NewReader(url.Values{"name": {"ann"}, "password": {password}}.Encode())).want(303)
	if c := p.header.Get("Set-Cookie"); !strings.Contains(c, "Secure") {
		t.Errorf("cookie %q is not Secure behind an HTTPS proxy", c)
	}
}

func TestLoginGoesOnlyToOwnPages(t *testing.T) {
	s := newSite(t)
	b := s.as("ann", accounts.LevelUser)
	for next, want := range map[string]string{
		"/ui/zones?offset=100":  "/ui/zones?offset=100",
		"//evil.example/ui/":    "/ui/",
		"https://evil.example/": "/ui/",
		"/ui/\\evil":            "/ui/",
		"/ui/logout":            "/ui/",
		"":                      "/ui/",
	} {
		p := b.post("/ui/login", url.Values{"name": {"ann"}, "password": {password}, "next": {next}}).want(303)
		if got := p.header.Get("Location"); got != want {
			t.Errorf("next %q goes to %q, want %q", next, got, want)
		}
	}
	if got := s.browser().get("/ui/zones?offset=100").want(303).header.Get("Location"); got != "/ui/login?next=%2Fui%2Fzones%3Foffset%3D100" {
		t.Errorf("a stranger is sent to %q", got)
	}
}

func TestLoginIsLimited(t *testing.T) {
	s := newSite(t)
	b := s.as("ann", accounts.LevelUser)
	for range 10 {
		b.login("ann", "guess").want(401)
	}
	p := b.login("ann", password).want(429).has("Too many attempts")
	if p.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.get("/ui/").want(200) // who is logged in stays so
}

func TestLogout(t *testing.T) {
	s := newSite(t)
	b := s.as("ann", accounts.LevelUser)
	other := s.browser()
	other.login("ann", password).want(303)
	// A copy of the cookie must die too: the session ends on the server.
	u, err := url.Parse(s.url + "/ui/")
	must(t, err)
	stolen := s.browser()
	stolen.client.Jar.SetCookies(u, b.client.Jar.Cookies(u))
	stolen.get("/ui/").want(200)

	b.submit("/ui/logout").want(303)
	b.get("/ui/").want(303)
	stolen.get("/ui/").want(303)
	other.get("/ui/").want(200)
}

func TestOnlySessionsOpenPages(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	u, err := s.accounts.CreateUser(ctx, "ann", password, accounts.LevelUser)
	must(t, err)
	api, _, err := s.accounts.CreateToken(ctx, u.ID, accounts.TokenSpec{})
	must(t, err)
	upload, _, err := s.accounts.CreateToken(ctx, u.ID, accounts.TokenSpec{Session: true, Level: accounts.LevelUpload})
	must(t, err)
	session, tok, err := s.accounts.CreateToken(ctx, u.ID, accounts.TokenSpec{Session: true})
	must(t, err)
	for _, tt := range []struct {
		what, cookie string
		status       int
	}{
		{"a session", session, 200},
		{"its hash", tok.Hash, 303},
		{"an API token", api, 303},
		{"a session that may only upload", upload, 303},
		{"nonsense", "EST<>ARY", 303},
		{"nothing", "", 303},
	} {
		p := s.browser().do("GET", "/ui/", http.Header{"Cookie": {"whypfs_session=" + tt.cookie}}, nil)
		if p.status != tt.status {
			t.Errorf("%s: GET /ui/ = %d, want %d", tt.what, p.status, tt.status)
		}
	}
}

// Every route that changes something refuses what does not prove that it comes
// from our own page, and then changes nothing.
func TestForgedRequests(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "key", "body").want(200)
	bob := s.as("bob", accounts.LevelUser)

	form := func(csrf string) string { return url.Values{"csrf": {csrf}, "name": {"forged"}}.Encode() }
	multi := func(csrf string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + csrf +
			"\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"forged\"\r\n\r\nbody\r\n--x--\r\n"
	}
	targets := []struct{ method, path, kind string }{
		{"POST", "/ui/logout", "application/x-www-form-urlencoded"},
		{"POST", "/ui/buckets", "application/x-www-form-urlencoded"},
		{"POST", "/ui/buckets/box/delete", "application/x-www-form-urlencoded"},
		{"POST", "/ui/buckets/box/remove?key=key", "application/x-www-form-urlencoded"},
		{"POST", "/ui/zones/1/seal", "application/x-www-form-urlencoded"},
		{"POST", "/ui/buckets/box/upload", "multipart/form-data; boundary=x"},
		{"PUT", "/ui/buckets/box/object?key=forged", ""},
	}
	for _, tt := range targets {
		send := func(csrf string, h http.Header) int {
			body := form(csrf)
			if strings.HasPrefix(tt.kind, "multipart") {
				body = multi(csrf)
			}
			h.Set("Content-Type", tt.kind)
			if tt.method == "PUT" {
				h.Set("X-CSRF-Token", csrf)
			}
			return ann.do(tt.method, tt.path, h, strings.NewReader(body)).status
		}
		for what, got := range map[string]int{
			"without a token":          send("", http.Header{}),
			"with a wrong token":       send("x"+ann.csrf, http.Header{}),
			"with another's token":     send(bob.csrf, http.Header{}),
			"from another site":        send(ann.csrf, http.Header{"Sec-Fetch-Site": {"cross-site"}}),
			"from a sibling site":      send(ann.csrf, http.Header{"Sec-Fetch-Site": {"same-site"}}),
			"from another origin":      send(ann.csrf, http.Header{"Origin": {"https://evil.example"}}),
			"from a page of no origin": send(ann.csrf, http.Header{"Origin": {"null"}}),
			"from another port":        send(ann.csrf, http.Header{"Origin": {"http://127.0.0.1:1"}}),
		} {
			if got != 403 {
				t.Errorf("%s %s %s = %d, want 403", tt.method, tt.path, what, got)
			}
		}
	}
	ann.get(object("box", "object", "key")).want(200)
	ann.get(object("box", "object", "forged")).want(404)
	ann.get("/ui/buckets").want(200).hasNot("forged")
	// The login has no token, so the other site must do for it.
	p := s.browser().do("POST", "/ui/login", http.Header{"Content-Type": {"application/x-www-form-urlencoded"},
		"Sec-Fetch-Site": {"cross-site"}}, strings.NewReader("name=ann&password="+url.QueryEscape(password)))
	if p.status != 403 || p.header.Get("Set-Cookie") != "" {
		t.Errorf("login from another site = %d, cookie %q", p.status, p.header.Get("Set-Cookie"))
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	b := s.as("ann", accounts.LevelUser)
	for _, path := range []string{"/ui/", "/ui/login", "/ui/no-such-page", "/ui/buckets/none"} {
		h := b.get(path).header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q has no %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q allows what is unsafe", path, csp)
		}
		if got := h.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", path, got)
		}
		if got := h.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

// Whoever is suspended, and whose session cannot be looked up, has the page on
// which others log in, with its style.
func TestLoginPageWithoutSession(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	_, err := s.accounts.CreateUser(t.Context(), "bob", password, accounts.LevelUser)
	must(t, err)
	style := regexp.MustCompile(`/ui/assets/style[^"]+`).FindString(ann.get("/ui/").want(200).body)
	must(t, s.accounts.Suspend(t.Context(), s.user("ann").ID, "spam"))
	ann.get("/ui/").want(403).has("This account is suspended")
	ann.get(style).want(200)
	ann.get("/ui/login").want(200).has("Log in").hasNot("Log out")
	ann.login("bob", password).want(303)
	ann.get("/ui/").want(200).has("bob")
	must(t, s.store.Close())
	ann.get("/ui/").want(500)
	ann.get(style).want(200)
	ann.get("/ui/login").want(200)
	ann.login("bob", password).want(500)
}
