package deals_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

// failing is a store of which one write in n fails, half of them after they took effect.
func failing(store kv.Store, n int) *kvtest.Faulty {
	bad := &kvtest.Faulty{Store: store}
	bad.Choose(func(int) kvtest.Fault {
		if rand.IntN(n) != 0 {
			return kvtest.None
		}
		return []kvtest.Fault{kvtest.Before, kvtest.Applied}[rand.IntN(2)]
	})
	return bad
}

// A fifth of all writes fail, half of them after they took effect: no replica
// is missed and none made twice.
func TestDealsOverFailures(t *testing.T) {
	m := newMarket(t, 6, deals.Options{})
	m.stop()
	req, _ := m.packed(1, 5, 1<<20)
	m.over(failing(m.store, 5))
	m.start()
	for m.deals.Start(t.Context(), req.Zone) != nil {
	}
	m.until("five active deals over a bad store", 60*time.Second, m.active(1))
	m.stop()
	m.over(m.store)
	m.start()
	m.checkDistinct(1)
	if n := m.count(1, deals.DealActive); n != 5 || len(m.list(1)) != 5 {
		t.Errorf("%d deals, %d of them active, for five replicas\n%s", len(m.list(1)), n, m.dump())
	}
}
