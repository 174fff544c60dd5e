package deals_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/kv"
)

var errFlaky = errors.New("the store failed")

// flaky is a store whose writes fail, before or after they took effect.
type flaky struct {
	kv.Store
	writes atomic.Int64
	fails  func(n int64) (fail, applied bool)
}

func (s *flaky) Update(ctx context.Context, fn func(kv.Tx) error) error {
	fail, applied := s.fails(s.writes.Add(1))
	if fail && !applied {
		return errFlaky
	}
	if err := s.Store.Update(ctx, fn); err != nil {
		return err
	}
	if fail {
		return errFlaky
	}
	return nil
}

// A fifth of all writes fail, half of them after they took effect: no replica
// is missed and none made twice.
func TestDealsOverFailures(t *testing.T) {
	m := newMarket(t, 6, deals.Options{})
	m.stop()
	req, _ := m.packed(1, 5, 1<<20)
	m.over(&flaky{Store: m.store, fails: func(int64) (bool, bool) { return rand.IntN(5) == 0, rand.IntN(2) == 0 }})
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
