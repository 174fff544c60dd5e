package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/whypfs/whypfs/deals/sandbox"
)

// TestRefuseWords: each kind of refusal has the words of its dialect.
func TestRefuseWords(t *testing.T) {
	n := newNetwork(t, 2)
	p := plainPiece(t, 240)
	for mode, want := range map[string][2]string{
		"refuse-client":    {"allow list", "client not allowed by provider"},
		"refuse-busy":      {"max staging area size", "Please retry in some time"},
		"refuse-limit":     {"too many deals", "please retry in some time"},
		"refuse-price":     {"storage price per epoch less than asking price", "failed to apply filters"},
		"refuse-size":      {"piece size less than minimum", "smaller than the minimum"},
		"refuse-duplicate": {"is identical to deal", "already exists: 1"},
		"refuse-online":    {"online storage deals", "online deals are not allowed"},
	} {
		for i, provider := range n.Providers() {
			must(t, n.Fail(provider, mode))
			dp := n.params(provider, p)
			n.signDeal(&dp)
			if res := n.propose(provider, dp); res.Accepted || !strings.Contains(res.Message, want[i]) {
				t.Errorf("%s of %s: %+v, want %q", mode, provider, res, want[i])
			}
		}
	}
	must(t, n.Fail("f01000", "refuse-online"))
	n.offline("f01000", p, nil)
	must(t, n.Fail("f01001", "refuse-offline"))
	n.deal("f01001", p)
}

// TestAcceptVanish: the provider accepts, is gone at once, and fetches nothing.
func TestAcceptVanish(t *testing.T) {
	n := newNetwork(t, 2)
	for _, provider := range n.Providers() {
		must(t, n.Fail(provider, "accept-vanish"))
		dp := n.deal(provider, plainPiece(t, 250))
		_ = n.host.Network().ClosePeer(mustPeer(t, n.provider(provider).Peer)) // the client is done
		n.wait("vanish", func(s sandbox.State) bool { return n.provider(provider).Mode == "vanish" })
		gone := func() bool {
			res, err := http.Get(n.provider(provider).HTTP + "/piece/x")
			if err == nil {
				_ = res.Body.Close() // or each question takes a connection more, until there are none
			}
			return err != nil
		}
		for end := time.Now().Add(20 * time.Second); !gone(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the provider is still there")
			}
		}
		n.advance(200)
		n.waitStep(dp.DealUUID, "failed")
	}
}

// TestPublishFails: the message is on chain and has failed.
func TestPublishFails(t *testing.T) {
	n := newNetwork(t, 1)
	must(t, n.Fail("f01000", "publish-fails"))
	dp := n.deal("f01000", plainPiece(t, 260))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(10)
	d := n.waitStep(dp.DealUUID, "failed")
	if got := n.receipt(d.Publish); got == nil || got.Receipt.ExitCode != 7 {
		t.Errorf("receipt is %+v, want out of gas", got)
	}
}

func (n *network) receipt(publish string) *msgLookup {
	n.t.Helper()
	id, err := cid.Decode(publish)
	must(n.t, err)
	return call[*msgLookup](n, "StateSearchMsg", nil, id, -1, true)
}

// TestPublishInvalid: the message succeeds and the deal is not among its valid
// ones.
func TestPublishInvalid(t *testing.T) {
	n := newNetwork(t, 1)
	must(t, n.Fail("f01000", "publish-invalid"))
	dp := n.deal("f01000", plainPiece(t, 261))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(10)
	d := n.waitStep(dp.DealUUID, "failed")
	got := n.receipt(d.Publish)
	if got == nil || got.Receipt.ExitCode != 0 {
		t.Fatalf("receipt is %+v, want success", got)
	}
	var ret market.PublishStorageDealsReturn
	must(t, ret.UnmarshalCBOR(bytes.NewReader(got.Receipt.Return)))
	if ours, err := ret.ValidDeals.IsSet(0); err != nil || ours || len(ret.IDs) != 1 {
		t.Errorf("our deal is valid: %v, %v, ids %v", ours, err, ret.IDs)
	}
}

// TestTerminate: the deal is off the chain at once, without a slash epoch.
func TestTerminate(t *testing.T) {
	n := newNetwork(t, 1)
	dp := n.deal("f01000", plainPiece(t, 262))
	n.waitStep(dp.DealUUID, "transferred")
	n.advance(10)
	id := n.waitStep(dp.DealUUID, "active").ChainID
	must(t, n.Fail("f01000", "terminate"))
	n.advance(4)
	n.waitStep(dp.DealUUID, "slashed")
	if _, err := tryCall[any](n, "StateMarketStorageDeal", id, nil); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("the terminated deal: %v", err)
	}
}

// TestStatusLies: what the provider says is wrong in either dialect, and the
// deal goes its way.
func TestStatusLies(t *testing.T) {
	n := newNetwork(t, 2)
	for i, provider := range n.Providers() {
		must(t, n.Fail(provider, "lie-id"))
		dp := n.deal(provider, plainPiece(t, uint64(270+i)))
		n.waitStep(dp.DealUUID, "transferred")
		n.advance(10)
		d := n.waitStep(dp.DealUUID, "active")
		if st := n.status(provider, dp.DealUUID).DealStatus; uint64(st.ChainDealID) == d.ChainID || st.ChainDealID == 0 {
			t.Errorf("%s says deal id %d, the true one is %d", provider, st.ChainDealID, d.ChainID)
		}
		must(t, n.Fail(provider, "lie-failed"))
		if st := n.status(provider, dp.DealUUID).DealStatus; st.Error == "" || st.ChainDealID != 0 {
			t.Errorf("%s says %+v", provider, st)
		}
		n.waitStep(dp.DealUUID, "active")
	}
}

// TestRetrievalFaults: each hits what it says and leaves the rest alone.
func TestRetrievalFaults(t *testing.T) {
	n := newNetwork(t, 1)
	dag := newDAG(t, 280, 4, 100_000)
	p := aggregatePiece(t, 4<<20, dag)
	n.waitStep(n.deal("f01000", p).DealUUID, "transferred")
	piece, block := "/piece/"+p.cid.String(), "/ipfs/"+dag[0].Cid().String()+"?format=raw"
	good := func() (pieceOK, blockOK bool) {
		_, body := n.get("f01000", piece, "")
		_, raw := n.get("f01000", block, "")
		return bytes.Equal(body, p.data), bytes.Equal(raw, dag[0].RawData())
	}
	for mode, want := range map[string][2]bool{
		"none": {true, true}, "corrupt": {false, false}, "corrupt-piece": {false, true}, "corrupt-ipfs": {true, false}, "short": {false, true},
	} {
		must(t, n.Fail("f01000", mode))
		if a, b := good(); a != want[0] || b != want[1] {
			t.Errorf("%s: piece good %v, block good %v, want %v", mode, a, b, want)
		}
	}
	must(t, n.Fail("f01000", "short"))
	if res, body := n.get("f01000", piece, ""); res.ContentLength != int64(len(p.data)/2) || !bytes.Equal(body, p.data[:len(p.data)/2]) {
		t.Errorf("short: %d bytes", res.ContentLength)
	}
	must(t, n.Fail("f01000", "no-retrieval"))
	for _, path := range []string{piece, block} {
		if res, _ := n.get("f01000", path, ""); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", path, res.StatusCode)
		}
	}
	must(t, n.Fail("f01000", "trickle"))
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.provider("f01000").HTTP+piece, nil)
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	some := make([]byte, 100)
	for got := 0; got < len(some); {
		k, err := res.Body.Read(some[got:])
		must(t, err)
		got += k
	}
	cancel()
	if !bytes.Equal(some, p.data[:100]) || res.ContentLength != int64(len(p.data)) {
		t.Error("trickle serves other bytes")
	}
	if _, err := io.Copy(io.Discard, res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("after leaving: %v", err)
	}
}

// TestSetAsk: every provider has its own, which can change.
func TestSetAsk(t *testing.T) {
	n := newNetwork(t, 2)
	if n.SetAsk("f01000", sandbox.Ask{Price: -1, MinPiece: 1 << 20, MaxPiece: 1 << 21}) == nil ||
		n.SetAsk("f01000", sandbox.Ask{MinPiece: 1 << 20, MaxPiece: 1<<21 + 1}) == nil {
		t.Error("an ask that is none was accepted")
	}
	p := plainPiece(t, 290)
	for i, want := range []string{"less than asking price: 50000000 < 51200000000", "failed to apply filters"} {
		provider := n.Providers()[i]
		must(t, n.SetAsk(provider, sandbox.Ask{Price: 51_200_000_000 * 1024, MinPiece: 1 << 20, MaxPiece: 1 << 20}))
		dp := n.params(provider, p)
		n.signDeal(&dp)
		if res := n.propose(provider, dp); res.Accepted || !strings.Contains(res.Message, want) {
			t.Errorf("%s: %+v, want %q", provider, res, want)
		}
		must(t, n.SetAsk(provider, sandbox.Ask{MinPiece: 1 << 20, MaxPiece: 1 << 20}))
		if res := n.propose(provider, dp); !res.Accepted {
			t.Errorf("%s at no price: %s", provider, res.Message)
		}
	}
}

// TestOwnersAndAddresses: providers share owners when they are to, and one that
// takes deals over HTTP says so on chain.
func TestOwnersAndAddresses(t *testing.T) {
	n := openNetworkWith(t, sandbox.Options{Dir: t.TempDir(), Providers: 4, Owners: 2})
	var owners []string
	for _, provider := range n.Providers() {
		info := call[struct {
			Owner, Worker string
			Multiaddrs    [][]byte
		}](n, "StateMinerInfo", provider, nil)
		owners = append(owners, info.Owner)
		if info.Owner == info.Worker {
			t.Errorf("%s is its own worker", info.Owner)
		}
		state := n.provider(provider)
		if want := map[string]int{"boost": 1, "curio": 2}[state.Dialect]; len(info.Multiaddrs) != want {
			t.Fatalf("%s has %d addresses, want %d", provider, len(info.Multiaddrs), want)
		}
		if state.Dialect == "curio" {
			ma, err := multiaddr.NewMultiaddrBytes(info.Multiaddrs[1])
			must(t, err)
			if _, err := ma.ValueForProtocol(multiaddr.P_HTTP); err != nil {
				t.Errorf("%s: %v", ma, err)
			}
			addr, err := manet.ToNetAddr(ma.Decapsulate(multiaddr.StringCast("/http")))
			if err != nil || "http://"+addr.String() != state.HTTP {
				t.Errorf("web address is %v, %v, want %s", addr, err, state.HTTP)
			}
		}
	}
	if owners[0] != owners[2] || owners[1] != owners[3] || owners[0] == owners[1] {
		t.Errorf("owners are %v, want two in turn", owners)
	}
}
