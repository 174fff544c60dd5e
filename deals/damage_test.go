package deals_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/kv"
)

// A deal whose row cannot be read, or is lost, concerns nobody else: what waits
// for the chain is woken, what is paid is counted, other pieces get their deals
// and lists have the others, also after a restart.
func TestDamagedDealStopsNoOther(t *testing.T) {
	for name, damage := range map[string]func(tx kv.Tx, key []byte) error{
		"damaged": func(tx kv.Tx, key []byte) error { return tx.Put(key, []byte(`{"UUID":`)) },
		"lost":    func(tx kv.Tx, key []byte) error { return tx.Delete(key) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t, 4, deals.Options{Recheck: time.Hour}) // so that only new heads wake deals
			m.failAll(m.net.Providers(), "no-seal")
			_, pieces := m.zone(1, 2, 1000)
			m.until("two deals on chain", 30*time.Second, func() bool { return m.count(1, deals.DealPublished) == 2 })
			m.zone(2, 2, 2000)
			m.until("two more", 30*time.Second, func() bool { return m.count(2, deals.DealPublished) == 2 })
			m.stop()
			bad := m.list(1)[0]
			if err := m.store.Update(t.Context(), func(tx kv.Tx) error { return damage(tx, kv.Key("deal", "deal", bad.UUID)) }); err != nil {
				t.Fatal(err)
			}
			m.world.restart()
			m.failAll(m.net.Providers(), "none")
			m.until("the others are active", 30*time.Second, func() bool {
				return m.count(1, deals.DealActive) == 1 && m.count(2, deals.DealActive) == 2
			})
			m.zone(3, 2, 3000)
			m.until("new deals are made", 30*time.Second, m.active(3))
			if n := len(m.list(0)); n != 5 {
				t.Errorf("%d deals are listed, want 5", n)
			}
			if _, err := m.deals.Figures(t.Context()); err != nil {
				t.Errorf("figures: %v", err)
			}
			if _, err := m.deals.Funds(t.Context()); err != nil {
				t.Errorf("funds: %v", err)
			}
			if a, err := m.deals.Accounts(t.Context(), 1, 1000); err != nil || len(a) != 1 || a[0].Active != 1 {
				t.Errorf("account %+v, %v", a, err)
			}
			if err := m.deals.Forget(t.Context(), 1); err != nil {
				t.Errorf("forget its zone: %v", err)
			}
			if _, err := m.deals.Pieces(t.Context(), 1); err != nil && !strings.Contains(err.Error(), pieces[0].CID) {
				t.Error(err)
			}
		})
	}
}
