package estuaryapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// authorise finds the caller of a request and checks that he may use a route
// of this level (estuary util/http.go ExtractAuth, handlers.go AuthRequired).
func (s *server) authorise(r *http.Request, level accounts.Level) (caller, error) {
	if level == 0 {
		return caller{}, nil
	}
	token, err := bearer(r.Header.Get("Authorization"))
	if err != nil {
		return caller{}, err
	}
	var who caller
	who.user, who.token, err = s.accounts.Token(r.Context(), token)
	switch {
	case errors.Is(err, accounts.ErrExpired):
		return caller{}, errExpired(who.token.User, who.token.Expires.Format(time.RFC3339))
	case errors.Is(err, accounts.ErrSuspended):
		return caller{}, errSuspended(err)
	case err != nil:
		return caller{}, err
	case who.token.Level < level && who.token.Level == accounts.LevelUpload:
		return caller{}, errUploadOnly
	case who.token.Level < level || who.user.Level < level:
		return caller{}, errLevel
	}
	return who, nil
}

// bearer takes the token out of an Authorization header.
func bearer(header string) (string, error) {
	// V1's web app sends the word when it has no token.
	if header == "" || header == "undefined" {
		return "", errAuthMissing
	}
	parts := strings.Split(header, " ")
	switch {
	case parts[0] != "Bearer":
		return "", errNoBearer
	case len(parts) != 2 || parts[1] == "":
		return "", errBadAuth
	}
	return parts[1], nil
}

// sees says whether the caller may see what belongs to owner.
func (c caller) sees(owner uint64) bool {
	return c.user.ID == owner || c.token.Level >= accounts.LevelAdmin && c.user.Level >= accounts.LevelAdmin
}
