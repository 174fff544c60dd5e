package deals_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

func (m *market) fail(provider, mode string) {
	m.t.Helper()
	if err := m.net.Fail(provider, mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m *market) advance(epochs int64) {
	m.t.Helper()
	if err := m.net.Advance(context.Background(), epochs); err != nil {
		m.t.Fatal(err)
	}
}

// failures returns what went wrong with a provider, as "phase: message" lines.
func (m *market) failures(provider string) string {
	m.t.Helper()
	list, err := m.deals.Failures(context.Background(), 1, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	out := ""
	for _, f := range list {
		if f.Provider == provider {
			out += f.Phase + ": " + f.Message + "\n"
		}
	}
	return out
}

// Providers that misbehave while a deal is made cost a try, not a replica.
func TestFaultsBeforeActive(t *testing.T) {
	m := newMarket(t, 8, deals.Options{StartLead: 150})
	p := m.net.Providers()
	m.fail(p[0], "refuse")
	m.fail(p[1], "wrong-commp")
	m.fail(p[2], "vanish")
	m.fail(p[3], "reset") // cuts transfers and resumes them: no fault in the end
	m.zone(1, 5, 1<<20)
	m.until("five active deals beside three bad providers", 40*time.Second, m.active(1))
	m.checkDistinct(1)
	bad := map[string]bool{p[0]: true, p[1]: true, p[2]: true}
	for _, d := range m.list(1) {
		if bad[d.Provider] && !d.State.Over() {
			t.Errorf("bad provider %s has a deal in state %s", d.Provider, d.State)
		}
	}
	for i, want := range map[int]string{0: "refused: ", 1: "provider gave up: ", 2: "cannot be reached: "} {
		if got := m.failures(p[i]); got != "" && !strings.Contains(got, want) {
			t.Errorf("failures of %s are %q, want %q in them", p[i], got, want)
		}
	}
}

// Every provider is needed, so each bad one has its reason told.
func TestReasons(t *testing.T) {
	m := newMarket(t, 7, deals.Options{})
	for _, p := range m.net.Providers() {
		m.fail(p, "refuse")
	}
	m.zone(1, 6, 1<<20)
	m.until("a reason from each provider", 20*time.Second, func() bool {
		_, _, reason, err := m.deals.Progress(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.net.Providers() {
			if m.failures(p) == "" {
				return false
			}
		}
		return strings.Contains(reason, "more replicas wanted") && strings.Contains(reason, ": refused: ")
	})
	for _, p := range m.net.Providers() {
		m.fail(p, "none")
	}
	m.until("six active deals once they are well again", 30*time.Second, m.active(1))
}

// Deals that never get on chain, or die there, are replaced after their start epoch.
func TestDealsThatNeverStart(t *testing.T) {
	m := newMarket(t, 8, deals.Options{StartLead: 1000})
	modes := []string{"stall", "lie", "no-publish", "no-seal"}
	bad := m.net.Providers()[:len(modes)]
	for i, mode := range modes {
		m.fail(bad[i], mode)
	}
	m.zone(1, 8, 1<<20) // all providers are asked
	m.until("four active deals", 40*time.Second, func() bool { return m.count(1, deals.DealActive) == 4 })
	m.advance(1100)
	m.until("the others given up", 20*time.Second, func() bool { return m.count(1, deals.DealFailed) == 4 })
	for i, mode := range modes {
		if got := m.failures(bad[i]); !strings.Contains(got, "start epoch") {
			t.Errorf("%s: failures %q", mode, got)
		}
		m.fail(bad[i], "none")
	}
	m.until("eight active deals", 40*time.Second, m.active(1))
}

// A provider that loses an active deal is replaced by another.
func TestReplacement(t *testing.T) {
	for _, mode := range []string{"vanish", "slash"} {
		t.Run(mode, func(t *testing.T) {
			m := newMarket(t, 4, deals.Options{})
			m.zone(1, 3, 1<<20)
			m.until("three active deals", 30*time.Second, m.active(1))
			bad := m.list(1)[0]
			m.fail(bad.Provider, mode)
			m.until("the deal lost", 20*time.Second, func() bool {
				d, err := m.deals.Deal(t.Context(), bad.UUID)
				if err != nil {
					t.Fatal(err)
				}
				return d.State == deals.DealFailed
			})
			m.until("three active deals again", 30*time.Second, m.active(1))
			m.checkDistinct(1)
			for _, d := range m.list(1) {
				if d.State == deals.DealActive && d.Provider == bad.Provider {
					t.Errorf("the replacement is with the provider that lost the deal, %s", d.Provider)
				}
			}
		})
	}
}

// A deal near its end is renewed before it ends, and counts until then.
func TestRenewal(t *testing.T) {
	m := newMarket(t, 4, deals.Options{Duration: 518_400 + 10})
	m.zone(1, 2, 1<<20)
	m.until("two active deals", 30*time.Second, m.active(1))
	first := m.list(1)
	m.advance(first[0].EndEpoch - first[0].StartEpoch - 21*2880 + 8640)
	m.until("two more deals", 40*time.Second, func() bool { return m.count(1, deals.DealActive) == 4 })
	m.advance(30 * 2880)
	m.until("the first two expired", 20*time.Second, func() bool { return m.count(1, deals.DealExpired) == 2 })
	if !m.active(1)() {
		t.Errorf("replicas were lost on the way\n%s", m.dump())
	}
	for _, f := range first {
		if d, err := m.deals.Deal(t.Context(), f.UUID); err != nil || d.State != deals.DealExpired {
			t.Errorf("deal %s is %s, %v, want expired", f.UUID, d.State, err)
		}
	}
}

// Restarts at any moment neither lose a deal nor make one twice.
func TestRestarts(t *testing.T) {
	m := newMarket(t, 7, deals.Options{})
	m.zone(1, 6, 1<<20)
	seen := make(map[deals.DealState]bool)
	deadline := time.Now().Add(60 * time.Second)
	for !m.active(1)() && time.Now().Before(deadline) {
		for _, d := range m.list(1) {
			if !seen[d.State] {
				seen[d.State] = true
				m.restart()
				break
			}
		}
		m.until("a deal moves", 30*time.Second, func() bool {
			if m.active(1)() {
				return true
			}
			for _, d := range m.list(1) {
				if !seen[d.State] {
					return true
				}
			}
			return false
		})
	}
	m.until("six active deals after restarts", 40*time.Second, m.active(1))
	m.checkDistinct(1)
	if len(m.list(1)) != 6 {
		t.Errorf("%d deals were made for six replicas\n%s", len(m.list(1)), m.dump())
	}
	for _, s := range []deals.DealState{deals.DealProposed, deals.DealAccepted} {
		if !seen[s] {
			t.Errorf("no restart while a deal was %s", s)
		}
	}
}

// Without money nothing is sent, the reason says how much is wanting, and
// deals go on when it is there.
func TestEscrow(t *testing.T) {
	m := newPoorMarket(t, 2, deals.Options{})
	m.zone(1, 2, 1<<20)
	m.until("a reason", 20*time.Second, func() bool {
		_, _, reason, err := m.deals.Progress(t.Context(), 1)
		return err == nil && strings.Contains(reason, "escrow of f1") && strings.Contains(reason, "FIL")
	})
	if n := len(m.failures("")); n > 0 {
		t.Errorf("%d providers are blamed for an empty escrow", n)
	}
	m.fund()
	m.until("two active deals", 30*time.Second, m.active(1))
}

func TestPriceLimit(t *testing.T) {
	m := newMarket(t, 2, deals.Options{MaxPrice: "1"})
	m.zone(1, 2, 1<<20)
	m.until("a reason", 20*time.Second, func() bool {
		_, _, reason, err := m.deals.Progress(t.Context(), 1)
		return err == nil && strings.HasPrefix(reason, "no provider takes 1 attoFIL")
	})
	for _, d := range m.list(1) {
		if d.Proposal != "" {
			t.Errorf("%s was sent a proposal above the limit", d.Provider)
		}
	}
}

func TestPieceTooSmall(t *testing.T) {
	m := newMarket(t, 2, deals.Options{MinPiece: 4 << 10})
	m.zone(1, 2, 1000)
	m.until("a reason", 20*time.Second, func() bool {
		_, _, reason, err := m.deals.Progress(t.Context(), 1)
		return err == nil && strings.HasPrefix(reason, "no provider accepts 4.0 KiB pieces")
	})
}

// A chain that cannot be asked holds everything up and breaks nothing.
func TestChainOutage(t *testing.T) {
	m := newMarket(t, 6, deals.Options{})
	m.down.Store(true)
	m.zone(1, 6, 1<<20)
	m.until("a reason", 20*time.Second, func() bool {
		_, _, reason, err := m.deals.Progress(t.Context(), 1)
		return err == nil && strings.Contains(reason, "the chain cannot be asked") && !strings.Contains(reason, "http")
	})
	m.down.Store(false)
	m.until("deals under way", 30*time.Second, func() bool { return m.count(1, deals.DealAccepted) > 0 })
	m.down.Store(true)
	time.Sleep(5 * epoch) // nothing can be awaited that does not happen
	m.down.Store(false)
	m.until("six active deals", 30*time.Second, m.active(1))
	if list, err := m.deals.Failures(t.Context(), 1, 0); err != nil || len(list) > 0 || len(m.list(1)) != 6 {
		t.Errorf("failures %v, %v, and %d deals out of an outage", list, err, len(m.list(1)))
	}
}

// Without a chain, zones wait and say so.
func TestNoChain(t *testing.T) {
	w := newWorld(t, deals.Options{})
	m := &market{world: w}
	m.start()
	defer m.stop()
	m.zone(1, 6, 1000)
	deadline := time.Now().Add(10 * time.Second)
	for {
		wanted, active, reason, err := w.deals.Progress(t.Context(), 1)
		if err != nil || wanted != 6 || active != 0 {
			t.Fatalf("progress %d of %d, %v", active, wanted, err)
		}
		if strings.Contains(reason, "no Filecoin chain") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("reason %q", reason)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
