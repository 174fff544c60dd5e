package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// Level is what a user or token may do (Estuary V1's numbers).
type Level int

const (
	LevelUpload Level = 1
	LevelUser   Level = 2
	LevelAdmin  Level = 10
)

func (l Level) String() string {
	switch l {
	case LevelUpload:
		return "upload"
	case LevelUser:
		return "user"
	case LevelAdmin:
		return "admin"
	}
	return strconv.Itoa(int(l))
}

func (l Level) valid() bool { return l == LevelUpload || l == LevelUser || l == LevelAdmin }

var (
	ErrNoUser     = errors.New("no such user")
	ErrUserExists = errors.New("username is taken")
	ErrPassword   = errors.New("wrong username or password")
	ErrNoToken    = errors.New("no such token")
	ErrExpired    = errors.New("token has expired")
	ErrNoKey      = errors.New("no such access key")
	ErrKeyExists  = errors.New("access key is taken")
	ErrSuspended  = errors.New("account is suspended") // wrapped with why
	ErrInvalid    = errors.New("invalid account data") // wrapped with what is wrong
)

// User is an account. It holds no secret.
type User struct {
	ID        uint64
	Name      string
	Level     Level
	Created   time.Time
	Address   string // on Filecoin; "" if the user gave none
	Suspended string // why nobody gets in; "": they do
	Quota     Quota  // what holds for the user, by his own or the default
}

// Quota is how much a user may keep at once; 0 is no limit. Bytes are those of
// contents, as their owner sees them: two of the same bytes count twice.
type Quota struct{ Bytes, Objects int64 }

// Token is a bearer token as it can be shown: never the token itself.
type Token struct {
	Hash    string // unpadded base64url of the token's SHA-256
	User    uint64
	Level   Level
	Label   string
	Session bool // made by a login
	Created time.Time
	Expires time.Time
}

// Key is an S3 access key as it can be shown.
type Key struct {
	Access  string
	User    uint64
	Created time.Time
}

// Options of Accounts; the zero value works.
type Options struct {
	// OpenRegistration lets anybody register; else it takes an invite.
	OpenRegistration bool
	// DefaultQuota is that of users who are no admins and have none of their own.
	DefaultQuota Quota
	// AuditKeep is how long a record of the audit log is kept; 0: for ever.
	AuditKeep time.Duration
}

// Accounts keeps users, tokens and S3 keys: in a store here, or at an
// authorization service. It is safe for concurrent use.
type Accounts struct {
	here *local // nil: they are elsewhere
	far  Caller // how they are reached then
	by   Actor  // in whose name changes are made; see By
}

// New returns the accounts in store; box encrypts S3 secrets at rest.
func New(store kv.Store, box *seal.Box, opt Options) *Accounts {
	return &Accounts{here: &local{shared: &shared{store: store, box: box, opt: opt, hashes: make(chan struct{}, maxHashes)}}}
}

// At returns accounts that are elsewhere: all that they are asked goes there.
func At(far Caller) *Accounts { return &Accounts{far: far} }

// local runs operations on a store.
type local struct {
	*shared
	by Actor
}

// shared is what all handles of the same store have in common.
type shared struct {
	store  kv.Store
	box    *seal.Box
	opt    Options
	hashes chan struct{} // holds an element for each password being hashed
	opened openedKeys
}

// Rows, all under the prefix "acct". Names and users' tokens and keys are indexes.
func userKey(id uint64) []byte                     { return kv.Key("acct", "user", id) }
func nameKey(folded string) []byte                 { return kv.Key("acct", "name", folded) }
func lastUserKey() []byte                          { return kv.Key("acct", "last") }
func tokenKey(hash string) []byte                  { return kv.Key("acct", "token", hash) }
func userTokenKey(user uint64, hash string) []byte { return kv.Key("acct", "tokens", user, hash) }
func accessKey(access string) []byte               { return kv.Key("acct", "key", access) }
func userAccessKey(user uint64, access string) []byte {
	return kv.Key("acct", "keys", user, access)
}

// get reads a row, or returns absent if there is none.
func get[T any](tx kv.Tx, key []byte, absent error) (T, error) {
	v, err := kv.GetJSON[T](tx, key)
	if errors.Is(err, kv.ErrNotFound) {
		err = absent
	}
	return v, err
}

// names reads the last part of each key of an index of a user.
func names(tx kv.Tx, index string, user uint64) ([]string, error) {
	var all []string
	for row, err := range tx.Scan(kv.Range("acct", index, user)) {
		if err != nil {
			return nil, err
		}
		var name string
		if err := kv.Unkey(row.Key, nil, nil, nil, &name); err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, nil
}

// view and update run fn in a transaction and say what for in the error.
func (a *local) view(ctx context.Context, what string, fn func(kv.Tx) error) error {
	return explain(what, a.store.View(ctx, fn))
}

func (a *local) update(ctx context.Context, what string, fn func(kv.Tx) error) error {
	return explain(what, a.store.Update(ctx, fn))
}

func explain(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// now is the time as it comes back from the store.
func now() time.Time { return time.Now().UTC().Round(0) }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// plainName reports whether s is made of the characters that names and access
// keys may have: none needs quoting in a URL, a path or a signature.
func plainName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return s != "." && s != ".."
}
