package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

const (
	minAccess, maxAccess = 3, 128
	minSecret, maxSecret = 8, 256
	madeAccess           = 20 // characters, as AWS has them
	madeSecret           = 40
)

// Letters that need no quoting in a shell or a configuration file.
const (
	upperDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	alnum       = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// keyRow is an S3 key as it is stored, under its access key.
type keyRow struct {
	User    uint64
	Created time.Time
	Sealed  []byte // the secret
}

// sealContext ties a sealed secret to its row.
func sealContext(access string) string { return "s3key/" + access }

// CreateKey makes an S3 key; empty access or secret are chosen at random. It
// returns the secret in the clear, once.
func (a *Accounts) CreateKey(ctx context.Context, user uint64, access, secret string) (Key, string, error) {
	out, err := ask(ctx, a, opCreateKey, keyIn{user, exact(access), exact(secret)})
	return out.Key, string(out.Secret), err
}

type keyIn struct {
	User           uint64
	Access, Secret exact
}

type keyOut struct {
	Key    Key
	Secret exact
}

var opCreateKey = change("key.create", func(a *local, ctx context.Context, in keyIn) (out keyOut, err error) {
	key, secret, err := a.CreateKey(ctx, in.User, string(in.Access), string(in.Secret))
	return keyOut{key, exact(secret)}, err
})

func (a *local) CreateKey(ctx context.Context, user uint64, access, secret string) (Key, string, error) {
	if access == "" {
		access = "WPFS" + randomText(madeAccess-4, upperDigits)
	}
	if secret == "" {
		secret = randomText(madeSecret, alnum)
	}
	if len(access) < minAccess || len(access) > maxAccess || !plainName(access) {
		return Key{}, "", invalid("an access key has %d to %d of the characters A-Z, a-z, 0-9, _, . and -", minAccess, maxAccess)
	}
	if len(secret) < minSecret || len(secret) > maxSecret {
		return Key{}, "", invalid("a secret key has %d to %d characters", minSecret, maxSecret)
	}
	row := keyRow{User: user, Created: now(), Sealed: a.box.Seal([]byte(secret), sealContext(access))}
	err := a.update(ctx, fmt.Sprintf("create access key %q", access), func(tx kv.Tx) error {
		if _, err := get[userRow](tx, userKey(user), ErrNoUser); err != nil {
			return err
		}
		_, err := tx.Get(accessKey(access))
		if err == nil {
			return ErrKeyExists
		}
		if !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		if err := tx.Put(userAccessKey(user, access), nil); err != nil {
			return err
		}
		return errors.Join(kv.PutJSON(tx, accessKey(access), row), a.noteUser(tx, "key.create", user, access))
	})
	if err != nil {
		return Key{}, "", err
	}
	return Key{Access: access, User: user, Created: row.Created}, secret, nil
}

// Keys returns a user's access keys in their order.
func (a *Accounts) Keys(ctx context.Context, user uint64) ([]Key, error) {
	return ask(ctx, a, opKeys, user)
}

var opKeys = read("key.list", (*local).Keys)

func (a *local) Keys(ctx context.Context, user uint64) ([]Key, error) {
	var keys []Key
	err := a.view(ctx, fmt.Sprintf("list access keys of user %d", user), func(tx kv.Tx) error {
		keys = nil
		all, err := names(tx, "keys", user)
		if err != nil {
			return err
		}
		for _, access := range all {
			row, err := get[keyRow](tx, accessKey(access), ErrNoKey)
			if err != nil {
				return err
			}
			keys = append(keys, Key{Access: access, User: user, Created: row.Created})
		}
		return nil
	})
	return keys, err
}

// DeleteKey ends a user's access key. One of another user is ErrNoKey.
func (a *Accounts) DeleteKey(ctx context.Context, user uint64, access string) error {
	if len(access) > maxAccess {
		return ErrNoKey
	}
	return tell(ctx, a, opDeleteKey, keyIn{User: user, Access: exact(access)})
}

var opDeleteKey = change("key.delete", func(a *local, ctx context.Context, in keyIn) (none, error) {
	return none{}, a.DeleteKey(ctx, in.User, string(in.Access))
})

func (a *local) DeleteKey(ctx context.Context, user uint64, access string) error {
	if len(access) > maxAccess {
		return ErrNoKey
	}
	return a.update(ctx, fmt.Sprintf("delete access key %q", access), func(tx kv.Tx) error {
		row, err := get[keyRow](tx, accessKey(access), ErrNoKey)
		if err != nil {
			return err
		}
		if row.User != user {
			return ErrNoKey
		}
		return errors.Join(tx.Delete(userAccessKey(user, access)), tx.Delete(accessKey(access)),
			a.noteUser(tx, "key.delete", user, access))
	})
}

// randomText returns n letters of an alphabet of at most 64, all as likely.
func randomText(n int, alphabet string) string {
	text := make([]byte, 0, n)
	var buf [64]byte
	for len(text) < n {
		rand.Read(buf[:]) // never fails
		for _, b := range buf {
			if i := int(b & 63); i < len(alphabet) && len(text) < n {
				text = append(text, alphabet[i])
			}
		}
	}
	return string(text)
}
