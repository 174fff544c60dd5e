package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

type registerView struct {
	Code, Name string // as they stand in the form
	Problem    *pageError
}

// registerURL is where whoever has an invite makes an account.
func registerURL(code string) string {
	return "/ui/register?" + url.Values{"code": {code}}.Encode()
}

func (s *server) showRegister(c *call) error {
	return s.render(c, http.StatusOK, "register", view{Title: "Register", Data: registerView{Code: c.r.URL.Query().Get("code")}})
}

// register makes an account for whoever has an invite, and logs him in. As with
// the login there is no session yet to derive a token from. Guesses at codes are
// counted by accounts.
func (s *server) register(c *call) error {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	data := registerView{Code: strings.TrimSpace(c.r.PostForm.Get("code")), Name: strings.TrimSpace(c.r.PostForm.Get("name"))}
	token, err := s.registered(c, data)
	if err != nil {
		p, err := refusal(err)
		if err != nil {
			return err
		}
		if p.retry != "" {
			c.w.Header().Set("Retry-After", p.retry)
		}
		data.Problem = p
		return s.render(c, p.status, "register", view{Title: "Register", Data: data})
	}
	http.SetCookie(c.w, sessionCookie(c.r, token, int(lifetime/time.Second)))
	s.redirect(c, "/ui/")
	return nil
}

// registered makes the account and returns a session's token.
func (s *server) registered(c *call, data registerView) (string, error) {
	ctx, password := c.r.Context(), c.r.PostForm.Get("password")
	if password != c.r.PostForm.Get("again") {
		return "", errRepeat
	}
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	u, err := s.accounts.Register(ctx, data.Name, password, data.Code, c.r.RemoteAddr)
	if err != nil {
		return "", err
	}
	token, _, err := s.accounts.CreateToken(ctx, u.ID, accounts.TokenSpec{Lifetime: lifetime, Label: "web", Session: true})
	return token, err
}
