package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

func TestUsers(t *testing.T) {
	s := newSite(t)
	root := s.as("root", accounts.LevelAdmin)
	root.get("/ui/users").want(200).has("root", "admin", "active")
	for want, form := range map[string][]string{
		"This name is taken":                    {"name", "ROOT", "level", "user"},
		"a username has 1 to 48 of the":         {"name", "an<b>n", "level", "user"},
		"a password has 8 to 1024 characters":   {"name", "ann", "password", "short", "level", "user"},
		"This request is not understood":        {"name", "ann", "level", "god"},
		`value="an&lt;b&gt;n" maxlength="48" a`: {"name", "an<b>n", "level", "user"},
	} {
		if p := root.submit("/ui/users", form...).has(want); p.status != 400 && p.status != 409 {
			t.Errorf("%v = %d", form, p.status)
		}
	}
	if to := root.submit("/ui/users", "name", "ann", "password", password, "level", "user").want(303).header.Get("Location"); to != "/ui/users/ann" {
		t.Errorf("a new user leads to %q", to)
	}
	root.submit("/ui/users", "name", "robot", "level", "upload").want(303)
	s.browser().login("ann", password).want(303)
	if got := s.user("robot").Level; got != accounts.LevelUpload {
		t.Errorf("robot has level %v", got)
	}
	root.get("/ui/users?find=OB").want(200).has("/ui/users/robot").hasNot("/ui/users/ann")
	root.get("/ui/users?find=%3Cb%3E").want(200).has("No user", "&lt;b&gt;").hasNot("<b>")
	root.get("/ui/users/nobody").want(404).has("There is no such user")
}

// Whatever an admin changes about a user holds at once and is in the audit log.
func TestUserPage(t *testing.T) {
	s := newSite(t)
	ann, root := s.as("ann", accounts.LevelUser), s.as("root", accounts.LevelAdmin)
	const page = "/ui/users/ann"
	root.get(page).want(200).has("The user has none", "without a limit")

	root.submit(page+"/quota", "bytes", "1 MiB", "objects", "2").want(303)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "half", strings.Repeat("x", 1<<19)).want(200)
	root.get(page+"?done=quota").want(200).has("The quota is changed", "512 KiB of 1 MiB", "1 of 2", `value="1 MiB"`, `value="2"`)
	for _, bad := range [][]string{{"bytes", "much"}, {"bytes", "-1"}, {"objects", "-1"}, {"objects", "x"}} {
		root.submit(page+"/quota", bad...).want(400).has("Nothing was changed")
	}
	if q := s.user("ann").Quota; q != (accounts.Quota{Bytes: 1 << 20, Objects: 2}) {
		t.Errorf("the quota is %+v", q)
	}
	root.submit(page+"/quota", "default", "yes", "bytes", "1 MiB").want(303)
	if q := s.user("ann").Quota; q != (accounts.Quota{}) {
		t.Errorf("the default quota is %+v", q)
	}

	root.submit(page+"/suspend", "reason", " ").want(400).has("a suspension has a reason")
	root.submit(page+"/suspend", "reason", "spam <b>").want(303)
	root.get(page).want(200).has("spam &lt;b&gt;", "Let the user in again").hasNot("spam <b>")
	ann.get("/ui/").want(403).has("This account is suspended")
	root.get("/ui/users").want(200).has(">suspended<")
	root.submit(page + "/unsuspend").want(303)
	ann.get("/ui/").want(200)

	root.submit(page+"/password", "password", "short").want(400)
	root.submit(page+"/password", "password", "given to her").want(303)
	ann.get("/ui/").want(303)
	ann.login("ann", "given to her").want(303)

	root.submit(page+"/level", "level", "god").want(400)
	root.submit(page+"/level", "level", "admin").want(303)
	ann.get("/ui/users").want(404) // her session was made by a user, and an admin logs in as one
	ann.login("ann", "given to her").want(303)
	ann.get("/ui/users").want(200)

	wantAudit(t, s, "user.password", "user.unsuspend", "user.suspend", "user.quota", "user.level")
}

// wantAudit looks for records of root about ann.
func wantAudit(t *testing.T, s *site, actions ...string) {
	t.Helper()
	for _, action := range actions {
		list, err := s.accounts.Audit(t.Context(), accounts.AuditQuery{Action: action, Actor: "root", Target: "ann"})
		must(t, err)
		if len(list) == 0 || list[0].Actor.From != "127.0.0.1" {
			t.Errorf("the audit log has %v of %s", list, action)
		}
	}
}

func TestUsersTokensAndKeys(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ann, root := s.as("ann", accounts.LevelUser), s.as("root", accounts.LevelAdmin)
	id := s.user("ann").ID
	token, tok, err := s.accounts.CreateToken(ctx, id, accounts.TokenSpec{Label: "lap<b>top"})
	must(t, err)
	const page = "/ui/users/ann"
	root.get(page).want(200).has("lap&lt;b&gt;top", "session", "Revoke", "End").hasNot("<b>")
	root.submit(page+"/revoke", "hash", "none").want(404).has("There is no such token")
	root.submit("/ui/users/root/revoke", "hash", tok.Hash).want(404)
	root.submit(page+"/revoke", "hash", tok.Hash).want(303)
	if _, _, err := s.accounts.Token(ctx, token); err == nil {
		t.Error("a revoked token works")
	}

	body := root.submit(page + "/keys").want(200).has("Copy its secret now").body
	keys, err := s.accounts.Keys(ctx, id)
	must(t, err)
	_, secret, err := s.accounts.Secret(ctx, keys[0].Access)
	must(t, err)
	if !strings.Contains(body, secret) {
		t.Error("the new secret is not shown")
	}
	root.get(page).want(200).has(keys[0].Access).hasNot(secret)
	root.submit("/ui/users/root/delete-key", "access", keys[0].Access).want(404)
	root.submit(page+"/delete-key", "access", keys[0].Access).want(303)
	if left, err := s.accounts.Keys(ctx, id); err != nil || len(left) != 0 {
		t.Errorf("the keys left are %v, %v", left, err)
	}
	ann.get("/ui/").want(200)
	for _, action := range []string{"token.revoke", "key.create", "key.delete"} {
		list, err := s.accounts.Audit(ctx, accounts.AuditQuery{Action: action, Actor: "root", Target: "ann"})
		if err != nil || len(list) != 1 {
			t.Errorf("the audit log has %v of %s, %v", list, action, err)
		}
		for _, r := range list {
			if strings.Contains(fmt.Sprint(r), secret) || strings.Contains(fmt.Sprint(r), token) {
				t.Errorf("a secret is in the record %v", r)
			}
		}
	}
}

// An admin cannot shut himself out by a slip.
func TestAdminKeepsHimself(t *testing.T) {
	s := newSite(t)
	root := s.as("root", accounts.LevelAdmin)
	root.get("/ui/users/root").want(200).hasNot("/ui/users/root/level", "/ui/users/root/suspend")
	root.submit("/ui/users/root/level", "level", "user").want(409).has("This is your own account")
	root.submit("/ui/users/Root/suspend", "reason", "x").want(409)
	if u := s.user("root"); u.Level != accounts.LevelAdmin || u.Suspended != "" {
		t.Errorf("root is %+v", u)
	}
}

func TestInvites(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	root := s.as("root", accounts.LevelAdmin)
	root.get("/ui/invites").want(200).has("no invite yet")
	root.submit("/ui/invites", "code", "welcome").want(200).has("The invite is made", "welcome", "nobody yet")
	root.submit("/ui/invites", "code", "welcome").want(409).has("This code is taken", `value="welcome"`)
	root.submit("/ui/invites", "code", "no<b>").want(400).has("no&lt;b&gt;").hasNot("<b>")
	root.submit("/ui/invites", "code", "").want(200)
	all, err := s.accounts.Invites(ctx)
	must(t, err)
	if len(all) != 2 || len(all[0].Code) != 20 || all[0].By != "root" {
		t.Fatalf("the invites are %+v", all)
	}
	root.submit("/ui/invites/delete", "code", all[0].Code).want(303)
	root.submit("/ui/invites/delete", "code", all[0].Code).want(404)
	_, err = s.accounts.Register(ctx, "newbie", password, "welcome", "127.0.0.1")
	must(t, err)
	root.get("/ui/invites").want(200).has("/ui/users/newbie").hasNot("Take back", all[0].Code)
	root.submit("/ui/invites/delete", "code", "welcome").want(409).has("This invite is used already")
}

func TestAuditPage(t *testing.T) {
	s := newSite(t)
	root := s.as("root", accounts.LevelAdmin)
	root.get("/ui/audit").want(200).has("Nothing was recorded yet")
	by := s.accounts.By(accounts.Actor{User: 7, Name: "eve<b>", From: "cli"})
	for i := range 102 {
		must(t, by.Record(t.Context(), "provider.suspend", fmt.Sprintf("f0%d", i), "why <i>not"))
	}
	must(t, by.Record(t.Context(), "user.level", "ann", ""))
	p := root.get("/ui/audit").want(200).has("eve&lt;b&gt;", "why &lt;i&gt;not", "user.level", ">f0101<", "Older").hasNot("<i>not", ">f01<", "Newest")
	next := p.next()
	root.get(next).want(200).has(">f01<", ">f00<", "Newest").hasNot("Older", ">f0101<")
	root.get("/ui/audit?action=user.").want(200).has("user.level").hasNot("provider.suspend<")
	root.get("/ui/audit?target=f05&who="+url.QueryEscape("eve<b>")).want(200).has(">f05<", `value="eve&lt;b&gt;"`).hasNot(">f06<")
	root.get("/ui/audit?who=nobody").want(200).has("Nothing of the kind")
}
