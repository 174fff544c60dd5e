package web

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// forever is the lifetime of a token that is not to expire, as V1 has it.
const forever = 100 * 365 * 24 * time.Hour

// lifetimes are those that the form offers.
var lifetimes = []struct {
	Value, Label string
	is           time.Duration
}{
	{"1d", "1 day", 24 * time.Hour},
	{"30d", "30 days", 30 * 24 * time.Hour},
	{"1y", "1 year", 365 * 24 * time.Hour},
	{"never", "does not expire", forever},
}

// tokenRow is a token as pages show it.
type tokenRow struct {
	accounts.Token
	Here    bool // the session that shows it
	Expired bool
	Never   bool // expires
}

// tokenRows tells API tokens from sessions, the newest first.
func tokenRows(list []accounts.Token, here string) (tokens, sessions []tokenRow) {
	now := time.Now()
	for _, t := range slices.Backward(list) {
		row := tokenRow{Token: t, Here: t.Hash == here, Expired: !now.Before(t.Expires), Never: t.Expires.Sub(now) > forever/2}
		switch {
		case !t.Session:
			tokens = append(tokens, row)
		case !row.Expired:
			sessions = append(sessions, row)
		}
	}
	return tokens, sessions
}

type tokensView struct {
	Tokens, Sessions []tokenRow
	Levels           []accounts.Level // that a new one may have, the user's own last
	Lifetimes        any
	Label            string // as it stands in the form
	Made             string // a new token, shown this once
	Problem          *pageError
}

func (s *server) listTokens(c *call) error {
	return s.tokensPage(c, http.StatusOK, tokensView{})
}

func (s *server) tokensPage(c *call, status int, data tokensView) error {
	list, err := s.accounts.Tokens(c.r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	data.Tokens, data.Sessions = tokenRows(list, c.session)
	data.Lifetimes = lifetimes
	for _, l := range levels {
		if l <= c.user.Level {
			data.Levels = append(data.Levels, l)
		}
	}
	return s.render(c, status, "tokens", view{Title: "API tokens", Nav: "account", Scripts: []string{"copy.js"}, Data: data})
}

// levels are all there are, the lowest first.
var levels = []accounts.Level{accounts.LevelUpload, accounts.LevelUser, accounts.LevelAdmin}

// levelOf is the level that a form names.
func levelOf(name string) (accounts.Level, error) {
	for _, l := range levels {
		if l.String() == name {
			return l, nil
		}
	}
	return 0, errInput
}

// createToken makes an API token and shows it in the answer itself: a page that
// is asked for later never can.
func (s *server) createToken(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	form := c.r.PostForm
	level, err := levelOf(form.Get("level"))
	if err != nil || level > c.user.Level {
		return errInput
	}
	spec := accounts.TokenSpec{Level: level, Label: form.Get("label")}
	for _, l := range lifetimes {
		if l.Value == form.Get("lifetime") {
			spec.Lifetime = l.is
		}
	}
	if spec.Lifetime == 0 {
		return errInput
	}
	token, _, err := s.accounts.CreateToken(c.r.Context(), c.user.ID, spec)
	if err == nil {
		return s.tokensPage(c, http.StatusOK, tokensView{Made: token})
	}
	p, err := refusal(err)
	if err != nil {
		return err
	}
	return s.tokensPage(c, p.status, tokensView{Problem: p, Label: spec.Label})
}

func tokenURL(hash string) string { return "/ui/account/tokens/" + url.PathEscape(hash) + "/revoke" }

func (s *server) confirmRevoke(c *call) error {
	hash := c.r.PathValue("hash")
	list, err := s.accounts.Tokens(c.r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(t accounts.Token) bool { return t.Hash == hash })
	if i < 0 {
		return accounts.ErrNoToken
	}
	name := list[i].Label
	if name == "" {
		name = "token without a label, made " + stampText(list[i].Created)
	}
	return s.ok(c, "confirm", view{Title: "Revoke token", Nav: "account", Data: confirmView{
		Question: "Revoke this token?", Name: name, Label: "Revoke the token",
		Warning: "Whatever uses it is refused from then on. It cannot be brought back; a new one takes its place.",
		Action:  tokenURL(hash), Back: "/ui/account/tokens"}})
}

// revokeToken ends a token or a session of the caller's at once. The path has
// its hash, which is no credential; a token itself is not taken there, because
// paths are logged.
func (s *server) revokeToken(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	hash := c.r.PathValue("hash")
	list, err := s.accounts.Tokens(c.r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(t accounts.Token) bool { return t.Hash == hash }) {
		return accounts.ErrNoToken
	}
	if err := s.accounts.RevokeToken(c.r.Context(), c.user.ID, hash); err != nil {
		return err
	}
	s.redirect(c, "/ui/account/tokens")
	return nil
}

// endSessions logs the caller out everywhere but here.
func (s *server) endSessions(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	if err := s.accounts.EndSessions(c.r.Context(), c.user.ID, c.session); err != nil {
		return err
	}
	s.redirect(c, "/ui/account/tokens")
	return nil
}
