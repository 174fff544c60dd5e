package estuaryapi

import (
	"net"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

var errInviteTaken = apiError{http.StatusConflict, "ERR_BAD_REQUEST", "there is an invite with this code already"}

// as is the accounts as the caller changes them as an admin: each change is
// recorded in the audit log.
func (s *server) as(r *request) *accounts.Accounts {
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	return s.accounts.By(accounts.Actor{User: r.who.user.ID, Name: r.who.user.Name, From: from})
}

type inviteCode struct {
	Code string `path:"code" doc:"code of the invite"`
}

type inviteMade struct {
	Code string `json:"code"`
}

// createInvite makes an invite with a code that the admin chose.
func (s *server) createInvite(r *request, in inviteCode) (inviteMade, error) {
	i, err := s.as(r).CreateInvite(r.Context(), in.Code, r.who.user.Name)
	return inviteMade{i.Code}, err
}

// invite is V1's; the names are those of users.
type invite struct {
	Code      string    `json:"code"`
	CreatedBy string    `json:"createdBy"`
	ClaimedBy string    `json:"claimedBy"`
	CreatedAt time.Time `json:"createdAt"`
}

// listInvites lists all invites, the newest first.
func (s *server) listInvites(r *request, _ nothing) ([]invite, error) {
	all, err := s.accounts.Invites(r.Context())
	if err != nil {
		return nil, err
	}
	list := make([]invite, 0, len(all))
	for _, i := range all {
		list = append(list, invite{i.Code, i.By, i.ClaimedBy, i.Created})
	}
	return list, nil
}

type auditInput struct {
	Limit  int       `query:"limit" default:"100" min:"1" max:"1000" doc:"most records to answer"`
	Before time.Time `query:"before" doc:"only records from before this time"`
	Action string    `query:"action" doc:"only this action, as user.suspend, or with a dot at the end all that begin so"`
	Who    string    `query:"who" doc:"only what this user did"`
	Target string    `query:"target" doc:"only what was done to this target"`
}

// auditRecord is a line of the audit log.
type auditRecord struct {
	Time   time.Time `json:"time"`
	Who    string    `json:"who"`
	UserID uint64    `json:"userId"` // 0: the operator at the command line
	From   string    `json:"from"`
	Action string    `json:"action"`
	Target string    `json:"target"`
	Detail string    `json:"detail"`
}

// auditLog tells what admins and the operator did, the newest first. V1 had no such route.
func (s *server) auditLog(r *request, in auditInput) ([]auditRecord, error) {
	all, err := s.accounts.Audit(r.Context(), accounts.AuditQuery{Limit: in.Limit, Before: in.Before, Action: in.Action, Actor: in.Who, Target: in.Target})
	if err != nil {
		return nil, err
	}
	list := make([]auditRecord, 0, len(all))
	for _, a := range all {
		list = append(list, auditRecord{a.At, a.Actor.Name, a.Actor.User, a.Actor.From, a.Action, a.Target, a.Detail})
	}
	return list, nil
}

type userName struct {
	Name string `path:"name" doc:"name of a user"`
}

type suspendInput struct {
	userName
	Body struct {
		Reason string `json:"reason"`
	} `body:""`
}

// suspendUser refuses a user's logins, tokens and S3 keys. V1 had no such route.
func (s *server) suspendUser(r *request, in suspendInput) (empty, error) {
	u, err := s.accounts.UserByName(r.Context(), in.Name)
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.as(r).Suspend(r.Context(), u.ID, in.Body.Reason)
}

// unsuspendUser lets a user in again.
func (s *server) unsuspendUser(r *request, in userName) (empty, error) {
	u, err := s.accounts.UserByName(r.Context(), in.Name)
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.as(r).Unsuspend(r.Context(), u.ID)
}

// userTotals is a user as V1 lists them, and what is known of him besides.
type userTotals struct {
	ID        uint64 `json:"id"`
	Username  string `json:"username"`
	SpaceUsed int64  `json:"spaceUsed"`
	NumFiles  int64  `json:"numFiles"`

	Perms        accounts.Level `json:"perms"`
	QuotaBytes   int64          `json:"quotaBytes"` // 0: no limit
	QuotaObjects int64          `json:"quotaObjects"`
	Suspended    string         `json:"suspended"` // why
}

// listUsers lists all users with what they keep, by id.
func (s *server) listUsers(r *request, _ nothing) ([]userTotals, error) {
	all, err := s.accounts.Users(r.Context())
	if err != nil {
		return nil, err
	}
	kept, err := s.buckets.Usages(r.Context())
	if err != nil {
		return nil, err
	}
	list := make([]userTotals, 0, len(all))
	for _, u := range all {
		list = append(list, userTotals{ID: u.ID, Username: u.Name, SpaceUsed: kept[u.ID].Bytes, NumFiles: kept[u.ID].Objects,
			Perms: u.Level, QuotaBytes: u.Quota.Bytes, QuotaObjects: u.Quota.Objects, Suspended: u.Suspended})
	}
	return list, nil
}

type quotaInput struct {
	userName
	Body struct {
		Bytes   *int64 `json:"bytes"`
		Objects *int64 `json:"objects"`
		Default bool   `json:"default"`
	} `body:""`
}

// setQuota says how much a user may keep; what is not given stays.
func (s *server) setQuota(r *request, in quotaInput) (empty, error) {
	u, err := s.accounts.UserByName(r.Context(), in.Name)
	if err != nil {
		return empty{}, err
	}
	q := &u.Quota
	given := in.Body.Bytes != nil || in.Body.Objects != nil
	switch {
	case in.Body.Default == given:
		return empty{}, errInput("give bytes, objects or both, or default: true")
	case in.Body.Default:
		q = nil
	}
	if in.Body.Bytes != nil {
		q.Bytes = *in.Body.Bytes
	}
	if in.Body.Objects != nil {
		q.Objects = *in.Body.Objects
	}
	return empty{}, s.as(r).SetQuota(r.Context(), u.ID, q)
}
