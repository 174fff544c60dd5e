package deals_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// TestClockJumps: the chain's clock jumps while deals are on their way, and the
// node runs or does not. There are six active deals at six providers after it,
// paid once, whether those that there were lived through it or not.
func TestClockJumps(t *testing.T) {
	const day, year = 2880, 365 * 2880
	for _, c := range []struct {
		name    string
		when    moment
		epochs  int64
		stopped bool
		dead    deals.DealState // what the deals are afterwards that did not live through it
	}{
		{"a day, accepted", pulled, day, false, ""},
		{"a day, published", published, day, true, ""},
		{"a day, active", active, day, true, ""},
		{"past the start, accepted", pulled, 4 * day, false, deals.DealFailed},
		{"past the start, accepted, stopped", pulled, 4 * day, true, deals.DealFailed},
		{"past the start, published", published, 4 * day, false, deals.DealFailed},
		{"past the start, published, stopped", published, 4 * day, true, deals.DealFailed},
		{"past the end, active", active, year, false, deals.DealExpired},
		{"past the end, active, stopped", active, year, true, deals.DealExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMarket(t, 8, deals.Options{Duration: year / 2})
			all := m.net.Providers()
			m.reopen(configs(t, all...)[:6])
			m.failAll(all, hold[c.when])
			req, _ := m.zone(1, 6, 300_000, 100)
			m.awaitSteps(all[:6], step[c.when])
			m.until("we know of it", time.Minute, func() bool { return m.knows(all, matrixRow{when: c.when}) })
			if c.stopped {
				m.stop()
			}
			m.advance(c.epochs)
			m.failAll(all, "none")
			if c.stopped {
				m.world.restart()
			}
			if c.dead != "" {
				m.until("the old deals over", time.Minute, func() bool { return m.count(1, c.dead) == 6 })
			}
			m.until("six active deals", time.Minute, m.active(1))
			m.checkMoney(1, 6)
			m.checkRestore(req)
			if n, want := len(m.list(1)), map[bool]int{true: 6, false: 12}[c.dead == ""]; n != want {
				t.Errorf("%d deals were made, want %d\n%s", n, want, m.dump())
			}
		})
	}
}
