package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/accounts/accountstest"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

var errFault = errors.New("fault")

// faulty is a store whose updates count down to one that fails, before or after
// it is applied.
type faulty struct {
	kv.Store
	left    *int
	applied bool
}

func (s faulty) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if *s.left--; *s.left != 0 {
		return s.Store.Update(ctx, fn)
	}
	if s.applied {
		if err := s.Store.Update(ctx, fn); err != nil {
			return err
		}
	}
	return errFault
}

func newVault(t *testing.T) accounts.Vault {
	s, box := accountstest.Store(t)
	return accounts.Vault{Store: s, Box: box}
}

// Accounts that move are whole at the service, and gone from the node, wherever
// the first attempt broke off.
func TestMove(t *testing.T) {
	for fail := range 4 { // 0: nothing fails
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprint(fail, applied), func(t *testing.T) { testMove(t, fail, applied) })
		}
	}
}

func testMove(t *testing.T, fail int, applied bool) {
	ctx := t.Context()
	node, service := newVault(t), newVault(t)
	a := accounts.New(node.Store, node.Box, accounts.Options{})
	for _, name := range []string{"root", "ann"} {
		u, err := a.CreateUser(ctx, name, "password of "+name, accounts.LevelUser)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.CreateKey(ctx, u.ID, "key-"+name, "the secret of "+name); err != nil {
			t.Fatal(err)
		}
	}
	token, _, err := a.CreateToken(ctx, 2, accounts.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	left := fail
	broken := func(v accounts.Vault) accounts.Vault {
		return accounts.Vault{Store: faulty{v.Store, &left, applied}, Box: v.Box}
	}
	_, err = accounts.Move(ctx, broken(node), broken(service))
	if fail > 0 {
		if !errors.Is(err, errFault) {
			t.Errorf("Move = %v, want %v", err, errFault)
		}
		_, err = accounts.Move(ctx, node, service)
	}
	if err != nil {
		t.Fatalf("Move = %v", err)
	}
	here, users, err := accounts.PlaceOf(ctx, node.Store)
	if err != nil || users || here.Here {
		t.Errorf("place of the node's accounts: %+v, users %v, %v", here, users, err)
	}
	if id, err := accounts.Serve(ctx, service.Store); err != nil || id != here.Service {
		t.Errorf("Serve = %q, %v, want %q", id, err, here.Service)
	}
	if _, _, err := a.Secret(ctx, "key-ann"); !errors.Is(err, accounts.ErrNoKey) {
		t.Errorf("Secret at the node = %v, want %v", err, accounts.ErrNoKey)
	}
	b := accounts.New(service.Store, service.Box, accounts.Options{})
	if u, secret, err := b.Secret(ctx, "key-ann"); err != nil || u.ID != 2 || secret != "the secret of ann" {
		t.Errorf("Secret = %+v, %q, %v", u, secret, err)
	}
	if u, _, err := b.Token(ctx, token); err != nil || u.Name != "ann" {
		t.Errorf("Token = %+v, %v", u, err)
	}
	if u, err := b.Login(ctx, "root", "password of root"); err != nil || u.ID != 1 {
		t.Errorf("Login = %+v, %v", u, err)
	}
	if u, err := b.CreateUser(ctx, "bob", "", accounts.LevelUser); err != nil || u.ID != 3 {
		t.Errorf("CreateUser = %+v, %v, want the next id", u, err)
	}
}

// What would leave users without an account, or with another's, is refused.
func TestMoveRefuses(t *testing.T) {
	ctx := t.Context()
	with := func(v accounts.Vault) accounts.Vault {
		if _, err := accounts.New(v.Store, v.Box, accounts.Options{}).CreateUser(ctx, "ann", "", accounts.LevelUser); err != nil {
			t.Fatal(err)
		}
		return v
	}
	serving := newVault(t)
	if _, err := accounts.Serve(ctx, serving.Store); err != nil {
		t.Fatal(err)
	}
	following := newVault(t)
	if err := accounts.Follow(ctx, following.Store, "id"); err != nil {
		t.Fatal(err)
	}
	placeOf := func(v accounts.Vault) accounts.Place {
		p, _, err := accounts.PlaceOf(ctx, v.Store)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, test := range []struct {
		name     string
		from, to accounts.Vault
	}{
		{"nothing to move", newVault(t), newVault(t)},
		{"a service's", with(serving), newVault(t)},
		{"to a node", with(newVault(t)), with(newVault(t))},
		{"to a service that serves others", with(newVault(t)), serving},
		{"of a node that follows another service", following, newVault(t)},
	} {
		before := placeOf(test.from)
		if n, err := accounts.Move(ctx, test.from, test.to); !errors.Is(err, accounts.ErrPlace) || n != 0 {
			t.Errorf("%s: Move = %d, %v, want %v", test.name, n, err, accounts.ErrPlace)
		}
		if after := placeOf(test.from); before != after {
			t.Errorf("%s: the node's accounts were at %+v, and are at %+v", test.name, before, after)
		}
	}
}

// A node with a secret that cannot be opened stays as it is.
func TestMoveOfWhatCannotBeOpened(t *testing.T) {
	ctx := t.Context()
	node, service := newVault(t), newVault(t)
	a := accounts.New(node.Store, newVault(t).Box, accounts.Options{})
	u, err := a.CreateUser(ctx, "ann", "", accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.CreateKey(ctx, u.ID, "annskey", "the secret of ann"); err != nil {
		t.Fatal(err)
	}
	if n, err := accounts.Move(ctx, node, service); !errors.Is(err, seal.ErrOpen) || n != 0 {
		t.Errorf("Move = %d, %v, want %v", n, err, seal.ErrOpen)
	}
	if p, users, err := accounts.PlaceOf(ctx, node.Store); err != nil || p != (accounts.Place{}) || !users {
		t.Errorf("place of the node's accounts: %+v, users %v, %v", p, users, err)
	}
}
