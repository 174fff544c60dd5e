package wallet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// row is where the key is stored: a kind of row under the prefix of package deals.
func row() []byte { return kv.Key("deal", "wallet") }

// rowSeal binds the sealed key to its row.
const rowSeal = "deals/wallet"

// A Wallet holds the one key that pays for deals, read from the store once. It
// is safe for concurrent use.
type Wallet struct {
	store kv.Store
	box   *seal.Box

	mu  sync.Mutex
	key *Key // guarded by mu
}

// New returns the wallet in store. box seals its key.
func New(store kv.Store, box *seal.Box) *Wallet { return &Wallet{store: store, box: box} }

// Key returns the key, made on first use.
func (w *Wallet) Key(ctx context.Context) (*Key, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.key != nil {
		return w.key, nil
	}
	k, err := loadKey(ctx, w.store, w.box)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	w.key = k
	return k, nil
}

// Sign signs with the wallet's key.
func (w *Wallet) Sign(ctx context.Context, data []byte) (crypto.Signature, error) {
	k, err := w.Key(ctx)
	if err != nil {
		return crypto.Signature{}, err
	}
	return k.Sign(data), nil
}

func loadKey(ctx context.Context, store kv.Store, box *seal.Box) (*Key, error) {
	fresh, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	var raw []byte
	read := func(tx kv.Tx) error {
		sealed, err := tx.Get(row())
		if err != nil {
			return err
		}
		raw, err = box.Open(sealed, rowSeal)
		return err
	}
	err = store.View(ctx, read)
	if errors.Is(err, kv.ErrNotFound) {
		err = store.Update(ctx, func(tx kv.Tx) error {
			err := read(tx) // another process may have been first
			if !errors.Is(err, kv.ErrNotFound) {
				return err
			}
			raw = fresh.Serialize()
			return tx.Put(row(), box.Seal(raw, rowSeal))
		})
	}
	if err != nil {
		return nil, err
	}
	return ParseKey(raw)
}
