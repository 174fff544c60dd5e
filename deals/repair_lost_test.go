package deals_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// A replica is replaced though nothing of its piece is here: the new provider
// fetches it from us, and we from the replica that is left. Who keeps contents
// is told that this one had better be here.
func TestRepairOfLostBlocks(t *testing.T) {
	var mu sync.Mutex
	var told []uint64
	m := newMarket(t, 3, deals.Options{Endangered: func(zone uint64, sampled bool) {
		mu.Lock()
		defer mu.Unlock()
		if !sampled {
			told = append(told, zone)
		}
	}})
	req, pieces := m.zone(1, 2, 3<<20, 700)
	m.until("active deals", 60*time.Second, m.active(1))
	before := m.bytes(pieces[0].CID)
	first := m.list(1)
	m.loseBlocks()
	if len(told) > 0 {
		t.Errorf("endangered before anything was lost: %v", told)
	}
	lost := first[0].Provider
	m.fail(lost, "slash")
	left := first[1].Provider
	m.until("a deal in place of the lost one", 60*time.Second, func() bool {
		return m.active(1)() && slices.ContainsFunc(m.list(1), func(d deals.Deal) bool {
			return d.State == deals.DealActive && d.Provider != lost && d.Provider != left
		})
	})
	mu.Lock()
	if len(told) == 0 || told[0] != 1 {
		t.Errorf("endangered: %v, want zone 1", told)
	}
	mu.Unlock()
	// What the new one has is the piece: the old ones are gone.
	m.fail(left, "no-retrieval")
	if after := m.bytes(pieces[0].CID); !slices.Equal(after, before) {
		t.Error("the new replica has other bytes")
	}
	for _, mem := range req.Members {
		if err := m.deals.Restore(t.Context(), 1, mem.Content, mem.Root); err != nil {
			t.Errorf("restore of content %d from the new replica: %v", mem.Content, err)
		}
	}
}
