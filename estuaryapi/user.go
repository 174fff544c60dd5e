package estuaryapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// apiKey is V1's api key. The token itself is known only when it is made.
type apiKey struct {
	Token   string    `json:"token"`
	Hash    string    `json:"tokenHash"`
	Label   string    `json:"label"`
	Expiry  time.Time `json:"expiry"`
	Session bool      `json:"isSession"`
}

func newAPIKey(token string, t accounts.Token) apiKey {
	return apiKey{token, t.Hash, t.Label, t.Expires, t.Session}
}

// listKeys lists the caller's keys, the oldest first, those that have expired too.
func (s *server) listKeys(r *request, _ nothing) ([]apiKey, error) {
	tokens, err := s.accounts.Tokens(r.Context(), r.who.user.ID)
	if err != nil {
		return nil, err
	}
	keys := make([]apiKey, 0, len(tokens))
	for _, t := range tokens {
		keys = append(keys, newAPIKey("", t))
	}
	return keys, nil
}

// foreverLifetime is what V1 gives a key that is not to expire.
const foreverLifetime = 100 * 365 * 24 * time.Hour

// expiry is a key's lifetime as V1 writes it.
type expiry struct{ time.Duration }

func (e *expiry) UnmarshalText(text []byte) error {
	if string(text) == "false" {
		e.Duration = foreverLifetime
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return errors.New("a duration like 24h, or false for a key that does not expire")
	}
	e.Duration = d
	return nil
}

type keyInput struct {
	Expiry expiry `query:"expiry" default:"720h" doc:"how long the key is valid, like 24h; false: for ever"`
	Perms  string `query:"perms" default:"all" enum:"all,upload" doc:"what it may do: all that the caller's key may, or only upload"`
	Label  string `query:"label" doc:"what it is for"`
}

// createKey makes a key for the caller, which may do no more than the one that he uses.
func (s *server) createKey(r *request, in keyInput) (apiKey, error) {
	level := accounts.LevelUpload
	if in.Perms == "all" {
		level = min(r.who.token.Level, r.who.user.Level)
	}
	token, t, err := s.accounts.CreateToken(r.Context(), r.who.user.ID,
		accounts.TokenSpec{Level: level, Lifetime: in.Expiry.Duration, Label: in.Label})
	return newAPIKey(token, t), err
}

type keyName struct {
	Key string `path:"key_or_hash" doc:"a key, or its hash"`
}

// revokeKey ends a key of the caller's at once. As in V1 one that he has not is no error.
func (s *server) revokeKey(r *request, in keyName) (none, error) {
	err := s.accounts.RevokeToken(r.Context(), r.who.user.ID, in.Key)
	if errors.Is(err, accounts.ErrNoToken) {
		err = nil
	}
	return none{}, err
}

type passwordInput struct {
	Body struct {
		Hash string `json:"newPasswordHash"`
	} `body:""`
}

// empty is V1's answer where there is nothing to tell.
type empty struct{}

// setPassword changes the caller's password, and ends his other sessions.
func (s *server) setPassword(r *request, in passwordInput) (empty, error) {
	if err := s.accounts.SetPassword(r.Context(), r.who.user.ID, in.Body.Hash); err != nil {
		return empty{}, err
	}
	return empty{}, s.accounts.EndSessions(r.Context(), r.who.user.ID, r.who.token.Hash)
}

type addressInput struct {
	Body struct {
		Address string `json:"address"`
	} `body:""`
}

// errAddress has a reason in words, as in V1.
var errAddress = apiError{http.StatusUnauthorized, "invalid address in request body", "the address is none on Filecoin"}

// setAddress notes where the caller is on Filecoin.
func (s *server) setAddress(r *request, in addressInput) (empty, error) {
	addr := strings.TrimSpace(in.Body.Address)
	if addr == "" {
		return empty{}, errAddress
	}
	err := s.accounts.SetAddress(r.Context(), r.who.user.ID, addr)
	if errors.Is(err, accounts.ErrInvalid) {
		err = errAddress
	}
	return empty{}, err
}

// userStats is V1's, with the quota.
type userStats struct {
	TotalSize int64 `json:"totalSize"`
	NumPins   int64 `json:"numPins"`

	QuotaBytes   int64 `json:"quotaBytes"` // 0: no limit
	QuotaObjects int64 `json:"quotaObjects"`
}

// userStats says how much the caller keeps, and how much he may.
func (s *server) userStats(r *request, _ nothing) (userStats, error) {
	kept, err := s.buckets.Usage(r.Context(), r.who.user.ID)
	return userStats{kept.Bytes, kept.Objects, r.who.user.Quota.Bytes, r.who.user.Quota.Objects}, err
}
