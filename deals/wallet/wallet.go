package wallet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

var (
	// ErrNoKey says that the wallet does not have an address's key.
	ErrNoKey = errors.New("no such key in the wallet")
	// ErrKeyType says that keys of a type are not signed with here.
	ErrKeyType = errors.New("unknown type of key")
	// ErrKeyFile says that what was to be imported is no key.
	ErrKeyFile = errors.New("not a key in Lotus's format")
	// ErrCannotPay says that a key may sign, and not pay for deals.
	ErrCannotPay = errors.New("this key cannot pay for deals")
)

// The rows are a kind under the prefix of package deals: keys by their
// addresses, the address of the default, and firstRow.
func keyRow(addr address.Address) []byte { return kv.Key("deal", "wallet", "key", addr.String()) }
func defaultRow() []byte                 { return kv.Key("deal", "wallet", "default") }

// firstRow holds the bytes of the one key that wallets had before they had
// several. It is moved to its place when the wallet is next used.
func firstRow() []byte { return kv.Key("deal", "wallet") }

const firstSeal = "deals/wallet"

// keySeal binds a sealed key to its row.
func keySeal(addr address.Address) string { return "deals/wallet/" + addr.String() }

// A Wallet holds the keys that sign deals. It is safe for concurrent use.
type Wallet struct {
	store kv.Store
	box   *seal.Box

	mu    sync.Mutex
	keys  map[address.Address]*Key // guarded by mu; what was read: a key never changes
	moved bool                     // guarded by mu; there is no firstRow
}

// New returns the wallet in store. box seals its keys.
func New(store kv.Store, box *seal.Box) *Wallet {
	return &Wallet{store: store, box: box, keys: make(map[address.Address]*Key)}
}

// Info describes a key.
type Info struct {
	Address  string
	Ethereum string `json:",omitempty"` // the same address as Ethereum writes it
	Type     Type
	Default  bool // pays for new deals
}

// Key returns the default key, made on first use.
func (w *Wallet) Key(ctx context.Context) (*Key, error) {
	addr, err := w.defaultAddress(ctx)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	return w.Of(ctx, addr)
}

// Of returns the key of an address, or ErrNoKey.
func (w *Wallet) Of(ctx context.Context, addr address.Address) (*Key, error) {
	w.mu.Lock()
	k := w.keys[addr]
	w.mu.Unlock()
	if k != nil {
		return k, nil
	}
	if err := w.moveFirst(ctx); err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	var sealed []byte
	err := w.store.View(ctx, func(tx kv.Tx) (err error) {
		sealed, err = tx.Get(keyRow(addr))
		return err
	})
	if errors.Is(err, kv.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, addr)
	}
	if err == nil {
		k, err = w.open(sealed, addr)
	}
	if err != nil {
		return nil, fmt.Errorf("wallet: key of %s: %w", addr, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[addr] = k
	return k, nil
}

func (w *Wallet) open(sealed []byte, addr address.Address) (*Key, error) {
	plain, err := w.box.Open(sealed, keySeal(addr))
	if err != nil {
		return nil, err
	}
	k, err := decodeKey(plain)
	if err == nil && k.addr != addr {
		err = errors.New("it is another address's")
	}
	return k, err
}

// List returns what keys there are, the default first.
func (w *Wallet) List(ctx context.Context) ([]Info, error) {
	if _, err := w.defaultAddress(ctx); err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	var out []Info
	err := w.store.View(ctx, func(tx kv.Tx) error {
		out = nil
		first, err := tx.Get(defaultRow())
		if err != nil {
			return err
		}
		from, to := kv.Range("deal", "wallet", "key")
		for r, err := range tx.Scan(from, to) {
			var text string
			if err == nil {
				err = kv.Unkey(r.Key, nil, nil, nil, &text)
			}
			if err != nil {
				return err
			}
			addr, err := address.NewFromString(text)
			if err != nil {
				return err
			}
			i := Info{Address: text, Ethereum: Ethereum(addr), Type: Secp256k1, Default: text == string(first)}
			if i.Ethereum != "" {
				i.Type = Delegated
			}
			out = append(out, i)
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b Info) int {
		return cmp.Or(-boolOrder(a.Default, b.Default), cmp.Compare(a.Address, b.Address))
	})
	return out, err
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Create makes a key of a type.
func (w *Wallet) Create(ctx context.Context, typ Type) (address.Address, error) {
	if err := typ.check(); err != nil {
		return address.Undef, err
	}
	k, err := generate(typ)
	if err != nil {
		return address.Undef, fmt.Errorf("wallet: %w", err)
	}
	return k.addr, w.add(ctx, k)
}

func generate(typ Type) (*Key, error) {
	secret, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	return NewKey(typ, secret.Serialize())
}

// Import takes a key that Lotus exported. One that is here already stays.
func (w *Wallet) Import(ctx context.Context, data []byte) (address.Address, error) {
	k, err := decodeKey(data)
	if err != nil {
		return address.Undef, err
	}
	return k.addr, w.add(ctx, k)
}

// add stores a key. The first one that can pay becomes the default.
func (w *Wallet) add(ctx context.Context, k *Key) error {
	err := w.moveFirst(ctx)
	if err == nil {
		err = w.store.Update(ctx, func(tx kv.Tx) error { return w.put(tx, k) })
	}
	if err != nil {
		return fmt.Errorf("wallet: store the key of %s: %w", k.addr, err)
	}
	return nil
}

func (w *Wallet) put(tx kv.Tx, k *Key) error {
	plain, err := k.encode()
	if err != nil {
		return err
	}
	if err := tx.Put(keyRow(k.addr), w.box.Seal(plain, keySeal(k.addr))); err != nil {
		return err
	}
	_, err = tx.Get(defaultRow())
	switch {
	case !errors.Is(err, kv.ErrNotFound):
		return err
	case k.CanPay() != nil:
		return nil
	}
	return tx.Put(defaultRow(), []byte(k.addr.String()))
}

// Export returns a key in Lotus's format. Whoever has that has what the address owns.
func (w *Wallet) Export(ctx context.Context, addr address.Address) ([]byte, error) {
	k, err := w.Of(ctx, addr)
	if err != nil {
		return nil, err
	}
	return k.encode()
}

// SetDefault makes a key the one that pays for new deals.
func (w *Wallet) SetDefault(ctx context.Context, addr address.Address) error {
	k, err := w.Of(ctx, addr)
	if err != nil {
		return err
	}
	if err := k.CanPay(); err != nil {
		return err
	}
	return w.store.Update(ctx, func(tx kv.Tx) error { return tx.Put(defaultRow(), []byte(addr.String())) })
}

// defaultAddress reads which key pays, and makes one if there is none. Another
// process may have changed it.
func (w *Wallet) defaultAddress(ctx context.Context) (addr address.Address, err error) {
	if err := w.moveFirst(ctx); err != nil {
		return addr, err
	}
	var text []byte
	read := func(tx kv.Tx) (err error) {
		text, err = tx.Get(defaultRow())
		return err
	}
	err = w.store.View(ctx, read)
	if errors.Is(err, kv.ErrNotFound) {
		var fresh *Key
		if fresh, err = generate(Secp256k1); err != nil {
			return addr, err
		}
		err = w.store.Update(ctx, func(tx kv.Tx) error {
			err := read(tx) // another process may have been first
			if errors.Is(err, kv.ErrNotFound) {
				text = []byte(fresh.addr.String())
				return w.put(tx, fresh)
			}
			return err
		})
	}
	if err != nil {
		return addr, err
	}
	return address.NewFromString(string(text))
}

// moveFirst brings the one key of an older wallet to its place, as the default.
func (w *Wallet) moveFirst(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moved {
		return nil
	}
	read := func(tx kv.Tx) (*Key, error) {
		sealed, err := tx.Get(firstRow())
		if err != nil {
			return nil, err
		}
		raw, err := w.box.Open(sealed, firstSeal)
		if err != nil {
			return nil, err
		}
		return ParseKey(raw)
	}
	err := w.store.View(ctx, func(tx kv.Tx) error {
		_, err := read(tx)
		return err
	})
	if err == nil {
		err = w.store.Update(ctx, func(tx kv.Tx) error {
			k, err := read(tx)
			if err != nil {
				return err
			}
			return errors.Join(w.put(tx, k), tx.Put(defaultRow(), []byte(k.addr.String())), tx.Delete(firstRow()))
		})
	}
	if err == nil || errors.Is(err, kv.ErrNotFound) {
		w.moved, err = true, nil
	}
	return err
}
