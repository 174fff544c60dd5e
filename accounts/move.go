package accounts

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// Vault is a store with what its secrets are sealed with.
type Vault struct {
	Store kv.Store
	Box   *seal.Box
}

// Move moves the accounts of a node to a new authorization service, with their
// ids, and returns how many users they are. The node follows the service from
// then on. If it fails it can be called again, whatever was done; meanwhile
// neither has the accounts to itself: the node is settled to follow before
// anything is copied, and what it has is removed when the copy is complete.
//
// It is ErrPlace if the node has no accounts of its own, or the service has others.
func Move(ctx context.Context, node, service Vault) (users int, err error) {
	users, err = move(ctx, node, service)
	return users, explain("move accounts", err)
}

func move(ctx context.Context, node, service Vault) (users int, err error) {
	if err := arrives(ctx, node.Store, service.Store); err != nil {
		return 0, err
	}
	// A row that cannot be read, or a secret that cannot be opened, is found
	// before the node is settled: after that it would run neither way.
	if _, err := moved(ctx, node, service.Box); err != nil {
		return 0, err
	}
	id, err := depart(ctx, node.Store)
	if err != nil {
		return 0, err
	}
	rows, err := moved(ctx, node, service.Box)
	if err != nil {
		return 0, err
	}
	err = service.Store.Update(ctx, func(tx kv.Tx) error {
		p, there, err := placeOf(tx)
		switch {
		case err != nil:
			return err
		case p == (Place{id, true}):
			return nil // copied before
		case p != (Place{}) || there || len(rows) == 0:
			return ErrPlace
		}
		for _, r := range rows {
			if err := tx.Put(r.Key, r.Value); err != nil {
				return err
			}
		}
		return kv.PutJSON(tx, placeKey(), Place{id, true})
	})
	if err != nil {
		return 0, err
	}
	return count(rows), node.Store.Update(ctx, func(tx kv.Tx) error {
		for _, r := range rows {
			if err := tx.Delete(r.Key); err != nil {
				return err
			}
		}
		return nil
	})
}

// arrives refuses a service that cannot take the accounts, before the node is
// settled to follow it.
func arrives(ctx context.Context, node, service kv.Store) error {
	from, _, err := PlaceOf(ctx, node)
	if err != nil {
		return err
	}
	to, users, err := PlaceOf(ctx, service)
	if err != nil {
		return err
	}
	if copied := to.Here && to.Service == from.Service; !copied && (users || to != (Place{})) {
		return ErrPlace
	}
	return nil
}

// depart settles which service a node's accounts go to.
func depart(ctx context.Context, store kv.Store) (id string, err error) {
	fresh, err := uuid.NewRandom()
	if err != nil {
		return "", err
	}
	return id, store.Update(ctx, func(tx kv.Tx) error {
		p, users, err := placeOf(tx)
		switch {
		case err != nil:
			return err
		case p.Here || !users && p.Service == "":
			return ErrPlace
		case p.Service != "": // it was begun before
			id = p.Service
			return nil
		}
		id = fresh.String()
		return kv.PutJSON(tx, placeKey(), Place{Service: id})
	})
}

// moved are the rows of a node's accounts, with their secrets sealed in another box.
func moved(ctx context.Context, node Vault, box *seal.Box) (rows []kv.Row, err error) {
	err = node.Store.View(ctx, func(tx kv.Tx) error {
		rows = nil
		for row, err := range tx.Scan(kv.Range("acct")) {
			if err != nil {
				return err
			}
			if string(row.Key) == string(placeKey()) {
				continue
			}
			r := kv.Row{Key: append([]byte(nil), row.Key...), Value: append([]byte(nil), row.Value...)}
			if isOf(r, "key") {
				if r.Value, err = reseal(r, node.Box, box); err != nil {
					return err
				}
			}
			rows = append(rows, r)
		}
		return nil
	})
	return rows, err
}

// isOf says whether a row is of a table of accounts.
func isOf(r kv.Row, table string) bool {
	from, to := kv.Range("acct", table)
	return string(r.Key) >= string(from) && string(r.Key) < string(to)
}

func reseal(r kv.Row, from, to *seal.Box) ([]byte, error) {
	var access string
	if err := kv.Unkey(r.Key, nil, nil, &access); err != nil {
		return nil, err
	}
	var key keyRow
	if err := json.Unmarshal(r.Value, &key); err != nil {
		return nil, fmt.Errorf("row of access key %q: %w", access, err)
	}
	secret, err := from.Open(key.Sealed, sealContext(access))
	if err != nil {
		return nil, fmt.Errorf("secret of access key %q: %w", access, err)
	}
	key.Sealed = to.Seal(secret, sealContext(access))
	return json.Marshal(key)
}

func count(rows []kv.Row) (users int) {
	for _, r := range rows {
		if isOf(r, "user") {
			users++
		}
	}
	return users
}
