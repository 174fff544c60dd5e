package sandbox_test

import (
	"strings"
	"testing"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/ipfs/go-cid"
)

// TestReorg: another fork takes a deal off the chain and brings it back later,
// with its money, and what was there before the fork stays.
func TestReorg(t *testing.T) {
	n := newNetwork(t, 1)
	provider := n.Providers()[0]
	first := n.deal(provider, plainPiece(t, 1))
	n.waitStep(first.DealUUID, "transferred")
	n.advance(10)
	locked := func() string {
		return call[map[string]string](n, "StateMarketBalance", n.client.String(), nil)["Locked"]
	}
	base, old := locked(), n.waitStep(first.DealUUID, "active")
	second := n.deal(provider, plainPiece(t, 2))
	n.waitStep(second.DealUUID, "transferred")
	n.advance(10)
	deal := n.waitStep(second.DealUUID, "active")
	publish, err := cid.Decode(deal.Publish)
	must(t, err)
	must(t, n.Faucet(n.client.String(), big.Zero(), big.NewInt(7)))
	height, before := n.Height(), call[head](n, "ChainHead")
	same := call[head](n, "ChainGetTipSetByHeight", height-2, nil)

	must(t, n.Reorg(10, false))
	if after := call[head](n, "ChainHead"); after.Height != height+1 || after.Cids[0] == before.Cids[0] {
		t.Errorf("head after the reorganisation is %v, before it was %v", after, before)
	}
	if again := call[head](n, "ChainGetTipSetByHeight", height-2, nil); again.Cids[0] == same.Cids[0] {
		t.Error("the tipset of an undone epoch is still there")
	}
	if _, err := tryCall[any](n, "StateMarketStorageDeal", deal.ChainID, nil); err == nil {
		t.Error("the deal is still on chain")
	}
	if got := call[*msgLookup](n, "StateSearchMsg", nil, publish, -1, true); got != nil {
		t.Errorf("its message still has the receipt %+v", got)
	}
	if got := locked(); got != base {
		t.Errorf("locked is %s, want %s as before the deal", got, base)
	}
	if got := call[map[string]string](n, "StateMarketBalance", n.client.String(), nil)["Escrow"]; !strings.HasSuffix(got, "7") {
		t.Errorf("the faucet's gift went with the fork: escrow is %s", got)
	}
	if d := n.waitStep(first.DealUUID, "active"); d.ChainID != old.ChainID || d.Sector != old.Sector {
		t.Errorf("the older deal was %+v and is %+v", old, d)
	}
	n.advance(10)
	if d := n.waitStep(second.DealUUID, "active"); d.Publish != deal.Publish {
		t.Errorf("the deal came back as %+v", d)
	}
	if got := call[*msgLookup](n, "StateSearchMsg", nil, publish, -1, true); got == nil || got.Height != height+4 {
		t.Errorf("its message ran again as %+v, want height %d", got, height+4)
	}
	must(t, n.Reorg(5, false)) // a second fork, in the middle of the first one's
	n.advance(10)
	n.waitStep(second.DealUUID, "active")
	if got := call[map[string]string](n, "StateMarketBalance", n.client.String(), nil)["Escrow"]; !strings.HasSuffix(got, "7") {
		t.Errorf("escrow is %s", got)
	}
}

// TestReorgDrops: messages that are lost never run, and nothing is paid.
func TestReorgDrops(t *testing.T) {
	dir := t.TempDir()
	n := openNetwork(t, dir, 1)
	must(t, n.Fund(n.client.String()))
	dp := n.deal(n.Providers()[0], plainPiece(t, 1))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(10)
	n.waitStep(dp.DealUUID, "active")
	must(t, n.Reorg(9, true))
	n.advance(20)
	if d := n.waitStep(dp.DealUUID, "publishing"); d.ChainID != 0 {
		t.Errorf("deal is %+v", d)
	}
	if got := call[map[string]string](n, "StateMarketBalance", n.client.String(), nil); got["Locked"] != "0" {
		t.Errorf("balance is %v", got)
	}
	// What is left survives a restart, and the deal dies at its start epoch.
	must(t, n.Close())
	again := openNetwork(t, dir, 1)
	again.advance(100)
	if d := again.waitStep(dp.DealUUID, "failed"); !strings.Contains(d.Error, "elapsed") {
		t.Errorf("the deal failed with %q", d.Error)
	}
	if err := again.Reorg(5000, false); err == nil {
		t.Error("epochs before the start of the process were undone")
	}
}
