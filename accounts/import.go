package accounts

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// ErrIDTaken says that another user has the id of one to be imported.
var ErrIDTaken = errors.New("another user has this id")

// Import is a user of another node, Estuary V1's above all, with what lets him
// go on as before: his id, his password, and the tokens that are in his scripts.
type Import struct {
	ID        uint64
	Name      string
	Level     Level
	Created   time.Time
	Address   string
	Suspended string
	Quota     *Quota
	Password  ImportPassword
	Tokens    []ImportToken
}

// ImportPassword is how V1 kept a password: a SHA-256 sum of what the client
// sends, ".", and Salt, or bcrypt of what it sends. Of neither: no password.
type ImportPassword struct {
	SHA256, Salt string // the sum in hex
	Bcrypt       string
}

// ImportToken is a token of which only the hash is known; see TokenHash.
type ImportToken struct {
	Hash             string
	Level            Level
	Label            string
	Session          bool
	Created, Expires time.Time
}

// stored is the form in which verify reads it.
func (p ImportPassword) stored() (string, error) {
	switch {
	case p.SHA256 != "":
		stored := v1Form + strings.ToLower(p.SHA256) + ":" + p.Salt
		_, _, err := parseV1(stored)
		return stored, err
	case p.Bcrypt != "":
		return p.Bcrypt, checkBcrypt(p.Bcrypt)
	}
	return "", nil
}

// ImportUser stores a user of another node under his id. Again it adds what
// tokens are new, and leaves alone what was changed here since: created says
// whether he was new. ErrIDTaken and ErrUserExists say that another has his id or
// name.
func (a *Accounts) ImportUser(ctx context.Context, u Import) (created bool, err error) {
	return ask(ctx, a, opImportUser, u)
}

var opImportUser = change("user.import", (*local).ImportUser)

func (a *local) ImportUser(ctx context.Context, u Import) (created bool, err error) {
	row, err := u.row()
	if err != nil {
		return false, err
	}
	err = a.update(ctx, fmt.Sprintf("import user %q", u.Name), func(tx kv.Tx) error {
		created = false
		old, err := get[userRow](tx, userKey(u.ID), ErrNoUser)
		switch {
		case errors.Is(err, ErrNoUser):
			created = true
			err = importUser(tx, u.ID, row)
		case err == nil && !strings.EqualFold(old.Name, u.Name):
			err = ErrIDTaken
		}
		if err != nil {
			return err
		}
		added := 0
		for _, t := range u.Tokens {
			switch had, err := importToken(tx, u.ID, t); {
			case err != nil:
				return err
			case !had:
				added++
			}
		}
		if !created && added == 0 {
			return nil
		}
		return a.note(tx, "user.import", u.Name, fmt.Sprintf("id %d, %d tokens", u.ID, added))
	})
	return created, err
}

// Check says what of it ImportUser would not take, which is ErrInvalid.
func (u Import) Check() error {
	_, err := u.row()
	return err
}

// row checks what came from elsewhere.
func (u Import) row() (userRow, error) {
	stored, err := u.Password.stored()
	switch {
	case err != nil:
		return userRow{}, invalid("password of %q: %v", u.Name, err)
	case u.ID == 0 || u.ID > maxID:
		return userRow{}, invalid("no id %d", u.ID)
	case u.Name == "" || len(u.Name) > maxName || !plainName(u.Name):
		return userRow{}, invalid("a username has 1 to %d of the characters A-Z, a-z, 0-9, _, . and -", maxName)
	case !u.Level.valid():
		return userRow{}, invalid("no level %d", u.Level)
	case len(u.Suspended) > maxReason:
		return userRow{}, invalid("a suspension has a reason of at most %d bytes", maxReason)
	}
	if u.Address != "" {
		if err := checkAddress(u.Address); err != nil {
			return userRow{}, err
		}
	}
	for _, t := range u.Tokens {
		if raw, err := base64.RawURLEncoding.DecodeString(t.Hash); err != nil || len(raw) != 32 {
			return userRow{}, invalid("token of %q: no hash", u.Name)
		}
		if !t.Level.valid() || len(t.Label) > maxLabel {
			return userRow{}, invalid("token of %q: level %d, label of %d bytes", u.Name, t.Level, len(t.Label))
		}
	}
	return userRow{Name: u.Name, Level: u.Level, Created: u.Created.UTC(), Password: stored,
		Address: u.Address, Suspended: u.Suspended, Quota: u.Quota}, nil
}

func importUser(tx kv.Tx, id uint64, row userRow) error {
	name := nameKey(strings.ToLower(row.Name))
	if _, err := tx.Get(name); err == nil {
		return ErrUserExists
	} else if !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	last, err := kv.GetJSON[uint64](tx, lastUserKey())
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	return errors.Join(
		kv.PutJSON(tx, lastUserKey(), max(last, id)),
		kv.PutJSON(tx, name, id),
		kv.PutJSON(tx, userKey(id), row))
}

// importToken stores a token's hash; one that a user of ours had is left as it is.
func importToken(tx kv.Tx, user uint64, t ImportToken) (had bool, err error) {
	old, err := get[tokenRow](tx, tokenKey(t.Hash), ErrNoToken)
	if err == nil && old.User != user {
		return false, invalid("token %s is another user's", t.Hash)
	}
	if !errors.Is(err, ErrNoToken) {
		return true, err
	}
	return false, errors.Join(
		tx.Put(userTokenKey(user, t.Hash), nil),
		kv.PutJSON(tx, tokenKey(t.Hash), tokenRow{User: user, Level: t.Level, Label: t.Label,
			Session: t.Session, Created: t.Created.UTC(), Expires: t.Expires.UTC()}))
}
