package sandbox_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/deals/sandbox"
)

type head struct {
	Cids   []cid.Cid
	Height int64
}

// newEndpoints is a network whose chain has two endpoints, with an active deal.
func newEndpoints(t *testing.T) (n *network, deal uint64, piece *piece) {
	t.Helper()
	n = openNetworkWith(t, sandbox.Options{Dir: t.TempDir(), Providers: 1, Endpoints: 2})
	must(t, n.Fund(n.client.String()))
	p := plainPiece(t, 1)
	dp := n.deal(n.Providers()[0], p)
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(10)
	return n, n.waitStep(dp.DealUUID, "active").ChainID, p
}

// TestRPCFaults: an endpoint that fails does so alone, in its own way, and
// answers again when it is healed.
func TestRPCFaults(t *testing.T) {
	n, _, _ := newEndpoints(t)
	bad, good := n.RPCAddrs()[0], n.RPCAddrs()[1]
	for mode, want := range map[string]string{
		"down": "connection refused", "error": "status 500", "bad-gateway": "status 502",
		"rate-limit": `status 429, retry after "1"`, "garbage": "no JSON", "cut": "unexpected EOF", "huge": "no JSON",
	} {
		must(t, n.FailRPC(0, mode))
		http.DefaultClient.CloseIdleConnections()
		if _, err := callAt[head](n, bad, "ChainHead"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", mode, err, want)
		}
		if h, err := callAt[head](n, good, "ChainHead"); err != nil || h.Height != n.Height() {
			t.Errorf("%s: the other endpoint answers %d, %v", mode, h.Height, err)
		}
		must(t, n.FailRPC(0, "none"))
		if h, err := callAt[head](n, bad, "ChainHead"); err != nil || h.Height != n.Height() {
			t.Errorf("healed of %s: %d, %v", mode, h.Height, err)
		}
	}
	must(t, n.FailRPC(0, "flaky"))
	failed := 0
	for range 10 {
		if _, err := callAt[head](n, bad, "ChainHead"); err != nil {
			failed++
		}
	}
	if failed != 5 {
		t.Errorf("flaky failed %d calls of 10", failed)
	}
	if n.FailRPC(2, "down") == nil || n.FailRPC(0, "odd") == nil {
		t.Error("an endpoint or a mode that is not there was accepted")
	}
}

// TestSlowEndpoint: a call hangs until the client leaves or the fault does.
func TestSlowEndpoint(t *testing.T) {
	n, _, _ := newEndpoints(t)
	must(t, n.FailRPC(0, "slow"))
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, n.RPC(), strings.NewReader(`{}`))
		_, err := http.DefaultClient.Do(req)
		gone <- err
	}()
	answered := make(chan error, 1)
	go func() {
		_, err := callAt[head](n, n.RPC(), "ChainHead")
		answered <- err
	}()
	cancel()
	if err := <-gone; err == nil {
		t.Error("a slow endpoint answered")
	}
	select {
	case err := <-answered:
		t.Errorf("answered before it was healed: %v", err)
	default:
	}
	must(t, n.FailRPC(0, "none"))
	if err := <-answered; err != nil {
		t.Errorf("after healing: %v", err)
	}
}

// TestStaleEndpoint: it sees nothing of what happens after the fault began,
// and again all when it is healed.
func TestStaleEndpoint(t *testing.T) {
	n, _, _ := newEndpoints(t)
	must(t, n.FailRPC(0, "stale"))
	before := n.Height()
	dp := n.deal(n.Providers()[0], plainPiece(t, 2))
	n.waitStep(dp.DealUUID, "transferred")
	must(t, n.Fund(n.client.String()))
	n.advance(10)
	deal := n.waitStep(dp.DealUUID, "active")
	stale, fresh := n.RPCAddrs()[0], n.RPCAddrs()[1]
	if h, err := callAt[head](n, stale, "ChainHead"); err != nil || h.Height != before {
		t.Errorf("stale head is %d, %v, want %d", h.Height, err, before)
	}
	if _, err := callAt[any](n, stale, "StateMarketStorageDeal", deal.ChainID, nil); err == nil {
		t.Error("a stale endpoint knows a deal of its future")
	}
	for url, want := range map[string]string{stale: "100000000000000000000", fresh: "200000000000000000000"} {
		if got, err := callAt[map[string]string](n, url, "StateMarketBalance", n.client.String(), nil); err != nil || got["Escrow"] != want {
			t.Errorf("%s says %v, %v, want %s", url, got, err, want)
		}
	}
	must(t, n.FailRPC(0, "none"))
	if _, err := callAt[any](n, stale, "StateMarketStorageDeal", deal.ChainID, nil); err != nil {
		t.Errorf("healed: %v", err)
	}
}

// TestLyingEndpoint: each lie is told, and only by the liar.
func TestLyingEndpoint(t *testing.T) {
	n, id, p := newEndpoints(t)
	type deal struct {
		Proposal struct{ PieceCID cid.Cid }
		State    struct{ SectorStartEpoch, SlashEpoch int64 }
	}
	at := func(i int) (deal, error) {
		return callAt[deal](n, n.RPCAddrs()[i], "StateMarketStorageDeal", id, nil)
	}
	for mode, lied := range map[string]func(deal, error) bool{
		"lie-slashed": func(d deal, err error) bool { return err == nil && d.State.SlashEpoch > 0 },
		"lie-piece":   func(d deal, err error) bool { return err == nil && d.Proposal.PieceCID != p.cid },
		"lie-missing": func(_ deal, err error) bool { return err != nil && strings.Contains(err.Error(), "not found") },
	} {
		must(t, n.FailRPC(0, mode))
		if d, err := at(0); !lied(d, err) {
			t.Errorf("%s: %+v, %v", mode, d, err)
		}
		if d, err := at(1); err != nil || d.State.SlashEpoch != -1 || d.Proposal.PieceCID != p.cid {
			t.Errorf("%s: the honest endpoint says %+v, %v", mode, d, err)
		}
	}
	truth, err := callAt[head](n, n.RPCAddrs()[1], "ChainHead")
	must(t, err)
	for mode, ahead := range map[string]bool{"lie-head": false, "lie-ahead": true} {
		must(t, n.FailRPC(0, mode))
		h, err := callAt[head](n, n.RPC(), "ChainHead")
		if err != nil || h.Cids[0] == truth.Cids[0] || h.Height > truth.Height+2880 != ahead {
			t.Errorf("%s: head is %v at %d, %v; the true one is at %d", mode, h.Cids, h.Height, err, truth.Height)
		}
	}
	dp := n.deal(n.Providers()[0], plainPiece(t, 3))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(4)
	id = n.waitStep(dp.DealUUID, "published").ChainID
	must(t, n.FailRPC(0, "lie-active"))
	for i, want := range []bool{true, false} {
		if d, err := at(i); err != nil || d.State.SectorStartEpoch > 0 != want {
			t.Errorf("endpoint %d says of a published deal: %+v, %v", i, d, err)
		}
	}
}

// TestDownFromTheStart: an endpoint that is down when the network is opened has
// the address at which it answers once it is healed.
func TestDownFromTheStart(t *testing.T) {
	dir := t.TempDir()
	n := openNetworkWith(t, sandbox.Options{Dir: dir, Providers: 1})
	was := n.RPC()
	must(t, n.FailRPC(0, "down"))
	n = n.again(dir, 1)
	at := n.RPC()
	if at != was {
		t.Errorf("RPC is %q, was %q", at, was)
	}
	if _, err := callAt[head](n, at, "ChainHead"); err == nil {
		t.Error("an endpoint that is down answers")
	}
	must(t, n.FailRPC(0, "none"))
	if h, err := callAt[head](n, at, "ChainHead"); err != nil || h.Height != n.Height() {
		t.Errorf("healed: %d, %v", h.Height, err)
	}
}
