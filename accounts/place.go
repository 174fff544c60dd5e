package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/whypfs/whypfs/kv"
)

// Place says where the accounts of a store are, if that was ever settled. What
// a node stores belongs to users by their ids, so that with other accounts it
// would be other people's.
type Place struct {
	// Service is the id of the accounts of an authorization service; "": the
	// store's own, for its own node alone.
	Service string
	// Here says that they are in this store, and others are served with them.
	Here bool
}

// ErrPlace says that a store's accounts are elsewhere than was asked for.
var ErrPlace = errors.New("the accounts of this data directory are elsewhere")

func placeKey() []byte { return kv.Key("acct", "place") }

// PlaceOf returns the place of a store's accounts. Users says whether the store
// has some.
func PlaceOf(ctx context.Context, store kv.Store) (p Place, users bool, err error) {
	err = store.View(ctx, func(tx kv.Tx) (err error) {
		p, users, err = placeOf(tx)
		return err
	})
	return p, users, explain("place of the accounts", err)
}

func placeOf(tx kv.Tx) (p Place, users bool, err error) {
	p, err1 := get[Place](tx, placeKey(), nil)
	last, err2 := get[uint64](tx, lastUserKey(), nil)
	return p, last > 0, errors.Join(err1, err2)
}

// Serve settles that the accounts in the store are those of an authorization
// service, and returns their id. It is ErrPlace if they are of a node, or elsewhere.
func Serve(ctx context.Context, store kv.Store) (id string, err error) {
	fresh, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("serve accounts: %w", err)
	}
	err = store.Update(ctx, func(tx kv.Tx) error {
		p, users, err := placeOf(tx)
		switch {
		case err != nil:
			return err
		case p.Here:
			id = p.Service
			return nil
		case p.Service != "" || users:
			return ErrPlace
		}
		id = fresh.String()
		return kv.PutJSON(tx, placeKey(), Place{id, true})
	})
	return id, explain("serve accounts", err)
}

// Follow settles that the accounts of the store's node are those of the service
// with an id. It is ErrPlace if the store has users of its own, or they are
// settled to be elsewhere.
func Follow(ctx context.Context, store kv.Store, id string) error {
	return explain("follow an authorization service", store.Update(ctx, func(tx kv.Tx) error {
		p, users, err := placeOf(tx)
		switch {
		case err != nil:
			return err
		case p.Here || p.Service != id && p.Service != "" || users:
			return ErrPlace
		}
		return kv.PutJSON(tx, placeKey(), Place{Service: id})
	}))
}
