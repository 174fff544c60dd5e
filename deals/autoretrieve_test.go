package deals_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"regexp"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/whypfs/whypfs/deals"
)

// serverKey is a public key as an autoretrieve server sends it, and its peer id.
func serverKey(t *testing.T) (key, id string) {
	t.Helper()
	_, pub, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := crypto.MarshalPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	p, err := peer.IDFromPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw), p.String()
}

// A server is known by the token that it got, until it is registered again.
func TestAutoretrieve(t *testing.T) {
	m := newPoorMarket(t, 1, deals.Options{})
	ctx := t.Context()
	key, id := serverKey(t)
	addrs := []string{"/ip4/127.0.0.1/tcp/6746", " /dns4/example.org/tcp/443"}
	a, token, err := m.deals.AddAutoretrieve(ctx, key, addrs)
	if err != nil || a.Peer != id || len(a.Addrs) != 2 || a.Addrs[1] != "/dns4/example.org/tcp/443" || a.Seen.IsZero() {
		t.Fatalf("AddAutoretrieve = %+v, %v", a, err)
	}
	const hex = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
	if !regexp.MustCompile("^SECRET"+hex+"SECRET$").MatchString(token) || !regexp.MustCompile("^AUTORETRIEVE"+hex+"HANDLE$").MatchString(a.Handle) {
		t.Errorf("token %s, handle %s", token, a.Handle)
	}
	m.restart()
	seen, err := m.deals.SeeAutoretrieve(ctx, token)
	if err != nil || !seen.Seen.After(a.Seen) || seen.Handle != a.Handle {
		t.Errorf("SeeAutoretrieve = %+v, %v", seen, err)
	}
	if list, err := m.deals.Autoretrieves(ctx); err != nil || len(list) != 1 || !list[0].Seen.Equal(seen.Seen) {
		t.Errorf("Autoretrieves = %+v, %v", list, err)
	}
	again, newer, err := m.deals.AddAutoretrieve(ctx, key, addrs[:1])
	if err != nil || again.Handle == a.Handle || newer == token {
		t.Errorf("AddAutoretrieve again = %+v, %v", again, err)
	}
	for _, unknown := range []string{token, "", a.Handle} {
		if _, err := m.deals.SeeAutoretrieve(ctx, unknown); !errors.Is(err, deals.ErrNoAutoretrieve) {
			t.Errorf("SeeAutoretrieve(%q) = %v", unknown, err)
		}
	}
	other, _ := serverKey(t)
	for _, bad := range []struct {
		key   string
		addrs []string
	}{{"", addrs}, {"AAAA", addrs}, {id, addrs}, {other, nil}, {other, []string{""}}, {other, []string{"localhost:80"}}, {other, make([]string, 21)}} {
		if _, _, err := m.deals.AddAutoretrieve(ctx, bad.key, bad.addrs); !errors.Is(err, deals.ErrBadAutoretrieve) {
			t.Errorf("AddAutoretrieve(%q, %q) = %v", bad.key, bad.addrs, err)
		}
	}
	if list, err := m.deals.Autoretrieves(ctx); err != nil || len(list) != 1 || list[0].Handle != again.Handle {
		t.Errorf("Autoretrieves = %+v, %v", list, err)
	}
}
