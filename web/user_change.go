package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/whypfs/whypfs/accounts"
)

// change is what an admin does to a user with a form.
type change func(ctx context.Context, a *accounts.Accounts, u accounts.User, form url.Values) error

// onUser is the handler of such a form: done is the word for what it did. What
// is refused is told on the user's page.
func (s *server) onUser(done string, do change) handler {
	return func(c *call) error {
		if err := c.form(); err != nil {
			return err
		}
		u, err := s.person(c)
		if err != nil {
			return err
		}
		if u.ID == c.user.ID && (done == "level" || done == "suspend") {
			err = errSelf
		} else {
			err = do(c.r.Context(), s.as(c), u, c.r.PostForm)
		}
		if err == nil {
			s.redirect(c, userURL(u.Name)+"?done="+done)
			return nil
		}
		p, err := refusal(err)
		if err != nil {
			return err
		}
		return s.userPage(c, p.status, u, userView{Problem: p})
	}
}

func changeLevel(ctx context.Context, a *accounts.Accounts, u accounts.User, form url.Values) error {
	level, err := levelOf(form.Get("level"))
	if err != nil {
		return err
	}
	return a.SetLevel(ctx, u.ID, level)
}

// changeQuota takes sizes as people write them; nothing, or 0, is no limit.
func changeQuota(ctx context.Context, a *accounts.Accounts, u accounts.User, form url.Values) error {
	if form.Get("default") != "" {
		return a.SetQuota(ctx, u.ID, nil)
	}
	var q accounts.Quota
	if text := strings.TrimSpace(form.Get("bytes")); text != "" {
		n, err := humanize.ParseBytes(text)
		if err != nil || n > 1<<62 {
			return errRefused.because("Nothing was changed: %q is not a size such as 16 GiB.", text)
		}
		q.Bytes = int64(n)
	}
	if text := strings.TrimSpace(form.Get("objects")); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return errRefused.because("Nothing was changed: %q is not a number of contents.", text)
		}
		q.Objects = n
	}
	return a.SetQuota(ctx, u.ID, &q)
}

func suspend(ctx context.Context, a *accounts.Accounts, u accounts.User, form url.Values) error {
	return a.Suspend(ctx, u.ID, form.Get("reason"))
}

func unsuspend(ctx context.Context, a *accounts.Accounts, u accounts.User, _ url.Values) error {
	return a.Unsuspend(ctx, u.ID)
}

// replacePassword gives a user a password that an admin chose, and logs him out.
func replacePassword(ctx context.Context, a *accounts.Accounts, u accounts.User, form url.Values) error {
	if err := a.SetPassword(ctx, u.ID, form.Get("password")); err != nil {
		return err
	}
	return a.EndSessions(ctx, u.ID, "")
}

func revokeOf(ctx context.Context, a *accounts.Accounts, u accounts.User, form url.Values) error {
	return a.RevokeToken(ctx, u.ID, form.Get("hash"))
}

func deleteKeyOf(ctx context.Context, a *accounts.Accounts, u accounts.User, form url.Values) error {
	return a.DeleteKey(ctx, u.ID, form.Get("access"))
}

// createKeyOf makes an S3 key for a user, as for one who has no password yet.
func (s *server) createKeyOf(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	u, err := s.person(c)
	if err != nil {
		return err
	}
	k, secret, err := s.as(c).CreateKey(c.r.Context(), u.ID, "", "")
	if err != nil {
		return err
	}
	return s.userPage(c, http.StatusOK, u, userView{Made: &madeKey{k.Access, secret}})
}
