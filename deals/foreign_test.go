package deals_test

import (
	"errors"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// Deals of another node are kept once, told by content, and lift the numbers of
// own deals above theirs.
func TestImportForeign(t *testing.T) {
	w := newWorld(t, deals.Options{})
	made := time.Date(2022, 3, 4, 5, 6, 7, 0, time.UTC)
	deal := func(id, content uint64) deals.Foreign {
		return deals.Foreign{ID: id, Content: content, Provider: "f01000", ChainID: 10 * id, Created: made}
	}
	for _, c := range []struct {
		list  []deals.Foreign
		added int
	}{
		{[]deals.Foreign{deal(1, 7), deal(2, 7), deal(3, 8)}, 3},
		{[]deals.Foreign{deal(2, 7), deal(4, 7)}, 1},
	} {
		if n, err := w.deals.ImportForeign(t.Context(), c.list); n != c.added || err != nil {
			t.Errorf("ImportForeign = %d, %v, want %d", n, err, c.added)
		}
	}
	if err := w.deals.ImportAggregates(t.Context(), map[uint64]uint64{70: 7, 71: 9}); err != nil {
		t.Fatal(err)
	}
	w.close()
	w.open()
	list, err := w.deals.ForeignOf(t.Context(), 7)
	if err != nil || len(list) != 3 || list[0].ID != 1 || list[2].ID != 4 || list[0].Provider != "f01000" || !list[0].Created.Equal(made) {
		t.Errorf("ForeignOf(7) = %+v, %v", list, err)
	}
	if list, err := w.deals.ForeignOf(t.Context(), 70); err != nil || len(list) != 3 {
		t.Errorf("of a member of content 7: %+v, %v", list, err)
	}
	if f, err := w.deals.Foreign(t.Context(), 3); err != nil || f.Content != 8 {
		t.Errorf("Foreign(3) = %+v, %v", f, err)
	}
	if _, err = w.deals.Foreign(t.Context(), 5); !errors.Is(err, deals.ErrNoDeal) {
		t.Errorf("Foreign(5): %v, want %v", err, deals.ErrNoDeal)
	}
}

// The chain is asked about deals of another node: what it says is told with
// them, also that the number is that of a deal with somebody else.
func TestForeignOnChain(t *testing.T) {
	m := newMarket(t, 2, deals.Options{Duration: 600 * 2880})
	m.zone(1, 1, 300_000, 100)
	m.until("an active deal", time.Minute, func() bool { return m.count(1, deals.DealActive) == 1 })
	own := m.list(1)[0]
	stranger := m.net.Providers()[0]
	if stranger == own.Provider {
		stranger = m.net.Providers()[1]
	}
	old := func(id uint64, provider string, chainID uint64) deals.Foreign {
		return deals.Foreign{ID: id, Content: id, Provider: provider, ChainID: chainID}
	}
	if _, err := m.deals.ImportForeign(t.Context(), []deals.Foreign{
		old(101, own.Provider, own.ChainID), old(102, stranger, own.ChainID), old(103, own.Provider, 1<<40), old(104, own.Provider, 0),
	}); err != nil {
		t.Fatal(err)
	}
	get := func(id uint64) deals.Foreign {
		f, err := m.deals.Foreign(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	m.until("the chain was asked", time.Minute, func() bool { return !get(103).Checked.IsZero() })
	if f := get(101); f.Active.IsZero() || f.Piece != own.Piece || f.EndEpoch != own.EndEpoch || f.Reason != "" || !f.Failed.IsZero() {
		t.Errorf("a deal that is active is told as %+v", f)
	}
	if f := get(102); f.Failed.IsZero() || f.Reason == "" {
		t.Errorf("a deal with another provider is told as %+v", f)
	}
	if f := get(103); !f.Failed.IsZero() || f.Reason == "" {
		t.Errorf("a deal that the chain does not know is told as %+v", f)
	}
	if f := get(104); !f.Checked.IsZero() {
		t.Errorf("a deal without a number is told as %+v", f)
	}
}
