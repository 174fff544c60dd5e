package deals_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/sandbox"
)

// TestBadEndpoints: whatever one of three endpoints does, deals become active,
// and none that is active is given up.
func TestBadEndpoints(t *testing.T) {
	for mode := range sandbox.RPCModes() {
		if mode == "none" {
			continue
		}
		t.Run(mode, func(t *testing.T) {
			m := newMarketOf(t, sandbox.Options{Providers: 3, Endpoints: 3}, deals.Options{})
			m.stop()
			m.opt.RPC = endpoints(m.net.RPCAddrs()...)
			m.world.restart()
			if err := m.net.FailRPC(0, mode); err != nil {
				t.Fatal(err)
			}
			m.zone(1, 2, 1<<20)
			m.until("two active deals beside a bad endpoint", 60*time.Second, m.active(1))
			from := m.net.Snapshot().Height
			m.until("30 epochs of looking", 30*time.Second, func() bool { return m.net.Snapshot().Height > from+30 })
			m.checkDistinct(1)
			if all := m.list(1); len(all) != 2 || m.count(1, deals.DealActive) != 2 {
				t.Errorf("%d deals, of which %d are active, want 2\n%s", len(all), m.count(1, deals.DealActive), m.dump())
			}
		})
	}
}

// TestLyingEndpointsApart: of two endpoints one lies. Nothing is believed that
// only one says, and no deal is given up for it.
func TestLyingEndpointsApart(t *testing.T) {
	for _, mode := range []string{"lie-slashed", "lie-piece", "lie-missing", "lie-ahead"} {
		t.Run(mode, func(t *testing.T) {
			m := newMarketOf(t, sandbox.Options{Providers: 2, Endpoints: 2}, deals.Options{})
			m.stop()
			m.opt.RPC = endpoints(m.net.RPCAddrs()...)
			m.world.restart()
			m.zone(1, 1, 1<<20)
			m.until("an active deal", 60*time.Second, m.active(1))
			for i := range 2 {
				if err := m.net.FailRPC(i, mode); err != nil {
					t.Fatal(err)
				}
				from := m.net.Snapshot().Height
				m.until("30 epochs of looking", 30*time.Second, func() bool { return m.net.Snapshot().Height > from+30 })
				if err := m.net.FailRPC(i, "none"); err != nil {
					t.Fatal(err)
				}
			}
			if all := m.list(1); len(all) != 1 || all[0].State != deals.DealActive {
				t.Error(fmt.Sprint("the deal was given up\n", m.dump()))
			}
		})
	}
}

// TestLiarAlone: two of three endpoints are down, and the third says that the
// chain is two years ahead. No deal is given up for it, then or afterwards.
func TestLiarAlone(t *testing.T) {
	m := newMarketOf(t, sandbox.Options{Providers: 2, Endpoints: 3}, deals.Options{})
	m.stop()
	m.opt.RPC = endpoints(m.net.RPCAddrs()...)
	m.world.restart()
	m.zone(1, 1, 1<<20)
	m.until("an active deal", 60*time.Second, m.active(1))
	for _, modes := range [][]string{{"down", "down", "lie-ahead"}, {"none", "none", "none"}} {
		for i, mode := range modes {
			if err := m.net.FailRPC(i, mode); err != nil {
				t.Fatal(err)
			}
		}
		from := m.net.Snapshot().Height
		m.until("30 epochs of looking", 30*time.Second, func() bool { return m.net.Snapshot().Height > from+30 })
	}
	if all := m.list(1); len(all) != 1 || all[0].State != deals.DealActive {
		t.Error(fmt.Sprint("the deal was given up\n", m.dump()))
	}
}
