package deals_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/filclient"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/kv"
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
		if size, err := m.deals.SmallestPiece(t.Context(), deals.Rules{}, n); size != 1<<20 || err != nil {
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
	_, err := m.deals.SmallestPiece(t.Context(), deals.Rules{}, 1)
	if err == nil || !strings.Contains(err.Error(), addrs[0]+" cannot be reached: ") ||
		!strings.Contains(err.Error(), addrs[1]+" asks 50000000 attoFIL per GiB and epoch, the limit is 1") {
		t.Errorf("SmallestPiece = %v, want the reason of each provider", err)
	}
	w := newWorld(t, deals.Options{Providers: configs(t, addrs...)})
	if _, err := w.deals.SmallestPiece(t.Context(), deals.Rules{}, 1); err == nil {
		t.Error("SmallestPiece answers without a chain")
	}
	w = newWorld(t, deals.Options{})
	if size, err := w.deals.SmallestPiece(t.Context(), deals.Rules{}, 1); size != 0 || err != nil {
		t.Errorf("SmallestPiece without providers = %d, %v", size, err)
	}
}

// TestSmallestPieceWithoutEngine: that nobody could be asked is no provider's
// fault, and is told once.
func TestSmallestPieceWithoutEngine(t *testing.T) {
	m := newMarket(t, 2, deals.Options{Engine: deals.EngineFilclient, Filclient: "/none/whypfs-filclient"})
	_, err := m.deals.SmallestPiece(t.Context(), deals.Rules{}, 1)
	if !errors.Is(err, filclient.ErrDown) || strings.Contains(err.Error(), m.net.Providers()[0]) {
		t.Errorf("SmallestPiece = %v, want %v and no provider's name", err, filclient.ErrDown)
	}
}

// TestSmallestPieceByRules: whom the bucket's rules exclude counts for nothing.
func TestSmallestPieceByRules(t *testing.T) {
	m := newMarket(t, 3, deals.Options{})
	addrs := m.net.Providers()
	m.stop()
	for i, least := range []int64{1 << 20, 4 << 20, 16 << 20} {
		if err := m.net.SetAsk(addrs[i], sandbox.Ask{Price: sandboxPrice, VerifiedPrice: 1, MinPiece: least, MaxPiece: 32 << 30}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.store.Update(t.Context(), func(tx kv.Tx) error { // they are asked again only when what they said is old
		var err error
		for _, a := range addrs {
			err = errors.Join(err, tx.Delete(kv.Key("deal", "ask", a)))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	m.world.restart()
	for _, c := range []struct {
		rules deals.Rules
		n     int
		want  int64
	}{
		{deals.Rules{}, 1, 1 << 20},
		{deals.Rules{}, 2, 4 << 20},
		{deals.Rules{Block: addrs[:1]}, 1, 4 << 20},
		{deals.Rules{Allow: addrs[2:]}, 1, 16 << 20},
		{deals.Rules{Allow: addrs[1:]}, 6, 16 << 20},
	} {
		if got, err := m.deals.SmallestPiece(t.Context(), c.rules, c.n); got != c.want || err != nil {
			t.Errorf("%d providers by %+v: %d, %v, want %d", c.n, c.rules, got, err, c.want)
		}
	}
	if got, err := m.deals.SmallestPiece(t.Context(), deals.Rules{Block: addrs}, 1); err == nil || !strings.Contains(err.Error(), "is blocked for the bucket") {
		t.Errorf("all are blocked: %d, %v", got, err)
	}
}
