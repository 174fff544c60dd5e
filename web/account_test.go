package web_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

func (s *site) user(name string) accounts.User {
	s.t.Helper()
	u, err := s.accounts.UserByName(s.t.Context(), name)
	must(s.t, err)
	return u
}

func TestAccountPage(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	must(t, s.accounts.SetQuota(t.Context(), s.user("ann").ID, &accounts.Quota{Bytes: 1 << 20, Objects: 4}))
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "half", strings.Repeat("x", 1<<19)).want(200)
	ann.get("/ui/account").want(200).has(`href="/ui/account"`, "512 KiB of 1 MiB", "1 of 4", `aria-label="50 % used"`, `aria-label="25 % used"`)
	s.as("root", accounts.LevelAdmin).get("/ui/account").want(200).has("without a limit")
}

func TestChangePassword(t *testing.T) {
	s := newSite(t)
	ann, other := s.as("ann", accounts.LevelUser), s.browser()
	other.login("ann", password).want(303)
	token, _, err := s.accounts.CreateToken(t.Context(), s.user("ann").ID, accounts.TokenSpec{})
	must(t, err)
	const form, fresh = "/ui/account/password", "a new and better one"
	change := func(current, a, b string) page { return ann.submit(form, "current", current, "new", a, "again", b) }
	change(password, fresh, fresh+"x").want(400).has("The new passwords differ")
	change("wrong", fresh, fresh).want(401).has("The current password is not right")
	change("", fresh, fresh).want(401)
	change(password, "short", "short").want(400).has("Nothing was changed: a password has 8 to 1024 characters")
	other.get("/ui/account").want(200)
	if to := change(password, fresh, fresh).want(303).header.Get("Location"); to != "/ui/account?done=password" {
		t.Errorf("it goes on at %q", to)
	}
	ann.get("/ui/account?done=password").want(200).has("The password is changed").hasNot(fresh, password)
	other.get("/ui/account").want(303)
	if _, _, err := s.accounts.Token(t.Context(), token); err != nil {
		t.Errorf("the API token: %v", err)
	}
	s.browser().login("ann", password).want(401)
	s.browser().login("ann", fresh).want(303)
}

// Who has no password yet, as whoever was made with a key alone, sets one with
// the key's secret; another's is no proof.
func TestFirstPassword(t *testing.T) {
	s := newSite(t)
	u, err := s.accounts.CreateUser(t.Context(), "ann", "", accounts.LevelUser)
	must(t, err)
	key, secret, err := s.accounts.CreateKey(t.Context(), u.ID, "", "")
	must(t, err)
	s.as("bob", accounts.LevelUser)
	_, bobs, err := s.accounts.CreateKey(t.Context(), s.user("bob").ID, "", "")
	must(t, err)
	ann := s.browser()
	ann.login(key.Access, secret).want(303)
	ann.csrf = token(ann.get("/ui/account").want(200).body)
	const form = "/ui/account/password"
	for _, wrong := range []string{"", bobs, password, key.Access} {
		ann.submit(form, "current", wrong, "new", "correct horses", "again", "correct horses").want(401)
	}
	ann.submit(form, "current", secret, "new", "correct horses", "again", "correct horses").want(303)
	s.browser().login("ann", "correct horses").want(303)
}

// An open session is no way to guess its user's password.
func TestPasswordGuessesAreLimited(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	guess := func(current string) page {
		return ann.submit("/ui/account/password", "current", current, "new", "correct horses", "again", "correct horses")
	}
	for range 10 {
		guess("wrong").want(401)
	}
	if p := guess(password).want(429).has("Too many attempts"); p.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestAddress(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	const addr = "f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy"
	ann.submit("/ui/account/address", "address", "f1<b>").want(400).has("This cannot be", "f1&lt;b&gt;").hasNot("f1<b>")
	ann.submit("/ui/account/address", "address", " "+addr+" ").want(303)
	ann.get("/ui/account?done=address").has("The address is changed", `value="`+addr+`"`)
	if got := s.user("ann").Address; got != addr {
		t.Errorf("the address is %q", got)
	}
	ann.submit("/ui/account/address", "address", "").want(303)
	if got := s.user("ann").Address; got != "" {
		t.Errorf("the address is %q", got)
	}
}

var shownToken = regexp.MustCompile(`EST[0-9a-f-]{36}ARY`)

func TestTokens(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ann, bob, root := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser), s.as("root", accounts.LevelAdmin)
	const page = "/ui/account/tokens"
	ann.get(page).want(200).has("No token yet", "this one", `value="upload"`, `value="user"`).hasNot(`value="admin"`, "End all others")
	root.get(page).want(200).has(`value="admin"`)

	p := ann.submit(page, "label", "lap<b>top", "level", "upload", "lifetime", "1y").want(200).has("Copy it now", "lap&lt;b&gt;top")
	made := shownToken.FindString(p.body)
	u, tok, err := s.accounts.Token(ctx, made)
	must(t, err)
	if left := time.Until(tok.Expires); u.Name != "ann" || tok.Level != accounts.LevelUpload || tok.Session || left < 364*24*time.Hour || left > 366*24*time.Hour {
		t.Errorf("made %+v of %s", tok, u.Name)
	}
	if again := ann.get(page).want(200).has("lap&lt;b&gt;top", "upload").body; shownToken.MatchString(again) {
		t.Error("a token is shown again")
	}
	for what, form := range map[string][]string{
		"a level above the user's": {"level", "admin", "lifetime", "1d", "label", "x"},
		"no level":                 {"level", "", "lifetime", "1d", "label", "x"},
		"no lifetime":              {"level", "user", "lifetime", "", "label", "x"},
		"another lifetime":         {"level", "user", "lifetime", "-1h", "label", "x"},
		"too long a label":         {"level", "user", "lifetime", "1d", "label", strings.Repeat("x", 256)},
	} {
		if p := ann.submit(page, form...); p.status != 400 {
			t.Errorf("%s = %d, want 400", what, p.status)
		}
	}
	ann.submit(page, "label", "for ever", "level", "user", "lifetime", "never").want(200).has("<td data-label=\"Expires\">never")

	revoke := fmt.Sprintf("/ui/account/tokens/%s/revoke", tok.Hash)
	for _, other := range []*browser{bob, root} { // an admin's own page has his own alone
		other.get(page).want(200).hasNot("lap&lt;", tok.Hash)
		other.get(revoke).want(404)
		other.submit(revoke).want(404)
	}
	ann.submit("/ui/account/tokens/" + url.PathEscape(made) + "/revoke").want(404) // no token in a path
	if _, _, err := s.accounts.Token(ctx, made); err != nil {
		t.Errorf("the token is gone: %v", err)
	}
	ann.get(revoke).want(200).has("Revoke this token?", "lap&lt;b&gt;top")
	ann.submit(revoke).want(303)
	if _, _, err := s.accounts.Token(ctx, made); err == nil {
		t.Error("a revoked token works")
	}
	ann.submit(revoke).want(404).has("There is no such token")
}

func TestSessions(t *testing.T) {
	s := newSite(t)
	ann, second, third := s.as("ann", accounts.LevelUser), s.browser(), s.browser()
	second.login("ann", password).want(303)
	third.login("ann", password).want(303)
	p := ann.get("/ui/account/tokens").want(200).has("End all others")
	ends := regexp.MustCompile(`action="(/ui/account/tokens/[^"]+/revoke)"`).FindAllStringSubmatch(p.body, -1)
	if len(ends) != 2 {
		t.Fatalf("%d sessions can be ended, want the 2 others", len(ends))
	}
	ann.submit(ends[0][1]).want(303)
	second2, third2 := second.get("/ui/").status, third.get("/ui/").status
	if second2+third2 != 200+303 {
		t.Errorf("after one of two sessions was ended they say %d and %d", second2, third2)
	}
	ann.submit("/ui/account/sessions").want(303)
	second.get("/ui/").want(303)
	third.get("/ui/").want(303)
	ann.get("/ui/").want(200)
}

func TestKeys(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ann, bob := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser)
	const page = "/ui/account/keys"
	ann.get(page).want(200).has("No key yet")
	body := ann.submit(page).want(200).has("Copy its secret now").body
	list, err := s.accounts.Keys(ctx, s.user("ann").ID)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("made %d keys", len(list))
	}
	access := list[0].Access
	_, secret, err := s.accounts.Secret(ctx, access)
	must(t, err)
	if !strings.Contains(body, secret) || !strings.Contains(body, access) {
		t.Error("the new key is not shown")
	}
	ann.get(page).want(200).has(access).hasNot(secret)
	remove := page + "/" + access + "/delete"
	bob.get(page).want(200).hasNot(access)
	bob.get(remove).want(404)
	bob.submit(remove).want(404)
	s.as("root", accounts.LevelAdmin).submit(remove).want(404)
	ann.get(remove).want(200).has("Delete this S3 key?", access)
	ann.submit(remove).want(303)
	if _, _, err := s.accounts.Secret(ctx, access); err == nil {
		t.Error("a deleted key works")
	}
	ann.submit(remove).want(404).has("There is no such S3 key")
}

// A session below its user's level makes nothing above it.
func TestLowSession(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	u, err := s.accounts.CreateUser(ctx, "root", password, accounts.LevelAdmin)
	must(t, err)
	low, _, err := s.accounts.CreateToken(ctx, u.ID, accounts.TokenSpec{Session: true, Level: accounts.LevelUser})
	must(t, err)
	b := s.browser()
	b.cookie(low)
	b.csrf = token(b.get("/ui/account").want(200).body)
	b.submit("/ui/account/tokens", "label", "x", "level", "admin", "lifetime", "1d").want(400)
	b.submit("/ui/account/keys").want(400)
	if keys, err := s.accounts.Keys(ctx, u.ID); err != nil || len(keys) != 0 {
		t.Errorf("it made %v, %v", keys, err)
	}
}
