package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/whypfs/whypfs/kv"
)

// maxOpened bounds how many access keys are kept opened.
const maxOpened = 4096

// An openedKey is an access key as it was read last. It stands for as long as
// the rows it was made of are the same, byte for byte.
type openedKey struct {
	keyRow, userRow []byte
	user            User
	secret          string
}

// openedKeys spare requests the decoding and decrypting of their key.
type openedKeys struct {
	mu   sync.Mutex
	keys map[string]*openedKey // by access key
}

func (o *openedKeys) get(access string) *openedKey {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.keys[access]
}

func (o *openedKeys) put(access string, k *openedKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keys == nil || len(o.keys) >= maxOpened {
		o.keys = map[string]*openedKey{}
	}
	o.keys[access] = k
}

// Secret returns the user and secret of an access key, for checking signatures.
func (a *Accounts) Secret(ctx context.Context, access string) (User, string, error) {
	if len(access) > maxAccess {
		return User{}, "", ErrNoKey
	}
	out, err := ask(ctx, a, opSecret, exact(access))
	return out.User, string(out.Secret), err
}

type secretOut struct {
	User   User
	Secret exact
}

var opSecret = read("key.secret", func(a *local, ctx context.Context, access exact) (secretOut, error) {
	user, secret, err := a.Secret(ctx, string(access))
	return secretOut{user, exact(secret)}, err
})

func (a *local) Secret(ctx context.Context, access string) (User, string, error) {
	if len(access) > maxAccess {
		return User{}, "", ErrNoKey
	}
	var k *openedKey
	err := a.view(ctx, "check access key", func(tx kv.Tx) (err error) {
		k, err = a.openKey(tx, access)
		return err
	})
	if err != nil {
		return User{}, "", err
	}
	if k.user.Suspended != "" {
		return User{}, "", fmt.Errorf("%w: %s", ErrSuspended, k.user.Suspended)
	}
	return k.user, k.secret, nil
}

// openKey reads an access key and its user.
func (a *local) openKey(tx kv.Tx, access string) (*openedKey, error) {
	raw, err := tx.Get(accessKey(access))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, err
	}
	if k := a.opened.get(access); k != nil && bytes.Equal(raw, k.keyRow) {
		user, err := tx.Get(userKey(k.user.ID))
		if err == nil && bytes.Equal(user, k.userRow) {
			return k, nil
		}
	}
	row, err := get[keyRow](tx, accessKey(access), ErrNoKey)
	if err != nil {
		return nil, err
	}
	owner, err := get[userRow](tx, userKey(row.User), ErrNoUser)
	if err != nil {
		return nil, err
	}
	user, err := tx.Get(userKey(row.User))
	if err != nil {
		return nil, err
	}
	secret, err := a.box.Open(row.Sealed, sealContext(access))
	if err != nil {
		return nil, fmt.Errorf("secret of access key %q: %w", access, err)
	}
	k := &openedKey{keyRow: bytes.Clone(raw), userRow: bytes.Clone(user), user: a.user(row.User, owner), secret: string(secret)}
	a.opened.put(access, k)
	return k, nil
}
