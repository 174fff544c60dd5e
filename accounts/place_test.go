package accounts_test

import (
	"errors"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/accounts/accountstest"
)

// Where accounts are is settled once: with others, what a node has would belong
// to other people.
func TestPlace(t *testing.T) {
	ctx := t.Context()
	service, _ := accountstest.Store(t)
	id, err := accounts.Serve(ctx, service)
	if err != nil || len(id) != 36 {
		t.Fatalf("Serve = %q, %v", id, err)
	}
	if again, err := accounts.Serve(ctx, service); err != nil || again != id {
		t.Errorf("Serve again = %q, %v, want %q", again, err, id)
	}
	if err := accounts.Follow(ctx, service, "another"); !errors.Is(err, accounts.ErrPlace) {
		t.Errorf("Follow by a service = %v, want %v", err, accounts.ErrPlace)
	}

	node, _ := accountstest.Store(t)
	if p, users, err := accounts.PlaceOf(ctx, node); err != nil || users || p != (accounts.Place{}) {
		t.Errorf("PlaceOf = %+v, %v, %v", p, users, err)
	}
	for _, follow := range []struct {
		id   string
		want error
	}{{id, nil}, {id, nil}, {"another", accounts.ErrPlace}} {
		if err := accounts.Follow(ctx, node, follow.id); !errors.Is(err, follow.want) {
			t.Errorf("Follow(%q) = %v, want %v", follow.id, err, follow.want)
		}
	}
	if _, err := accounts.Serve(ctx, node); !errors.Is(err, accounts.ErrPlace) {
		t.Errorf("Serve by a node that follows = %v, want %v", err, accounts.ErrPlace)
	}
	if p, users, err := accounts.PlaceOf(ctx, node); err != nil || users || p != (accounts.Place{Service: id}) {
		t.Errorf("PlaceOf = %+v, %v, %v", p, users, err)
	}

	own, box := accountstest.Store(t)
	if _, err := accounts.New(own, box, accounts.Options{}).CreateUser(ctx, "ann", "", accounts.LevelUser); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Serve(ctx, own); !errors.Is(err, accounts.ErrPlace) {
		t.Errorf("Serve by a node with users = %v, want %v", err, accounts.ErrPlace)
	}
	if err := accounts.Follow(ctx, own, id); !errors.Is(err, accounts.ErrPlace) {
		t.Errorf("Follow with users = %v, want %v", err, accounts.ErrPlace)
	}
}
