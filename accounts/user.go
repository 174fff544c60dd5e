package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/whypfs/whypfs/kv"
)

// maxName is the length of the longest username, which is V1's.
const maxName = 48

// maxID is the largest id of a user: what every client's numbers hold.
const maxID = 1<<53 - 1

// userRow is a user as it is stored.
type userRow struct {
	Name      string
	Level     Level
	Created   time.Time
	Password  string `json:",omitzero"` // in one of the forms that verifier reads
	Address   string `json:",omitzero"`
	Suspended string `json:",omitzero"`
	Quota     *Quota `json:",omitzero"` // nil: the default
}

// user is a row as it can be shown.
func (a *local) user(id uint64, r userRow) User {
	u := User{ID: id, Name: r.Name, Level: r.Level, Created: r.Created, Address: r.Address, Suspended: r.Suspended}
	switch {
	case r.Quota != nil:
		u.Quota = *r.Quota
	case r.Level < LevelAdmin:
		u.Quota = a.opt.DefaultQuota
	}
	return u
}

// suspended is ErrSuspended, with why, if nobody gets in as the user.
func (r userRow) suspended() error {
	if r.Suspended == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrSuspended, r.Suspended)
}

// CreateUser adds a user. An empty password makes one that cannot log in by password.
func (a *Accounts) CreateUser(ctx context.Context, name, password string, level Level) (User, error) {
	return ask(ctx, a, opCreateUser, userIn{exact(name), exact(password), level})
}

type userIn struct {
	Name, Password exact
	Level          Level
}

var opCreateUser = change("user.create", func(a *local, ctx context.Context, in userIn) (User, error) {
	return a.CreateUser(ctx, string(in.Name), string(in.Password), in.Level)
})

func (a *local) CreateUser(ctx context.Context, name, password string, level Level) (User, error) {
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
	err := a.update(ctx, fmt.Sprintf("create user %q", name), func(tx kv.Tx) (err error) {
		if id, err = insertUser(tx, row); err != nil {
			return err
		}
		return a.note(tx, "user.create", name, "level "+level.String())
	})
	if err != nil {
		return User{}, err
	}
	return a.user(id, row), nil
}

// insertUser stores a new user under the next id, or returns ErrUserExists.
func insertUser(tx kv.Tx, row userRow) (uint64, error) {
	if _, err := get[uint64](tx, nameKey(strings.ToLower(row.Name)), ErrNoUser); err == nil {
		return 0, ErrUserExists
	} else if !errors.Is(err, ErrNoUser) {
		return 0, err
	}
	last, err := kv.GetJSON[uint64](tx, lastUserKey())
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return 0, err
	}
	id := last + 1
	return id, errors.Join(
		kv.PutJSON(tx, lastUserKey(), id),
		kv.PutJSON(tx, nameKey(strings.ToLower(row.Name)), id),
		kv.PutJSON(tx, userKey(id), row))
}

// User returns the user with an id, or ErrNoUser.
func (a *Accounts) User(ctx context.Context, id uint64) (User, error) { return ask(ctx, a, opUser, id) }

var opUser = read("user", (*local).User)

func (a *local) User(ctx context.Context, id uint64) (User, error) {
	var row userRow
	err := a.view(ctx, fmt.Sprintf("user %d", id), func(tx kv.Tx) (err error) {
		row, err = get[userRow](tx, userKey(id), ErrNoUser)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return a.user(id, row), nil
}

// UserByName returns the user with a name, whatever its case, or ErrNoUser.
func (a *Accounts) UserByName(ctx context.Context, name string) (User, error) {
	if len(name) > maxName {
		return User{}, ErrNoUser
	}
	return ask(ctx, a, opUserByName, exact(name))
}

var opUserByName = read("user.name", func(a *local, ctx context.Context, name exact) (User, error) {
	return a.UserByName(ctx, string(name))
})

func (a *local) UserByName(ctx context.Context, name string) (User, error) {
	id, row, err := a.byName(ctx, name)
	if err != nil {
		return User{}, err
	}
	return a.user(id, row), nil
}

// Users returns all users by id.
func (a *Accounts) Users(ctx context.Context) ([]User, error) {
	var all []User
	for after := uint64(0); ; {
		page, err := ask(ctx, a, opUsers, after)
		if all = append(all, page...); err != nil || len(page) < usersPage {
			return all, err
		}
		last := page[len(page)-1].ID
		if last <= after {
			return all, fmt.Errorf("list users: %w: its pages do not go on", ErrUnavailable)
		}
		after = last
	}
}

// usersPage bounds the answer of an authorization service.
const usersPage = 10_000

// opUsers lists users whose ids are above one.
var opUsers = read("user.list", (*local).Users)

func (a *local) Users(ctx context.Context, after uint64) ([]User, error) {
	var users []User
	_, to := kv.Range("acct", "user")
	err := a.view(ctx, "list users", func(tx kv.Tx) error {
		users = nil
		for row, err := range tx.Scan(userKey(min(after, maxID)+1), to) {
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
			if users = append(users, a.user(id, u)); len(users) == usersPage {
				break
			}
		}
		return nil
	})
	return users, err
}

// SetPassword replaces a user's password, or what a V1 client made of it. Tokens
// stay valid; EndSessions ends those of logins.
func (a *Accounts) SetPassword(ctx context.Context, user uint64, secret string) error {
	return tell(ctx, a, opSetPassword, passwordIn{user, exact(secret)})
}

type passwordIn struct {
	User   uint64
	Secret exact
}

var opSetPassword = change("user.password", func(a *local, ctx context.Context, in passwordIn) (none, error) {
	return none{}, a.SetPassword(ctx, in.User, string(in.Secret))
})

func (a *local) SetPassword(ctx context.Context, user uint64, secret string) error {
	hash, err := a.hashPassword(ctx, secret)
	if err != nil {
		return err
	}
	return a.changeUser(ctx, user, "user.password", func(row *userRow) string { row.Password = hash; return "" })
}

// SetLevel changes what a user may do. Tokens of a higher level sink with it.
func (a *Accounts) SetLevel(ctx context.Context, user uint64, level Level) error {
	return tell(ctx, a, opSetLevel, levelIn{user, level})
}

type levelIn struct {
	User  uint64
	Level Level
}

var opSetLevel = change("user.level", func(a *local, ctx context.Context, in levelIn) (none, error) {
	return none{}, a.SetLevel(ctx, in.User, in.Level)
})

func (a *local) SetLevel(ctx context.Context, user uint64, level Level) error {
	if !level.valid() {
		return invalid("no level %d", level)
	}
	return a.changeUser(ctx, user, "user.level", func(row *userRow) string { row.Level = level; return level.String() })
}

// SetQuota gives a user a quota of his own; nil: the default again.
func (a *Accounts) SetQuota(ctx context.Context, user uint64, q *Quota) error {
	return tell(ctx, a, opSetQuota, quotaIn{user, q})
}

type quotaIn struct {
	User  uint64
	Quota *Quota
}

var opSetQuota = change("user.quota", func(a *local, ctx context.Context, in quotaIn) (none, error) {
	return none{}, a.SetQuota(ctx, in.User, in.Quota)
})

func (a *local) SetQuota(ctx context.Context, user uint64, q *Quota) error {
	detail := "default"
	if q != nil {
		if q.Bytes < 0 || q.Objects < 0 {
			return invalid("a quota of %d bytes and %d objects", q.Bytes, q.Objects)
		}
		detail = fmt.Sprintf("%d bytes, %d objects", q.Bytes, q.Objects)
		q = &Quota{q.Bytes, q.Objects}
	}
	return a.changeUser(ctx, user, "user.quota", func(row *userRow) string { row.Quota = q; return detail })
}

// SetAddress notes a user's address on Filecoin; "" forgets it.
func (a *Accounts) SetAddress(ctx context.Context, user uint64, addr string) error {
	return tell(ctx, a, opSetAddress, textIn{user, exact(addr)})
}

// textIn is a text about a user.
type textIn struct {
	User uint64
	Text exact
}

var opSetAddress = change("user.address", func(a *local, ctx context.Context, in textIn) (none, error) {
	return none{}, a.SetAddress(ctx, in.User, string(in.Text))
})

func (a *local) SetAddress(ctx context.Context, user uint64, addr string) error {
	if addr != "" {
		if err := checkAddress(addr); err != nil {
			return err
		}
	}
	return a.changeUser(ctx, user, "user.address", func(row *userRow) string { row.Address = addr; return addr })
}

// maxReason is how long a reason may be, in bytes.
const maxReason = 255

// Suspend shuts a user out, with a reason that he is told: logins, tokens and
// S3 keys are refused with ErrSuspended until Unsuspend. What he has published
// stays published, and his deals go on.
func (a *Accounts) Suspend(ctx context.Context, user uint64, reason string) error {
	return tell(ctx, a, opSuspend, textIn{user, exact(reason)})
}

var opSuspend = change("user.suspend", func(a *local, ctx context.Context, in textIn) (none, error) {
	return none{}, a.Suspend(ctx, in.User, string(in.Text))
})

func (a *local) Suspend(ctx context.Context, user uint64, reason string) error {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) {
		return invalid("a suspension has a reason of at most %d bytes of UTF-8", maxReason)
	}
	return a.changeUser(ctx, user, "user.suspend", func(row *userRow) string { row.Suspended = reason; return reason })
}

// Unsuspend lets a user in again, with the tokens and keys that he had.
func (a *Accounts) Unsuspend(ctx context.Context, user uint64) error {
	return tell(ctx, a, opUnsuspend, user)
}

var opUnsuspend = change("user.unsuspend", silent((*local).Unsuspend))

func (a *local) Unsuspend(ctx context.Context, user uint64) error {
	return a.changeUser(ctx, user, "user.unsuspend", func(row *userRow) string { row.Suspended = ""; return "" })
}

func (a *local) byName(ctx context.Context, name string) (id uint64, row userRow, err error) {
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

// changeUser changes a row; change returns what the audit log tells of it.
func (a *local) changeUser(ctx context.Context, id uint64, action string, change func(*userRow) string) error {
	return a.update(ctx, fmt.Sprintf("change user %d", id), func(tx kv.Tx) error {
		row, err := get[userRow](tx, userKey(id), ErrNoUser)
		if err != nil {
			return err
		}
		detail := change(&row)
		return errors.Join(kv.PutJSON(tx, userKey(id), row), a.note(tx, action, row.Name, detail))
	})
}
