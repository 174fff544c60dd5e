package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/whypfs/whypfs/accounts"
)

// madeKey is a new S3 key with its secret, which is shown once.
type madeKey struct{ Access, Secret string }

type keysView struct {
	Keys []accounts.Key
	S3   string
	Made *madeKey
}

func (s *server) listKeys(c *call) error { return s.keysPage(c, nil) }

func (s *server) keysPage(c *call, made *madeKey) error {
	list, err := s.accounts.Keys(c.r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, "keys", view{Title: "S3 keys", Nav: "account", Scripts: []string{"copy.js"},
		Data: keysView{Keys: list, S3: s.s3URL(c.r), Made: made}})
}

// createKey makes an S3 key. Whoever has one may do all that its user may, so
// only who may that makes one.
func (s *server) createKey(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	u, err := s.accounts.User(c.r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	if u.Level > c.user.Level {
		return errInput
	}
	k, secret, err := s.accounts.CreateKey(c.r.Context(), c.user.ID, "", "")
	if err != nil {
		return err
	}
	return s.keysPage(c, &madeKey{k.Access, secret})
}

func keyURL(access string) string { return "/ui/account/keys/" + url.PathEscape(access) + "/delete" }

func (s *server) confirmDeleteKey(c *call) error {
	access := c.r.PathValue("access")
	list, err := s.accounts.Keys(c.r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(k accounts.Key) bool { return k.Access == access }) {
		return accounts.ErrNoKey
	}
	return s.ok(c, "confirm", view{Title: "Delete S3 key", Nav: "account", Data: confirmView{
		Question: "Delete this S3 key?", Name: access, Label: "Delete the key",
		Warning: "Clients that sign with it are refused from then on. It cannot be brought back; a new one takes its place.",
		Action:  keyURL(access), Back: "/ui/account/keys"}})
}

func (s *server) deleteKey(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	if err := s.accounts.DeleteKey(c.r.Context(), c.user.ID, c.r.PathValue("access")); err != nil {
		return err
	}
	s.redirect(c, "/ui/account/keys")
	return nil
}
