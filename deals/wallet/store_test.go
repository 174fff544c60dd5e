package wallet

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

func newStore(t *testing.T) (kv.Store, *seal.Box) {
	t.Helper()
	dir := t.TempDir()
	store, err := kv.OpenBolt(t.Context(), filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	box, err := seal.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	return store, box
}

// What Lotus exports comes in, and goes out as it came.
func TestImportExport(t *testing.T) {
	store, box := newStore(t)
	w := New(store, box)
	for name, plain := range map[string]struct{ key, address string }{
		"secp256k1": {`{"Type":"secp256k1","PrivateKey":"8VcW07ADswS4BV2cxi5rnIadVsyTDDhY1NfDH19T8Uo="}`, knownAddress},
		"delegated": {`{"Type":"delegated","PrivateKey":"RkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkY="}`, knownEthereum},
	} {
		lotus := hex.EncodeToString([]byte(plain.key))
		want, err := ParseAddress(plain.address)
		if err != nil {
			t.Fatal(err)
		}
		for form, data := range map[string]string{"hex": lotus, "hex with a line's end": lotus + "\n", "JSON": " " + plain.key} {
			got, err := w.Import(t.Context(), []byte(data))
			if err != nil || got != want {
				t.Errorf("%s as %s: %s, %v, want %s", name, form, got, err, want)
			}
		}
		out, err := New(store, box).Export(t.Context(), want) // after a restart
		if err != nil || string(out) != lotus {
			t.Errorf("%s: Export gave something else: %v", name, err)
		}
	}
	if list, err := w.List(t.Context()); err != nil || len(list) != 2 || list[0] != (Info{Address: knownAddress, Type: Secp256k1, Default: true}) {
		t.Errorf("List = %+v, %v", list, err)
	}
}

// What is no key is refused, in words that hold nothing of it.
func TestImportRefuses(t *testing.T) {
	store, box := newStore(t)
	w := New(store, box)
	secret := "P2pSgkvsZSgi0LOczuHmSXT1+l/hvSs3fVBb4y8OgVo="
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"a BLS key":       {hex.EncodeToString([]byte(`{"Type":"bls","PrivateKey":"` + secret + `"}`)), ErrKeyType},
		"an unknown type": {`{"Type":"ed25519","PrivateKey":"` + secret + `"}`, ErrKeyType},
		"a bare secret":   {secret, ErrKeyFile},
		"odd digits":      {"7b2", ErrKeyFile},
		"no key":          {`{"Type":"secp256k1"}`, ErrKeyFile},
		"nothing":         {"", ErrKeyFile},
		"too long":        {strings.Repeat("7b", maxKeyFile), ErrKeyFile},
	} {
		_, err := w.Import(t.Context(), []byte(c.data))
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := w.Import(t.Context(), []byte(`{"Type":"secp256k1","PrivateKey":"AAAA"}`)); err == nil {
		t.Error("three bytes are taken for a key")
	}
	if _, err := w.Create(t.Context(), bls); !errors.Is(err, ErrKeyType) {
		t.Errorf("Create of a BLS key = %v", err)
	}
}

// The default pays, is made when it is needed, and is a key that can pay.
func TestDefault(t *testing.T) {
	store, box := newStore(t)
	w := New(store, box)
	eth, err := w.Create(t.Context(), Delegated)
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.Key(t.Context())
	if err != nil || first.Type() != Secp256k1 {
		t.Fatalf("the default is of type %v, %v", first.Type(), err)
	}
	if err := w.SetDefault(t.Context(), eth); !errors.Is(err, ErrCannotPay) {
		t.Errorf("a delegated key pays: %v", err)
	}
	if err := w.SetDefault(t.Context(), knownSigner(t).Address()); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key that is not here pays: %v", err)
	}
	second, err := w.Create(t.Context(), Secp256k1)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := w.Key(t.Context()); err != nil || k.Address() != first.Address() {
		t.Errorf("a new key took the default's place: %v", err)
	}
	other := New(store, box) // another process
	if err := errors.Join(w.SetDefault(t.Context(), second)); err != nil {
		t.Fatal(err)
	}
	if k, err := other.Key(t.Context()); err != nil || k.Address() != second {
		t.Errorf("another process still pays with another key: %v", err)
	}
	if k, err := other.Of(t.Context(), first.Address()); err != nil || !bytes.Equal(k.Secret(), first.Secret()) {
		t.Errorf("the older key is gone: %v", err)
	}
}

// The one key of an older wallet stays the default, over writes that fail
// before and after they took effect.
func TestFirstKeyIsMoved(t *testing.T) {
	for _, applied := range []bool{false, true} {
		store, box := newStore(t)
		old := knownSigner(t)
		if err := store.Update(t.Context(), func(tx kv.Tx) error {
			return tx.Put(firstRow(), box.Seal(old.Secret(), firstSeal))
		}); err != nil {
			t.Fatal(err)
		}
		w := New(&failing{store, applied}, box)
		if _, err := w.Key(t.Context()); err == nil {
			t.Error("a write that failed is taken for done")
		}
		w = New(store, box)
		if k, err := w.Key(t.Context()); err != nil || k.Address() != old.Address() {
			t.Fatalf("applied %v: %v", applied, err)
		}
		if list, err := w.List(t.Context()); err != nil || len(list) != 1 || list[0].Address != knownAddress {
			t.Errorf("applied %v: List = %v, %v", applied, list, err)
		}
	}
}

// failing is a store whose writes fail, before or after they took effect.
type failing struct {
	kv.Store
	applied bool
}

func (s *failing) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.applied {
		if err := s.Store.Update(ctx, fn); err != nil {
			return err
		}
	}
	return errors.New("the store failed")
}

// A sealed key opens in its own row only.
func TestKeysAreBoundToTheirRows(t *testing.T) {
	store, box := newStore(t)
	w := New(store, box)
	mine, err := w.Create(t.Context(), Secp256k1)
	if err != nil {
		t.Fatal(err)
	}
	known, err := address.NewFromString(knownAddress)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Update(t.Context(), func(tx kv.Tx) error {
		sealed, err := tx.Get(keyRow(mine))
		if bytes.Contains(sealed, []byte("PrivateKey")) {
			t.Error("the key is not sealed")
		}
		return errors.Join(err, tx.Put(keyRow(known), sealed))
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Of(t.Context(), known); err == nil {
		t.Error("a key opens in another's row")
	}
}
