package web

import (
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/accounts"
)

type invitesView struct {
	Invites []accounts.Invite
	Page    page
	Code    string // that could not be taken
	Made    string // code of a new one
	Problem *pageError
}

func (s *server) listInvites(c *call) error { return s.invitesPage(c, http.StatusOK, invitesView{}) }

func (s *server) invitesPage(c *call, status int, data invitesView) error {
	all, err := s.accounts.Invites(c.r.Context())
	if err != nil {
		return err
	}
	p := paging(c)
	data.Invites, data.Page = cut(c, p, all[min(p.offset, len(all)):])
	return s.render(c, status, "invites", view{Title: "Invites", Nav: "users", Scripts: []string{"copy.js"}, Data: data})
}

// createInvite makes an invite; without a code one is chosen at random.
func (s *server) createInvite(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	code := strings.TrimSpace(c.r.PostForm.Get("code"))
	made, err := s.as(c).CreateInvite(c.r.Context(), code, c.user.Name)
	if err == nil {
		return s.invitesPage(c, http.StatusOK, invitesView{Made: made.Code})
	}
	p, err := refusal(err)
	if err != nil {
		return err
	}
	return s.invitesPage(c, p.status, invitesView{Code: code, Problem: p})
}

// deleteInvite takes an invite back. Its code is in the form, as codes may be secret.
func (s *server) deleteInvite(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	if err := s.as(c).DeleteInvite(c.r.Context(), c.r.PostForm.Get("code")); err != nil {
		return err
	}
	s.redirect(c, "/ui/invites")
	return nil
}
