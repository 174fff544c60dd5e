package deals_test

import (
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
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
	if all, refused := len(m.list(1)), m.count(1, deals.DealRejected); f.Attempted != all || f.Published != 2 || f.Failed != refused || f.Failures != refused {
		t.Errorf("figures %+v, want %d attempted, 2 published, %d failed", f, all, refused)
	}
	m.checkZoneFigures(1, 2)
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

// checkZoneFigures compares what a zone's deals cost with their proposals.
func (m *market) checkZoneFigures(zone uint64, active int) {
	m.t.Helper()
	zones, err := m.deals.FiguresByZone(m.t.Context())
	if err != nil || len(zones) != 1 {
		m.t.Fatalf("figures of zones %+v, %v", zones, err)
	}
	cost := big.Zero()
	for _, d := range m.list(zone) {
		if d.State != deals.DealActive {
			continue
		}
		signed, err := m.deals.SignedProposal(m.t.Context(), d.UUID)
		if err != nil {
			m.t.Fatal(err)
		}
		p := signed.Proposal
		cost = big.Add(cost, big.Mul(p.StoragePricePerEpoch, big.NewInt(int64(p.EndEpoch-p.StartEpoch))))
	}
	f := zones[zone]
	if f.Deals != active || f.Confirmed != active || f.Failed != m.count(zone, deals.DealRejected) ||
		cost.Sign() == 0 || !f.Spending.Equals(cost) || !f.ConfirmedSpending.Equals(cost) {
		m.t.Errorf("figures of zone %d are %+v, want %d active that cost %s", zone, f, active, cost)
	}
}
