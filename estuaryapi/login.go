package estuaryapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// How long the keys live that V1 makes for whoever registers or logs in.
const (
	registerLifetime = 7 * 24 * time.Hour
	loginLifetime    = 30 * 24 * time.Hour
)

var (
	errInvite       = apiError{http.StatusNotFound, "ERR_INVALID_INVITE", "no such invite code was found"}
	errInviteUsed   = apiError{http.StatusBadRequest, "ERR_INVITE_ALREADY_USED", "the invite code was used already"}
	errNameTaken    = apiError{http.StatusBadRequest, "ERR_USERNAME_TAKEN", "username already exist"}
	errNoUser       = apiError{http.StatusForbidden, "ERR_USER_NOT_FOUND", "no such user exist"}
	errPassword     = apiError{http.StatusForbidden, "ERR_INVALID_PASSWORD", ""}
	errUserCreation = apiError{http.StatusInternalServerError, "ERR_USER_CREATION_FAILED", "the account could not be made; the node's log has the cause"}
)

// credentials are what V1's clients send: never the password, but a hash that
// they make of it. A password itself does as well.
type credentials struct {
	Username     string `json:"username"`
	PasswordHash string `json:"passwordHash"`
}

type registerInput struct {
	Body struct {
		credentials
		InviteCode string `json:"inviteCode"`
	} `body:""`
}

type loginInput struct {
	Body credentials `body:""`
}

// session is a key that a registration or login made.
type session struct {
	Token  string    `json:"token"`
	Expiry time.Time `json:"expiry"`
}

// register makes an account for whoever has an invite.
func (s *server) register(r *request, in registerInput) (session, error) {
	u, err := s.accounts.Register(r.Context(), in.Body.Username, in.Body.PasswordHash, in.Body.InviteCode, r.RemoteAddr)
	if err == nil {
		var made session
		if made, err = s.openSession(r, u, registerLifetime, "on-register"); err == nil {
			return made, nil
		}
	}
	// That nobody can be asked is no fault of the node: it is told as everywhere.
	if asError(err).Code >= http.StatusInternalServerError && !errors.Is(err, accounts.ErrUnavailable) {
		err = fmt.Errorf("%w: %w", errUserCreation, err)
	}
	return session{}, err
}

// login makes a key for whoever knows a password. As in V1 it tells an unknown
// name from a wrong password, which registration tells too.
func (s *server) login(r *request, in loginInput) (session, error) {
	u, err := s.accounts.LoginFrom(r.Context(), in.Body.Username, in.Body.PasswordHash, r.RemoteAddr)
	if errors.Is(err, accounts.ErrPassword) {
		if _, unknown := s.accounts.UserByName(r.Context(), in.Body.Username); errors.Is(unknown, accounts.ErrNoUser) {
			return session{}, errNoUser
		}
	}
	if err != nil {
		return session{}, err
	}
	return s.openSession(r, u, loginLifetime, "on-login")
}

func (s *server) openSession(r *request, u accounts.User, lifetime time.Duration, label string) (session, error) {
	token, t, err := s.accounts.CreateToken(r.Context(), u.ID, accounts.TokenSpec{Lifetime: lifetime, Label: label, Session: true})
	return session{token, t.Expires}, err
}
