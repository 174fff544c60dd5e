package deals_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// The figures are those of the deals there are, each under the day it happened on.
func TestFigures(t *testing.T) {
	m := newMarket(t, 3, deals.Options{})
	if f, err := m.deals.Figures(t.Context()); err != nil || f.OnChain != 0 || len(f.Days) != 0 {
		t.Errorf("without deals: %+v, %v", f, err)
	}
	m.fail(m.net.Providers()[0], "refuse")
	_, pieces := m.zone(1, 2, 1<<20)
	m.until("two active deals", 20*time.Second+100*raceDelay, m.active(1))
	m.restart() // the first answer was kept for a while
	f, err := m.deals.Figures(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	size := pieces[0].PaddedSize
	if f.OnChain != 2 || f.OnChainBytes != 2*size {
		t.Errorf("%d deals of %d bytes on chain, want 2 of %d", f.OnChain, f.OnChainBytes, 2*size)
	}
	var sum deals.DayFigures
	for i, day := range f.Days {
		if !day.Day.Equal(day.Day.UTC().Truncate(24*time.Hour)) || i > 0 && !day.Day.After(f.Days[i-1].Day) {
			t.Errorf("days %+v", f.Days)
		}
		sum.Attempted += day.Attempted
		sum.Failed += day.Failed
		sum.OnChain += day.OnChain
		sum.OnChainBytes += day.OnChainBytes
		sum.Sealed += day.Sealed
		sum.SealedBytes += day.SealedBytes
	}
	list := m.list(1)
	want := deals.DayFigures{Attempted: len(list), OnChain: 2, OnChainBytes: 2 * size, Sealed: 2, SealedBytes: 2 * size, Failed: m.count(1, deals.DealRejected)}
	if sum != want {
		t.Errorf("all days together are %+v, want %+v", sum, want)
	}
}
