package deals_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
)

// TestNeedless: a piece in which everything was deleted gets no deals, not
// even for one that ends, while its neighbour is kept replicated.
func TestNeedless(t *testing.T) {
	var last atomic.Uint64 // contents above it are deleted
	last.Store(2)
	m := newMarket(t, 5, deals.Options{Live: func(_ context.Context, _ uint64, yield func(uint64) bool) error {
		for id := uint64(1); id <= last.Load() && yield(id); id++ {
		}
		return nil
	}})
	req := piece.PackRequest{Zone: 1, Replication: 2, MaxPiece: 16 << 20, Members: []piece.Member{
		m.add(1, random(7<<20, 1)), m.add(2, random(7<<20, 2))}}
	pieces := m.pack(req)
	if len(pieces) != 2 {
		t.Fatalf("%d pieces, want 2", len(pieces))
	}
	if err := m.deals.Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	m.until("four active deals", 20*time.Second+100*raceDelay, m.active(1))
	last.Store(1)
	for _, d := range m.list(1) {
		if d.Piece == pieces[1].CID && d.State == deals.DealActive {
			m.fail(d.Provider, "vanish")
			break
		}
	}
	m.until("one piece given up, the other kept", 20*time.Second+100*raceDelay, func() bool {
		s, err := m.deals.Standing(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return s == deals.Standing{Wanted: 2, Active: 2, Ending: 1}
	})
	p, err := m.deals.Piece(t.Context(), pieces[1].CID)
	if want := "everything in it was deleted: its deals run out, and none is made"; err != nil || p.Reason != want {
		t.Errorf("reason of the piece is %q (%v), want %q", p.Reason, err, want)
	}
	last.Store(0)
	before := len(m.list(0))
	pieces = m.pack(piece.PackRequest{Zone: 2, Replication: 2, Members: []piece.Member{m.add(3, random(1<<20, 3))}})
	if err := m.deals.Start(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	m.until("the dead zone given up", 20*time.Second+100*raceDelay, func() bool {
		s, err := m.deals.Standing(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		return s == deals.Standing{}
	})
	if n := len(m.list(0)); n != before {
		t.Errorf("%d deals were made for what was deleted", n-before)
	}
}
