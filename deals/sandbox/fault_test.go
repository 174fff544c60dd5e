package sandbox_test

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/whypfs/whypfs/deals/sandbox"
)

func TestModes(t *testing.T) {
	n := newNetwork(t, 1)
	modes := sandbox.Modes()
	for _, want := range []string{"none", "refuse", "stall", "wrong-commp", "vanish", "reset", "no-publish", "no-seal", "slash", "lie", "corrupt"} {
		if modes[want] == "" {
			t.Errorf("mode %q is not described", want)
		}
	}
	for mode := range modes {
		if err := n.Fail("f01000", mode); err != nil {
			t.Errorf("Fail(%q) = %v", mode, err)
		}
		if got := n.provider("f01000").Mode; got != mode {
			t.Errorf("mode is %q after Fail(%q)", got, mode)
		}
	}
	if err := n.Fail("f01000", "explode"); !errors.Is(err, sandbox.ErrNoMode) {
		t.Errorf("an unknown mode: %v", err)
	}
	if err := n.Fail("f09999", "none"); !errors.Is(err, sandbox.ErrNoProvider) {
		t.Errorf("an unknown provider: %v", err)
	}
}

func TestRefuse(t *testing.T) {
	n := newNetwork(t, 2)
	p := plainPiece(t, 30)
	for i, want := range []string{"miner is not accepting online storage deals", "client not allowed by provider"} {
		provider := n.Providers()[i]
		must(t, n.Fail(provider, "refuse"))
		dp := n.params(provider, p)
		n.signDeal(&dp)
		if res := n.propose(provider, dp); res.Accepted || res.Message != want {
			t.Errorf("propose = %v %q, want %q", res.Accepted, res.Message, want)
		}
		must(t, n.Fail(provider, "none"))
		if res := n.propose(provider, dp); !res.Accepted {
			t.Errorf("after healing: %q", res.Message)
		}
	}
}

// TestStall: nothing is asked of our server until the provider is healed.
func TestStall(t *testing.T) {
	n := newNetwork(t, 1)
	var asked atomic.Int64
	n.data.wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			h.ServeHTTP(w, r)
		})
	})
	must(t, n.Fail("f01000", "stall"))
	dp := n.deal("f01000", plainPiece(t, 31))
	n.advance(50)
	if st := n.status("f01000", dp.DealUUID).DealStatus; st.Status != "Accepted" || asked.Load() != 0 {
		t.Errorf("status %q after %d requests", st.Status, asked.Load())
	}
	must(t, n.Fail("f01000", "none"))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(10)
	n.waitStep(dp.DealUUID, "active")
}

// TestStallForGood: a deal that is never pulled dies at its start epoch.
func TestStallForGood(t *testing.T) {
	n := newNetwork(t, 1)
	must(t, n.Fail("f01000", "stall"))
	dp := n.deal("f01000", plainPiece(t, 32))
	n.advance(200)
	d := n.waitStep(dp.DealUUID, "failed")
	if !strings.Contains(d.Error, "has elapsed") {
		t.Errorf("error is %q", d.Error)
	}
	if st := n.status("f01000", dp.DealUUID).DealStatus; st.Status != "Complete" || st.Error != d.Error {
		t.Errorf("status is %+v", st)
	}
}

func TestWrongCommP(t *testing.T) {
	n := newNetwork(t, 1)
	must(t, n.Fail("f01000", "wrong-commp"))
	p := plainPiece(t, 33)
	dp := n.deal("f01000", p)
	d := n.waitStep(dp.DealUUID, "failed")
	for _, part := range []string{"failed to verify CommP", "expected=" + p.cid.String(), "commp mismatch"} {
		if !strings.Contains(d.Error, part) {
			t.Errorf("error %q does not say %q", d.Error, part)
		}
	}
	if n.provider("f01000").Pieces != 0 {
		t.Error("the piece was kept")
	}
}

// TestReallyWrongData: the check is real, without any fault mode.
func TestReallyWrongData(t *testing.T) {
	n := newNetwork(t, 1)
	p := plainPiece(t, 34)
	p.data = bytes.Clone(p.data)
	p.data[1000] ^= 1
	dp := n.deal("f01000", p)
	if d := n.waitStep(dp.DealUUID, "failed"); !strings.Contains(d.Error, "commp mismatch") {
		t.Errorf("error is %q", d.Error)
	}
}

func TestTransferErrors(t *testing.T) {
	n := newNetwork(t, 1)
	tests := []struct {
		name, want string
		handler    http.HandlerFunc
	}{
		{"gone", "code: 410", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }},
		{"other size", "server has 5 bytes", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "5") }},
		{"other range", "asked for", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.Header().Set("Content-Range", "bytes 5-9/10")
				w.WriteHeader(http.StatusPartialContent)
			}
		}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n.data.wrap(func(http.Handler) http.Handler { return tt.handler })
			dp := n.deal("f01000", plainPiece(t, 40+uint64(i)))
			d := n.waitStep(dp.DealUUID, "failed")
			if !strings.HasPrefix(d.Error, "data-transfer failed: ") || !strings.Contains(d.Error, tt.want) {
				t.Errorf("error %q does not say %q", d.Error, tt.want)
			}
		})
	}
}

// TestTransferSurvives: servers that break and come back, or know no ranges.
func TestTransferSurvives(t *testing.T) {
	n := newNetwork(t, 1)
	tests := []struct {
		name string
		wrap func(http.Handler) http.Handler
	}{
		{"busy at first", func(h http.Handler) http.Handler {
			var calls atomic.Int64
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) < 4 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				h.ServeHTTP(w, r)
			})
		}},
		{"cut bodies", func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(&cutWriter{ResponseWriter: w, left: 300_000}, r)
			})
		}},
		{"no ranges", func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Range")
				h.ServeHTTP(w, r)
			})
		}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			once := tt.wrap(http.HandlerFunc(n.data.serve)) // one state for all requests of the case
			n.data.wrap(func(http.Handler) http.Handler { return once })
			dp := n.deal("f01000", aggregatePiece(t, 4<<20, newDAG(t, 50+uint64(i), 3, 600_000)))
			n.waitStep(dp.DealUUID, "transferred")
		})
	}
}

// cutWriter breaks the connection after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(b)
}

// TestReset: the provider cuts its own ranges and asks for the rest of them.
func TestReset(t *testing.T) {
	n := newNetwork(t, 1)
	must(t, n.Fail("f01000", "reset"))
	ranges := make(chan string, 1000)
	n.data.wrap(func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				ranges <- r.Header.Get("Range")
			}
			h.ServeHTTP(w, r)
		})
	})
	dp := n.deal("f01000", aggregatePiece(t, 8<<20, newDAG(t, 60, 3, 1<<20)))
	n.waitStep(dp.DealUUID, "transferred")
	close(ranges)
	seen := slices.Collect(func(yield func(string) bool) {
		for r := range ranges {
			if !yield(r) {
				return
			}
		}
	})
	slices.Sort(seen)
	// Four parts, each cut twice.
	if distinct := len(slices.Compact(slices.Clone(seen))); len(seen) != 12 || distinct != 12 {
		t.Errorf("%d requests for %d ranges: %v", len(seen), distinct, seen)
	}
}

func TestNoPublish(t *testing.T) {
	n := newNetwork(t, 1)
	must(t, n.Fail("f01000", "no-publish"))
	dp := n.deal("f01000", plainPiece(t, 61))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(20)
	if d := n.waitStep(dp.DealUUID, "transferred"); d.ChainID != 0 || d.Publish != "" {
		t.Errorf("deal is %+v", d)
	}
	if st := n.status("f01000", dp.DealUUID).DealStatus; st.Status != "Transferred" || st.PublishCid != nil {
		t.Errorf("status is %+v", st)
	}
	must(t, n.Fail("f01000", "none"))
	n.advance(8)
	n.waitStep(dp.DealUUID, "active")
}

// TestNoSeal: the deal is on chain until its start epoch, and then is not; the
// client has its money back and the provider has lost its collateral.
func TestNoSeal(t *testing.T) {
	n := newNetwork(t, 1)
	must(t, n.Fail("f01000", "no-seal"))
	dp := n.deal("f01000", plainPiece(t, 62))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(50)
	d := n.waitStep(dp.DealUUID, "published")
	if st := call[marketDeal](n, "StateMarketStorageDeal", d.ChainID, nil).State; st.SectorStartEpoch != -1 {
		t.Errorf("state is %+v", st)
	}
	n.advance(100)
	n.waitStep(dp.DealUUID, "failed")
	if _, err := tryCall[marketDeal](n, "StateMarketStorageDeal", d.ChainID, nil); err == nil {
		t.Error("the deal is still on chain")
	}
	if got := call[map[string]string](n, "StateMarketBalance", n.client.String(), nil); got["Locked"] != "0" {
		t.Errorf("client balance %v", got)
	}
	if got := call[map[string]string](n, "StateMarketBalance", "f01000", nil); got["Locked"] != "0" || got["Escrow"] == "10000000000000000000000000" {
		t.Errorf("provider balance %v", got)
	}
}

func TestSlash(t *testing.T) {
	n := newNetwork(t, 1)
	dp := n.deal("f01000", plainPiece(t, 63))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(8)
	d := n.waitStep(dp.DealUUID, "active")
	must(t, n.Fail("f01000", "slash"))
	at := n.Height() + 3
	n.advance(5)
	n.waitStep(dp.DealUUID, "slashed")
	if st := call[marketDeal](n, "StateMarketStorageDeal", d.ChainID, nil).State; st.SlashEpoch != at {
		t.Errorf("state is %+v, want slashed at %d", st, at)
	}
	if got := call[*struct{}](n, "StateSectorGetInfo", "f01000", d.Sector, nil); got != nil {
		t.Error("the sector is still there")
	}
	n.advance(2880)
	if _, err := tryCall[marketDeal](n, "StateMarketStorageDeal", d.ChainID, nil); err == nil {
		t.Error("a slashed deal stays on chain for ever")
	}
}

// TestVanish: nothing answers, active deals are terminated, and a deal under
// way goes on when the provider is back.
func TestVanish(t *testing.T) {
	n := newNetwork(t, 1)
	active := n.deal("f01000", plainPiece(t, 64))
	n.waitStep(active.DealUUID, "transferred")
	n.advance(8)
	n.waitStep(active.DealUUID, "active")
	waiting := n.deal("f01000", plainPiece(t, 65))
	n.waitStep(waiting.DealUUID, "transferred")
	before := n.provider("f01000")
	must(t, n.Fail("f01000", "vanish"))
	must(t, n.host.Network().ClosePeer(mustPeer(t, before.Peer)))
	if c, err := net.Dial("tcp", "127.0.0.1:"+strings.Split(before.P2P, "/")[4]); err == nil {
		t.Error("a vanished provider can be dialled", c.Close())
	}
	if _, err := http.Get(before.HTTP + "/piece/x"); err == nil {
		t.Error("a vanished provider serves HTTP")
	}
	n.advance(12)
	n.waitStep(active.DealUUID, "slashed")
	n.waitStep(waiting.DealUUID, "transferred")
	must(t, n.Fail("f01000", "none"))
	after := n.provider("f01000")
	if after.Peer != before.Peer || after.P2P != before.P2P || after.HTTP != before.HTTP {
		t.Errorf("came back as %+v, was %+v", after, before)
	}
	n.advance(8)
	n.waitStep(waiting.DealUUID, "active")
	if st := n.status("f01000", waiting.DealUUID); st.Error != "" {
		t.Errorf("status: %s", st.Error)
	}
}

// TestLie: the provider says all is well; only the chain tells the truth.
func TestLie(t *testing.T) {
	n := newNetwork(t, 2)
	for i, provider := range n.Providers() {
		must(t, n.Fail(provider, "lie"))
		dp := n.deal(provider, plainPiece(t, 66))
		n.advance(3)
		st := n.status(provider, dp.DealUUID).DealStatus
		want := []string{"Complete/Proving", "Sealed/Sealed and Indexed"}[i]
		if st.Status+"/"+st.SealingStatus != want || st.Error != "" || st.PublishCid == nil {
			t.Errorf("status is %+v, want %s", st, want)
			continue
		}
		if got := call[*msgLookup](n, "StateSearchMsg", nil, *st.PublishCid, -1, true); got != nil {
			t.Errorf("the made up message was found: %+v", got)
		}
		if _, err := tryCall[marketDeal](n, "StateMarketStorageDeal", st.ChainDealID, nil); err == nil {
			t.Error("the made up deal was found")
		}
		if n.provider(provider).Pieces != 0 {
			t.Error("the liar pulled the data")
		}
	}
}

func TestCorrupt(t *testing.T) {
	n := newNetwork(t, 1)
	p := plainPiece(t, 67)
	dp := n.deal("f01000", p)
	n.waitStep(dp.DealUUID, "transferred")
	must(t, n.Fail("f01000", "corrupt"))
	paths := []string{"/piece/" + p.cid.String(), "/ipfs/" + p.blocks[1].Cid().String() + "?format=raw"}
	for i, want := range [][]byte{p.data[500:600], p.blocks[1].RawData()[500:600]} {
		if _, body := n.get("f01000", paths[i], "bytes=500-599"); len(body) != 100 || bytes.Equal(body, want) {
			t.Errorf("%s: %d bytes, wanted 100 wrong ones", paths[i], len(body))
		}
	}
	must(t, n.Fail("f01000", "none"))
	if _, body := n.get("f01000", paths[0], "bytes=500-599"); !bytes.Equal(body, p.data[500:600]) {
		t.Error("a healed provider still serves wrong bytes")
	}
}
