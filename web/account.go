package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/internal/clientaddr"
)

// quotaBar is how much of a quota is used.
type quotaBar struct {
	Kept  buckets.Usage
	Quota accounts.Quota
	// Shares of it that are used, percent; 0 where there is no limit.
	Bytes, Objects float64
}

func newQuotaBar(kept buckets.Usage, q accounts.Quota) quotaBar {
	return quotaBar{Kept: kept, Quota: q, Bytes: shareOf(kept.Bytes, q.Bytes), Objects: shareOf(kept.Objects, q.Objects)}
}

// shareOf is the part of a limit that is used, percent, at most all of it.
func shareOf(used, most int64) float64 {
	if most <= 0 {
		return 0
	}
	return min(100, 100*float64(used)/float64(most))
}

type accountView struct {
	Quota     quotaBar
	Providers []deals.Registration // that are the user's
	Address   string               // as it stands in the form
	Done      string
	Problem   *pageError // with the form that it is about
	About     string     // that form
}

// accountDone is what a form that was taken has done.
var accountDone = map[string]string{
	"password": "The password is changed, and your other sessions are ended.",
	"address":  "The address is changed.",
}

func (s *server) showAccount(c *call) error {
	return s.accountPage(c, http.StatusOK, accountView{Address: c.user.Address, Done: accountDone[c.r.URL.Query().Get("done")]})
}

func (s *server) accountPage(c *call, status int, data accountView) error {
	ctx := c.r.Context()
	kept, err := s.buckets.Usage(ctx, c.user.ID)
	if err != nil {
		return err
	}
	data.Quota = newQuotaBar(kept, c.user.Quota)
	if data.Providers, err = s.deals.Registrations(ctx, c.user.ID); err != nil {
		return err
	}
	return s.render(c, status, "account", view{Title: "Account", Nav: "account", Data: data})
}

// refusal is err as a page shows it beside the form that was refused. What is a
// fault of ours stays an error.
func refusal(err error) (*pageError, error) {
	p := translate(err)
	if p.status >= http.StatusInternalServerError && p.status != http.StatusInsufficientStorage {
		return nil, err
	}
	return &p, nil
}

// setPassword changes the caller's password, if he proves again that he is it,
// and ends his other sessions.
func (s *server) setPassword(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	err := s.changePassword(c)
	if err == nil {
		s.redirect(c, "/ui/account?done=password")
		return nil
	}
	p, err := refusal(err)
	if err != nil {
		return err
	}
	if p.retry != "" {
		c.w.Header().Set("Retry-After", p.retry)
	}
	return s.accountPage(c, p.status, accountView{Address: c.user.Address, Problem: p, About: "password"})
}

func (s *server) changePassword(c *call) error {
	ctx, form := c.r.Context(), c.r.PostForm
	fresh := form.Get("new")
	if fresh != form.Get("again") {
		return errRepeat
	}
	if err := s.prove(c, form.Get("current")); err != nil {
		return err
	}
	if err := s.accounts.SetPassword(ctx, c.user.ID, fresh); err != nil {
		return err
	}
	return s.accounts.EndSessions(ctx, c.user.ID, c.session)
}

// prove checks that the caller knows his password, or the secret of an S3 key of
// his, which opens a session too. It keeps the form of a session left open from
// changing the password at once. It does not keep out who works at it: a session
// makes keys, whose secrets are taken here, and tokens, with which V1's API
// changes the password unasked.
func (s *server) prove(c *call, secret string) error {
	ctx, addr := c.r.Context(), clientaddr.Of(c.r)
	if wait, ok := s.logins.take(addr); !ok {
		return tooMany(wait)
	}
	known, err := s.knowsKey(c, secret)
	if err != nil {
		return err
	}
	if !known {
		select {
		case s.hashing <- struct{}{}:
			defer func() { <-s.hashing }()
		case <-ctx.Done():
			return ctx.Err()
		}
		switch _, err := s.accounts.LoginFrom(ctx, c.user.Name, secret, c.r.RemoteAddr); {
		case errors.Is(err, accounts.ErrPassword):
			return errCurrent
		case err != nil:
			return err
		}
	}
	s.logins.giveBack(addr)
	return nil
}

// knowsKey says whether secret is that of one of the caller's S3 keys.
func (s *server) knowsKey(c *call, secret string) (bool, error) {
	keys, err := s.accounts.Keys(c.r.Context(), c.user.ID)
	if err != nil {
		return false, err
	}
	have, known := sha256.Sum256([]byte(secret)), 0
	for _, k := range keys {
		_, real, err := s.accounts.Secret(c.r.Context(), k.Access)
		switch {
		case errors.Is(err, accounts.ErrNoKey):
			continue // deleted meanwhile
		case err != nil:
			return false, err
		}
		want := sha256.Sum256([]byte(real))
		known |= subtle.ConstantTimeCompare(have[:], want[:])
	}
	return known == 1, nil
}

// setAddress notes where the caller is on Filecoin.
func (s *server) setAddress(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	addr := strings.TrimSpace(c.r.PostForm.Get("address"))
	err := s.accounts.SetAddress(c.r.Context(), c.user.ID, addr)
	if err == nil {
		s.redirect(c, "/ui/account?done=address")
		return nil
	}
	p, err := refusal(err)
	if err != nil {
		return err
	}
	return s.accountPage(c, p.status, accountView{Address: addr, Problem: p, About: "address"})
}
