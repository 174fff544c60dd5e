package web

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/whypfs/whypfs/accounts"
)

// as is the accounts as the caller changes them as an admin: each change is
// recorded in the audit log.
func (s *server) as(c *call) *accounts.Accounts {
	from, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		from = c.r.RemoteAddr
	}
	return s.accounts.By(accounts.Actor{User: c.user.ID, Name: c.user.Name, From: from})
}

// personRow is a user in the list of users.
type personRow struct {
	accounts.User
	Quota quotaBar
}

type usersView struct {
	Users   []personRow
	Page    page
	Find    string // part of the names that are listed
	Name    string // that could not be added
	Problem *pageError
}

func (s *server) listUsers(c *call) error { return s.usersPage(c, http.StatusOK, usersView{}) }

func (s *server) usersPage(c *call, status int, data usersView) error {
	ctx := c.r.Context()
	all, err := s.accounts.Users(ctx)
	if err != nil {
		return err
	}
	kept, err := s.buckets.Usages(ctx)
	if err != nil {
		return err
	}
	data.Find = strings.TrimSpace(c.r.URL.Query().Get("find"))
	var rows []personRow
	for _, u := range all {
		if strings.Contains(strings.ToLower(u.Name), strings.ToLower(data.Find)) {
			rows = append(rows, personRow{u, newQuotaBar(kept[u.ID], u.Quota)})
		}
	}
	p := paging(c)
	data.Users, data.Page = cut(c, p, rows[min(p.offset, len(rows)):])
	return s.render(c, status, "users", view{Title: "Users", Nav: "users", Data: data})
}

// createUser adds a user. Without a password he needs a key or a token to get in.
func (s *server) createUser(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	form := c.r.PostForm
	level, err := levelOf(form.Get("level"))
	if err != nil {
		return err
	}
	name := strings.TrimSpace(form.Get("name"))
	u, err := s.as(c).CreateUser(c.r.Context(), name, form.Get("password"), level)
	if err == nil {
		s.redirect(c, userURL(u.Name))
		return nil
	}
	p, err := refusal(err)
	if err != nil {
		return err
	}
	return s.usersPage(c, p.status, usersView{Name: name, Problem: p})
}

func userURL(name string) string { return "/ui/users/" + url.PathEscape(name) }

type userView struct {
	Person   accounts.User
	Self     bool // it is the admin who looks
	Quota    quotaBar
	Most     string // bytes of the quota, as a form shows them
	Levels   []accounts.Level
	Tokens   []tokenRow
	Sessions []tokenRow
	Keys     []accounts.Key
	Made     *madeKey
	Done     string
	Problem  *pageError
}

// userDone is what a form that was taken has done.
var userDone = map[string]string{
	"level":     "The level is changed.",
	"quota":     "The quota is changed.",
	"suspend":   "Nobody gets in as this user any more.",
	"unsuspend": "The user gets in again, with the tokens and keys that he had.",
	"password":  "The password is changed, and the user's sessions are ended.",
	"revoke":    "The token is revoked.",
	"key":       "The key is deleted.",
}

// person is the user whom the path names.
func (s *server) person(c *call) (accounts.User, error) {
	return s.accounts.UserByName(c.r.Context(), c.r.PathValue("user"))
}

func (s *server) showUser(c *call) error {
	u, err := s.person(c)
	if err != nil {
		return err
	}
	return s.userPage(c, http.StatusOK, u, userView{Done: userDone[c.r.URL.Query().Get("done")]})
}

func (s *server) userPage(c *call, status int, u accounts.User, data userView) error {
	ctx := c.r.Context()
	kept, err := s.buckets.Usage(ctx, u.ID)
	if err != nil {
		return err
	}
	tokens, err := s.accounts.Tokens(ctx, u.ID)
	if err != nil {
		return err
	}
	if data.Keys, err = s.accounts.Keys(ctx, u.ID); err != nil {
		return err
	}
	data.Person, data.Self, data.Levels = u, u.ID == c.user.ID, levels
	data.Quota, data.Most = newQuotaBar(kept, u.Quota), exactBytes(u.Quota.Bytes)
	data.Tokens, data.Sessions = tokenRows(tokens, c.session)
	return s.render(c, status, "user", view{Title: u.Name, Nav: "users", Scripts: []string{"copy.js"}, Data: data})
}
