package deals_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/kv"
)

// Deals that a version made that did not find them by their proposals are listed
// when this one starts.
func TestDealsOfOlderVersion(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	m.zone(1, 1, 300_000, 100)
	m.until("an active deal", time.Minute, func() bool { return m.count(1, deals.DealActive) == 1 })
	made := m.list(1)[0]
	proposal, err := cid.Decode(made.Proposal)
	if err != nil {
		t.Fatal(err)
	}
	find := func() error {
		found, err := m.deals.DealByProposal(t.Context(), proposal)
		if err == nil && found.UUID != made.UUID {
			t.Errorf("found deal %s, want %s", found.UUID, made.UUID)
		}
		return err
	}
	if err := find(); err != nil {
		t.Error(err)
	}
	m.stop()
	if err := m.store.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(tx.Delete(kv.Key("deal", "byproposal", made.Proposal)), tx.Delete(kv.Key("deal", "indexed", uint64(2))))
	}); err != nil {
		t.Fatal(err)
	}
	if err := find(); !errors.Is(err, deals.ErrNoDeal) {
		t.Errorf("without the row: %v, want %v", err, deals.ErrNoDeal)
	}
	m.world.restart()
	m.until("it is listed", time.Minute, func() bool { return find() == nil })
}
