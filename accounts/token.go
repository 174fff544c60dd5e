package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/whypfs/whypfs/kv"
)

const (
	defaultLifetime = 30 * 24 * time.Hour
	maxLabel        = 255 // bytes
	maxTokenSize    = 256 // bytes: what is longer is none of ours

	// keepExpired is how long an expired token can still be told from an unknown one.
	keepExpired = 30 * 24 * time.Hour
)

// TokenSpec says what token to make. Zero Lifetime means 30 days; Level 0 means the user's own.
type TokenSpec struct {
	Level    Level
	Lifetime time.Duration
	Label    string
	Session  bool
}

// tokenRow is a token as it is stored, under its hash.
type tokenRow struct {
	User    uint64
	Level   Level
	Label   string `json:",omitzero"`
	Session bool   `json:",omitzero"`
	Created time.Time
	Expires time.Time
}

func (r tokenRow) token(hash string) Token {
	return Token{
		Hash: hash, User: r.User, Level: r.Level, Label: r.Label, Session: r.Session,
		Created: r.Created, Expires: r.Expires,
	}
}

// TokenHash returns the hash that names a token.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// CreateToken makes a token EST<uuid>ARY and returns it in the clear, once.
func (a *Accounts) CreateToken(ctx context.Context, user uint64, spec TokenSpec) (string, Token, error) {
	out, err := ask(ctx, a, opCreateToken, tokenIn{user, spec.Level, spec.Lifetime, exact(spec.Label), spec.Session})
	return out.Text, out.Token, err
}

type tokenIn struct {
	User     uint64
	Level    Level
	Lifetime time.Duration
	Label    exact
	Session  bool
}

type tokenOut struct {
	Text  string
	Token Token
}

var opCreateToken = change("token.create", func(a *local, ctx context.Context, in tokenIn) (tokenOut, error) {
	text, token, err := a.CreateToken(ctx, in.User, TokenSpec{in.Level, in.Lifetime, string(in.Label), in.Session})
	return tokenOut{text, token}, err
})

func (a *local) CreateToken(ctx context.Context, user uint64, spec TokenSpec) (string, Token, error) {
	switch {
	case spec.Level != 0 && !spec.Level.valid():
		return "", Token{}, invalid("no level %d", spec.Level)
	case spec.Lifetime < 0:
		return "", Token{}, invalid("a lifetime of %v", spec.Lifetime)
	case len(spec.Label) > maxLabel || !utf8.ValidString(spec.Label):
		return "", Token{}, invalid("a label has at most %d bytes of UTF-8", maxLabel)
	}
	if spec.Lifetime == 0 {
		spec.Lifetime = defaultLifetime
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return "", Token{}, fmt.Errorf("create token: %w", err)
	}
	token := "EST" + id.String() + "ARY"
	hash := TokenHash(token)
	made := now()
	row := tokenRow{User: user, Label: spec.Label, Session: spec.Session, Created: made, Expires: made.Add(spec.Lifetime)}
	err = a.update(ctx, "create token", func(tx kv.Tx) error {
		owner, err := get[userRow](tx, userKey(user), ErrNoUser)
		if err != nil {
			return err
		}
		row.Level = spec.Level
		if row.Level == 0 {
			row.Level = owner.Level
		}
		if row.Level > owner.Level {
			return invalid("a token of level %v for a user of level %v", row.Level, owner.Level)
		}
		if err := dropTokens(tx, user, func(_ string, r tokenRow) bool { return made.Sub(r.Expires) > keepExpired }); err != nil {
			return err
		}
		if err := tx.Put(userTokenKey(user, hash), nil); err != nil {
			return err
		}
		return errors.Join(kv.PutJSON(tx, tokenKey(hash), row),
			a.note(tx, "token.create", owner.Name, fmt.Sprintf("%s, level %v, until %s, label %q", hash, row.Level, row.Expires.Format(time.RFC3339), row.Label)))
	})
	if err != nil {
		return "", Token{}, err
	}
	return token, row.token(hash), nil
}

// Token finds the user and level of a bearer token; its hash is no credential.
// The level is never above what the user has now. With ErrExpired it returns the
// token and its user too.
func (a *Accounts) Token(ctx context.Context, token string) (User, Token, error) {
	if len(token) > maxTokenSize {
		return User{}, Token{}, ErrNoToken
	}
	out, err := ask(ctx, a, opToken, exact(token))
	return out.User, out.Token, err
}

type bearerOut struct {
	User  User
	Token Token
}

var opToken = read("token", func(a *local, ctx context.Context, token exact) (bearerOut, error) {
	user, t, err := a.Token(ctx, string(token))
	return bearerOut{user, t}, err
})

func (a *local) Token(ctx context.Context, token string) (User, Token, error) {
	if len(token) > maxTokenSize {
		return User{}, Token{}, ErrNoToken
	}
	hash := TokenHash(token)
	var row tokenRow
	var owner userRow
	err := a.view(ctx, "check token", func(tx kv.Tx) (err error) {
		if row, err = get[tokenRow](tx, tokenKey(hash), ErrNoToken); err != nil {
			return err
		}
		owner, err = get[userRow](tx, userKey(row.User), ErrNoUser)
		return err
	})
	if err == nil {
		err = owner.suspended()
	}
	if err != nil {
		return User{}, Token{}, err
	}
	row.Level = min(row.Level, owner.Level)
	if !time.Now().Before(row.Expires) {
		err = fmt.Errorf("%w at %s", ErrExpired, row.Expires.Format(time.RFC3339))
	}
	return a.user(row.User, owner), row.token(hash), err
}

// Tokens returns a user's tokens, the expired ones too, the oldest first.
func (a *Accounts) Tokens(ctx context.Context, user uint64) ([]Token, error) {
	return ask(ctx, a, opTokens, user)
}

var opTokens = read("token.list", (*local).Tokens)

func (a *local) Tokens(ctx context.Context, user uint64) ([]Token, error) {
	var tokens []Token
	err := a.view(ctx, fmt.Sprintf("list tokens of user %d", user), func(tx kv.Tx) error {
		tokens = nil
		hashes, err := names(tx, "tokens", user)
		if err != nil {
			return err
		}
		for _, hash := range hashes {
			row, err := get[tokenRow](tx, tokenKey(hash), ErrNoToken)
			if err != nil {
				return err
			}
			tokens = append(tokens, row.token(hash))
		}
		return nil
	})
	slices.SortStableFunc(tokens, func(a, b Token) int { return a.Created.Compare(b.Created) })
	return tokens, err
}

// RevokeToken ends a user's token, given the token or its hash. One of another
// user is ErrNoToken.
func (a *Accounts) RevokeToken(ctx context.Context, user uint64, tokenOrHash string) error {
	if len(tokenOrHash) > maxTokenSize {
		return ErrNoToken
	}
	return tell(ctx, a, opRevokeToken, revokeIn{user, exact(tokenOrHash)})
}

type revokeIn struct {
	User  uint64
	Token exact // or its hash
}

var opRevokeToken = change("token.revoke", func(a *local, ctx context.Context, in revokeIn) (none, error) {
	return none{}, a.RevokeToken(ctx, in.User, string(in.Token))
})

func (a *local) RevokeToken(ctx context.Context, user uint64, tokenOrHash string) error {
	if len(tokenOrHash) > maxTokenSize {
		return ErrNoToken
	}
	return a.update(ctx, "revoke token", func(tx kv.Tx) error {
		for _, hash := range []string{tokenOrHash, TokenHash(tokenOrHash)} {
			row, err := get[tokenRow](tx, tokenKey(hash), ErrNoToken)
			if err == nil && row.User == user {
				return errors.Join(dropToken(tx, user, hash), a.noteUser(tx, "token.revoke", user, hash))
			}
			if err != nil && !errors.Is(err, ErrNoToken) {
				return err
			}
		}
		return ErrNoToken
	})
}

// EndSessions revokes the tokens that a user's logins made, except the one with
// the hash except.
func (a *Accounts) EndSessions(ctx context.Context, user uint64, except string) error {
	return tell(ctx, a, opEndSessions, sessionsIn{user, exact(except)})
}

type sessionsIn struct {
	User   uint64
	Except exact
}

var opEndSessions = change("token.sessions", func(a *local, ctx context.Context, in sessionsIn) (none, error) {
	return none{}, a.EndSessions(ctx, in.User, string(in.Except))
})

func (a *local) EndSessions(ctx context.Context, user uint64, except string) error {
	return a.update(ctx, fmt.Sprintf("end sessions of user %d", user), func(tx kv.Tx) error {
		return errors.Join(
			dropTokens(tx, user, func(hash string, r tokenRow) bool { return r.Session && hash != except }),
			a.noteUser(tx, "token.sessions", user, ""))
	})
}

// dropTokens removes those of a user's tokens that drop chooses.
func dropTokens(tx kv.Tx, user uint64, drop func(hash string, r tokenRow) bool) error {
	hashes, err := names(tx, "tokens", user)
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		row, err := get[tokenRow](tx, tokenKey(hash), ErrNoToken)
		if err == nil && drop(hash, row) {
			err = dropToken(tx, user, hash)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func dropToken(tx kv.Tx, user uint64, hash string) error {
	return errors.Join(tx.Delete(userTokenKey(user, hash)), tx.Delete(tokenKey(hash)))
}
