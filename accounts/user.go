package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// maxName is the length of the longest username.
const maxName = 32

// userRow is a user as it is stored.
type userRow struct {
	Name     string
	Level    Level
	Created  time.Time
	Password string `json:",omitzero"` // as hashPassword returned it
}

func (r userRow) user(id uint64) User {
	return User{ID: id, Name: r.Name, Level: r.Level, Created: r.Created}
}

// CreateUser adds a user. An empty password makes one that cannot log in by password.
func (a *Accounts) CreateUser(ctx context.Context, name, password string, level Level) (User, error) {
	if name == "" || len(name) > maxName || !plainName(name) {
		return User{}, invalid("a username has 1 to %d of the characters A-Z, a-z, 0-9, _, . and -", maxName)
	}
	if !level.valid() {
		return User{}, invalid("no level %d", level)
	}
	row := userRow{Name: name, Level: level, Created: now()}
	if password != "" {
		var err error
		if row.Password, err = a.hashPassword(ctx, password); err != nil {
			return User{}, err
		}
	}
	var id uint64
	err := a.update(ctx, fmt.Sprintf("create user %q", name), func(tx kv.Tx) error {
		folded := nameKey(strings.ToLower(name))
		_, err := tx.Get(folded)
		if err == nil {
			return ErrUserExists
		}
		if !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		last, err := kv.GetJSON[uint64](tx, lastUserKey())
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		id = last + 1
		return errors.Join(
			kv.PutJSON(tx, lastUserKey(), id),
			kv.PutJSON(tx, folded, id),
			kv.PutJSON(tx, userKey(id), row))
	})
	if err != nil {
		return User{}, err
	}
	return row.user(id), nil
}

// User returns the user with an id, or ErrNoUser.
func (a *Accounts) User(ctx context.Context, id uint64) (User, error) {
	var row userRow
	err := a.view(ctx, fmt.Sprintf("user %d", id), func(tx kv.Tx) (err error) {
		row, err = get[userRow](tx, userKey(id), ErrNoUser)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return row.user(id), nil
}

// UserByName returns the user with a name, whatever its case, or ErrNoUser.
func (a *Accounts) UserByName(ctx context.Context, name string) (User, error) {
	id, row, err := a.byName(ctx, name)
	if err != nil {
		return User{}, err
	}
	return row.user(id), nil
}

// Users returns all users by id.
func (a *Accounts) Users(ctx context.Context) ([]User, error) {
	var users []User
	err := a.view(ctx, "list users", func(tx kv.Tx) error {
		users = nil
		for row, err := range tx.Scan(kv.Range("acct", "user")) {
			if err != nil {
				return err
			}
			var id uint64
			if err := kv.Unkey(row.Key, nil, nil, &id); err != nil {
				return err
			}
			var u userRow
			if err := json.Unmarshal(row.Value, &u); err != nil {
				return fmt.Errorf("row of user %d: %w", id, err)
			}
			users = append(users, u.user(id))
		}
		return nil
	})
	return users, err
}

// SetPassword replaces a user's password. Tokens stay valid; EndSessions ends those of logins.
func (a *Accounts) SetPassword(ctx context.Context, user uint64, pw string) error {
	hash, err := a.hashPassword(ctx, pw)
	if err != nil {
		return err
	}
	return a.changeUser(ctx, user, func(row *userRow) { row.Password = hash })
}

// SetLevel changes what a user may do. Tokens of a higher level sink with it.
func (a *Accounts) SetLevel(ctx context.Context, user uint64, level Level) error {
	if !level.valid() {
		return invalid("no level %d", level)
	}
	return a.changeUser(ctx, user, func(row *userRow) { row.Level = level })
}

// Login checks a password. It answers ErrPassword for an unknown name too, in the same time.
func (a *Accounts) Login(ctx context.Context, name, password string) (User, error) {
	id, row, err := a.byName(ctx, name)
	if err != nil && !errors.Is(err, ErrNoUser) {
		return User{}, err
	}
	// Without a user, or with one that has no password, there is a hash to check
	// all the same; it is of nothing that can be entered.
	ok, err := a.checkPassword(ctx, row.Password, password)
	if err != nil {
		return User{}, err
	}
	if !ok {
		return User{}, ErrPassword
	}
	return row.user(id), nil
}

func (a *Accounts) byName(ctx context.Context, name string) (id uint64, row userRow, err error) {
	if len(name) > maxName {
		return 0, userRow{}, ErrNoUser
	}
	err = a.view(ctx, fmt.Sprintf("user %q", name), func(tx kv.Tx) error {
		if id, err = get[uint64](tx, nameKey(strings.ToLower(name)), ErrNoUser); err != nil {
			return err
		}
		row, err = get[userRow](tx, userKey(id), ErrNoUser)
		return err
	})
	return id, row, err
}

func (a *Accounts) changeUser(ctx context.Context, id uint64, change func(*userRow)) error {
	return a.update(ctx, fmt.Sprintf("change user %d", id), func(tx kv.Tx) error {
		row, err := get[userRow](tx, userKey(id), ErrNoUser)
		if err != nil {
			return err
		}
		change(&row)
		return kv.PutJSON(tx, userKey(id), row)
	})
}
