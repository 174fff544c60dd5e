package deals_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

// forgetful is a store that never learns that a deal was accepted.
type forgetful struct{ kv.Store }

func (s forgetful) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return s.Store.Update(ctx, func(tx kv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		for r, err := range tx.Scan(kv.Range("deal", "deal")) {
			if err != nil {
				return err
			}
			var d deals.Deal
			if err := json.Unmarshal(r.Value, &d); err != nil {
				return err
			}
			if d.State == deals.DealAccepted {
				return kvtest.ErrFault
			}
		}
		return nil
	})
}

// loseAnswer deals a zone with one replica so that the acceptance is lost in a
// crash, and its provider cannot be reached after it. It returns once the
// provider has brought the deal to a step, and we have given it up.
func (m *market) loseAnswer(ready func(sandbox.DealState) bool) {
	m.t.Helper()
	m.stop()
	m.packed(1, 1, 1000)
	m.over(forgetful{m.store})
	m.start()
	if err := m.deals.Start(m.t.Context(), 1); err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	_, err := m.net.Wait(ctx, func(s sandbox.State) bool {
		for _, p := range s.Providers {
			for _, d := range p.Deals {
				if ready(d) {
					m.hidden.Store(&p.Address)
					return true
				}
			}
		}
		return false
	})
	if err != nil {
		m.t.Fatalf("no provider gets on: %v\n%s", err, m.dump())
	}
	m.stop()
	m.over(m.store)
	m.start()
}

// givenUp waits until the deal of the provider that nobody finds is given up.
func (m *market) givenUp() (lost deals.Deal) {
	m.t.Helper()
	m.until("the deal given up", 20*time.Second, func() bool {
		for _, d := range m.list(1) {
			if d.Provider == *m.hidden.Load() && d.State == deals.DealFailed {
				lost = d
				return true
			}
		}
		return false
	})
	return lost
}

// made counts the deals that providers really have.
func (m *market) made() (n int) {
	for _, p := range m.net.Snapshot().Providers {
		n += len(p.Deals)
	}
	return n
}

// A deal whose acceptance was lost in a crash comes to light when the chain has
// it, with its provider still where nobody finds it. It is not made twice.
func TestAcceptanceLost(t *testing.T) {
	m := newMarket(t, 2, deals.Options{Doubt: time.Hour})
	m.loseAnswer(func(d sandbox.DealState) bool { return d.ChainID != 0 })
	m.until("the lost deal is active", 20*time.Second, m.active(1))
	if n := m.made(); n != 1 || len(m.list(1)) != 1 || m.list(1)[0].Provider != *m.hidden.Load() {
		t.Errorf("providers have %d deals, we %d, want the lost one\n%s", n, len(m.list(1)), m.dump())
	}
	m.until("nothing is waited for", 20*time.Second, func() bool {
		_, err := m.queue.Job(t.Context(), "replicate", m.list(1)[0].Piece)
		return errors.Is(err, kv.ErrNotFound)
	})
}

// Where no endpoint tells of events it comes to light when its provider can be
// asked. It is not made twice with that one.
func TestAcceptanceLostWithoutEvents(t *testing.T) {
	m := newMarket(t, 2, deals.Options{})
	m.failRPC("no-events")
	m.loseAnswer(func(d sandbox.DealState) bool { return d.ChainID != 0 })
	lost := m.givenUp()
	m.until("a replacement", 20*time.Second, m.active(1))
	m.hidden.Store(nil)
	m.until("the lost deal is active", 20*time.Second, func() bool {
		d, err := m.deals.Deal(t.Context(), lost.UUID)
		return err == nil && d.State == deals.DealActive && d.ChainID != 0
	})
	m.checkDistinct(1)
	if n := m.made(); n != 2 || len(m.list(1)) != 2 {
		t.Errorf("providers have %d deals, we %d, want the lost one and its replacement\n%s", n, len(m.list(1)), m.dump())
	}
}

// If nobody else is there to replace it, a deal that its provider goes on with
// is taken up again.
func TestAcceptanceLostAndTakenUp(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	m.fail(m.net.Providers()[0], "no-publish")
	m.loseAnswer(func(d sandbox.DealState) bool { return d.Step == "transferred" })
	lost := m.givenUp()
	m.hidden.Store(nil)
	m.until("the deal is taken up", 20*time.Second, func() bool { return m.count(1, deals.DealAccepted) == 1 })
	m.fail(lost.Provider, "none")
	m.until("the lost deal is active", 20*time.Second, m.active(1))
	if n := m.made(); n != 1 || len(m.list(1)) != 1 {
		t.Errorf("the provider has %d deals, we %d, want one\n%s", n, len(m.list(1)), m.dump())
	}
}
