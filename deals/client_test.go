package deals_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/wallet"
)

// TestDefaultKeyChanges: deals that are under way go on with the key that
// signed them, for their providers and on chain; new ones are the new key's.
func TestDefaultKeyChanges(t *testing.T) {
	m := newMarket(t, 3, deals.Options{Recheck: time.Second})
	old, err := m.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A provider that stops before it publishes is asked again and again.
	for _, p := range m.net.Providers() {
		if err := m.net.Fail(p, "no-publish"); err != nil {
			t.Fatal(err)
		}
	}
	m.zone(1, 2, 1<<20)
	m.until("two deals with providers", 30*time.Second, func() bool { return m.count(1, deals.DealAccepted) == 2 })
	key, err := m.deals.Wallet().Create(t.Context(), wallet.Secp256k1)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.deals.Wallet().SetDefault(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	m.fund()
	m.restart()
	for _, p := range m.net.Providers() {
		if err := m.net.Fail(p, "none"); err != nil {
			t.Fatal(err)
		}
	}
	m.zone(2, 2, 1<<20)
	m.until("all active", 60*time.Second, func() bool { return m.active(1)() && m.active(2)() })
	for zone, want := range map[uint64]string{1: old, 2: key.String()} {
		if len(m.list(zone)) != 2 {
			t.Errorf("zone %d has %d deals, want 2\n%s", zone, len(m.list(zone)), m.dump())
		}
		for _, d := range m.list(zone) {
			if d.Client != want {
				t.Errorf("deal of zone %d is of %s, want %s", zone, d.Client, want)
			}
		}
	}
}
