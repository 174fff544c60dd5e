package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/internal/clientaddr"
)

const (
	cookieName = "whypfs_session"
	lifetime   = 12 * time.Hour
	maxForm    = 64 << 10
)

// resume finds the session of a request, or answers errNoSession.
func (s *server) resume(c *call) error {
	cookie, err := c.r.Cookie(cookieName)
	if err != nil {
		return errNoSession
	}
	u, token, err := s.accounts.Token(c.r.Context(), cookie.Value)
	switch {
	case errors.Is(err, accounts.ErrNoToken), errors.Is(err, accounts.ErrExpired), errors.Is(err, accounts.ErrNoUser):
		return errNoSession
	case err != nil:
		return fmt.Errorf("session: %w", err)
	case !token.Session, token.Level < accounts.LevelUser:
		// API tokens live in scripts and logs; they open no pages.
		return errNoSession
	}
	u.Level = min(u.Level, token.Level)
	c.user, c.session, c.csrf = u, token.Hash, csrfToken(cookie.Value)
	return nil
}

// csrfToken is what our own forms carry. It depends on the session alone, so
// that every node that knows the session knows it, and does not give it away.
func csrfToken(session string) string {
	mac := hmac.New(sha256.New, []byte(session))
	mac.Write([]byte("whypfs web csrf"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// checkCSRF compares the token that a form or a script sent.
func (c *call) checkCSRF(sent string) error {
	if c.csrf == "" || subtle.ConstantTimeCompare([]byte(sent), []byte(c.csrf)) != 1 {
		return errCSRF
	}
	return nil
}

// form parses a small form and checks its token.
func (c *call) form() error {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return c.checkCSRF(c.r.PostForm.Get("csrf"))
}

type loginView struct {
	Next, Name string
	Problem    *pageError
}

func (s *server) showLogin(c *call) error {
	next := localPath(c.r.URL.Query().Get("next"))
	if c.user.ID != 0 {
		s.redirect(c, next)
		return nil
	}
	return s.render(c, http.StatusOK, "login", view{Title: "Log in", Data: loginView{Next: next}})
}

// login answers the login form. It has no CSRF token, as there is no session to
// derive it from; that the browser names no other site must do.
func (s *server) login(c *call) error {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	form := c.r.PostForm
	name, next := form.Get("name"), localPath(form.Get("next"))
	token, err := s.openSession(c, name, form.Get("password"))
	if err != nil {
		p := translate(err)
		if p.status >= http.StatusInternalServerError {
			return err
		}
		if p.retry != "" {
			c.w.Header().Set("Retry-After", p.retry)
		}
		return s.render(c, p.status, "login", view{Title: "Log in", Data: loginView{Next: next, Name: name, Problem: &p}})
	}
	http.SetCookie(c.w, sessionCookie(c.r, token, int(lifetime/time.Second)))
	s.redirect(c, next)
	return nil
}

// openSession checks name and password and returns the session's token.
func (s *server) openSession(c *call, name, password string) (string, error) {
	addr := clientaddr.Of(c.r)
	if wait, ok := s.logins.take(addr); !ok {
		return "", tooMany(wait)
	}
	u, err := s.identify(c, name, password)
	if err != nil {
		return "", err
	}
	s.logins.giveBack(addr)
	if u.Level < accounts.LevelUser {
		return "", errUploadOnly
	}
	token, _, err := s.accounts.CreateToken(c.r.Context(), u.ID,
		accounts.TokenSpec{Lifetime: lifetime, Label: "web", Session: true})
	return token, err
}

// identify finds the user of a name and password, or of an access key and its secret.
func (s *server) identify(c *call, name, password string) (accounts.User, error) {
	ctx := c.r.Context()
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return accounts.User{}, ctx.Err()
	}
	// An access key that is wrong goes on as a name: a failure is counted, and
	// takes the time of a hash, whatever was tried.
	u, secret, err := s.accounts.Secret(ctx, name)
	switch {
	case errors.Is(err, accounts.ErrNoKey), errors.Is(err, accounts.ErrNoUser):
	case err != nil:
		return accounts.User{}, err
	default:
		// Sums of equal length hide that of the secret.
		have, want := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(secret))
		if subtle.ConstantTimeCompare(have[:], want[:]) == 1 {
			return u, nil
		}
	}
	return s.accounts.LoginFrom(ctx, name, password, c.r.RemoteAddr)
}

func (s *server) logout(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	err := s.accounts.RevokeToken(c.r.Context(), c.user.ID, c.session)
	if err != nil && !errors.Is(err, accounts.ErrNoToken) {
		return fmt.Errorf("log out: %w", err)
	}
	http.SetCookie(c.w, sessionCookie(c.r, "", -1))
	s.redirect(c, "/ui/login")
	return nil
}

func sessionCookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: value, Path: "/ui/", MaxAge: maxAge, HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
		// Whoever sends the header without being a proxy only loses his own cookie.
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"}
}

// localPath is a page of ours to go to after the login; anything else is the dashboard.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/ui/") || strings.HasPrefix(next, "/ui/log") || strings.ContainsAny(next, "\\\r\n") {
		return "/ui/"
	}
	return next
}
