package deals_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/filclient"
)

// TestSmallestPiece: it is what providers ask for, of those who can be asked
// and whom we pay enough.
func TestSmallestPiece(t *testing.T) {
	m := newMarket(t, 2, deals.Options{})
	addrs := m.net.Providers()
	if err := m.net.Fail(addrs[0], "vanish"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 6} {
		if size, err := m.deals.SmallestPiece(t.Context(), n); size != 1<<20 || err != nil {
			t.Errorf("SmallestPiece(%d) = %d, %v, want 1 MiB", n, size, err)
		}
	}
}

func TestSmallestPieceUnknown(t *testing.T) {
	m := newMarket(t, 2, deals.Options{MaxPrice: "1"})
	addrs := m.net.Providers()
	if err := m.net.Fail(addrs[0], "vanish"); err != nil {
		t.Fatal(err)
	}
	_, err := m.deals.SmallestPiece(t.Context(), 1)
	if err == nil || !strings.Contains(err.Error(), addrs[0]+" cannot be reached: ") ||
		!strings.Contains(err.Error(), addrs[1]+" asks 50000000 attoFIL per GiB and epoch, the limit is 1") {
		t.Errorf("SmallestPiece = %v, want the reason of each provider", err)
	}
	w := newWorld(t, deals.Options{Providers: configs(t, addrs...)})
	if _, err := w.deals.SmallestPiece(t.Context(), 1); err == nil {
		t.Error("SmallestPiece answers without a chain")
	}
	w = newWorld(t, deals.Options{})
	if size, err := w.deals.SmallestPiece(t.Context(), 1); size != 0 || err != nil {
		t.Errorf("SmallestPiece without providers = %d, %v", size, err)
	}
}

// TestSmallestPieceWithoutEngine: that nobody could be asked is no provider's
// fault, and is told once.
func TestSmallestPieceWithoutEngine(t *testing.T) {
	m := newMarket(t, 2, deals.Options{Engine: deals.EngineFilclient, Filclient: "/none/whypfs-filclient"})
	_, err := m.deals.SmallestPiece(t.Context(), 1)
	if !errors.Is(err, filclient.ErrDown) || strings.Contains(err.Error(), m.net.Providers()[0]) {
		t.Errorf("SmallestPiece = %v, want %v and no provider's name", err, filclient.ErrDown)
	}
}
