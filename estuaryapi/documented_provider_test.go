package estuaryapi_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/estuaryapi"
)

// An altered chain answers what the sandbox's does, but for one method.
type altered struct {
	rpc    string
	change atomic.Pointer[change]
}

type change struct {
	method string
	result func(map[string]any) // nil: no answer
}

func (c *altered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	res, err := http.Post(c.rpc, "application/json", bytes.NewReader(question))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	var asked struct{ Method string }
	var told map[string]any
	now := c.change.Load()
	if json.Unmarshal(question, &asked) != nil || now == nil || asked.Method != "Filecoin."+now.method {
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
		return
	}
	if now.result == nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if json.NewDecoder(res.Body).Decode(&told) == nil {
		now.result(told["result"].(map[string]any))
		_ = json.NewEncoder(w).Encode(told)
	}
}

var claims = []string{"/user/miner/claim", "/miner/claim", "/v2/storage-providers/claim"}

// newAltered is newTest with an altered chain of n providers, on which only what
// is asked happens.
func newAltered(t *testing.T, n int) (*fixture, *sandbox.Network, *altered) {
	t.Helper()
	net, err := sandbox.Open(t.Context(), sandbox.Options{Dir: t.TempDir(), Providers: n, Epoch: 100 * time.Millisecond, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
	between := &altered{rpc: net.RPC()}
	srv := httptest.NewServer(between)
	t.Cleanup(srv.Close)
	of := deals.Options{RPC: []chain.Endpoint{chain.NewEndpoint(srv.URL, "")}, Escrow: deals.EscrowOptions{Daily: big.NewInt(1e18)}}
	return newTestWith(t, publish, estuaryapi.Options{}, of, nil), net, between
}

// Each reason for which a provider cannot be claimed, at each of the routes.
func TestClaimErrors(t *testing.T) {
	f, net, between := newAltered(t, 3)
	_, token := f.user("ann", accounts.LevelUser, 0)
	power := func(raw string) *change {
		return &change{"StateMinerPower", func(v map[string]any) { v["MinerPower"].(map[string]any)["RawBytePower"] = raw }}
	}
	const sp, silent, dear = "f01000", "f01001", "f01002"
	for _, p := range []string{sp, silent} {
		if err := net.SetAsk(p, sandbox.Ask{Price: 1, MinPiece: 1 << 10, MaxPiece: 32 << 30}); err != nil {
			t.Fatal(err)
		}
	}
	if err := net.Fail(silent, "vanish"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		reason, provider string
		change           *change
	}{
		{"NO_PEER_ID", sp, &change{"StateMinerInfo", func(v map[string]any) { v["PeerId"] = nil }}},
		{"NO_MULTI_ADDR", sp, &change{"StateMinerInfo", func(v map[string]any) { v["Multiaddrs"] = nil }}},
		{"NO_POWER", sp, power("0")},
		{"POWER_BELOW_1TIB", sp, power("1099511627775")},
		{"NO_ASK", silent, nil},
		{"ASK_VERIFIED_PRICE_IS_NOT_ZERO", dear, nil},
	} {
		between.change.Store(tt.change)
		sig, err := net.SignByWorker(tt.provider, fmt.Appendf(nil, "---- user 1 owns miner %s ----", tt.provider))
		if err != nil {
			t.Fatal(err)
		}
		for _, route := range claims {
			f.postText(route, token, `{"miner":%q,"claim":%q}`, tt.provider, hex.EncodeToString(sig)).wantReason(t, route, 400, "ERR_INVALID_MINER_CLAIM_"+tt.reason)
		}
	}
	for _, route := range claims {
		f.postText(route, token, `{"miner":"f09999","claim":"0100"}`).wantReason(t, route+" of none on chain", 400, "ERR_INVALID_MINER_SETUP")
	}
	between.change.Store(power("1099511627776")) // enough, and nothing else is wrong
	sig, err := net.SignByWorker(sp, fmt.Appendf(nil, "---- user 1 owns miner %s ----", sp))
	if err != nil {
		t.Fatal(err)
	}
	if a := f.postText("/user/miner/claim", token, `{"miner":%q,"claim":%q}`, sp, hex.EncodeToString(sig)); a.code != 200 {
		t.Errorf("with just enough power: %d %s", a.code, a.body)
	}
}

// A chain that stops answering while a payment is decided leaves nothing paid.
func TestEscrowWithoutChain(t *testing.T) {
	f, net, between := newAltered(t, 1)
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	address, err := f.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := net.Fund(address); err != nil {
		t.Fatal(err)
	}
	between.change.Store(&change{method: "MpoolGetNonce"})
	f.order("/admin/add-escrow/0.6", admin, "").wantError(t, "escrow", 502, "Bad Gateway", "the chain cannot be asked")
	between.change.Store(nil)
	if a := f.order("/admin/add-escrow/0.6", admin, ""); a.code != 200 { // of 1 FIL a day: nothing is spent yet
		t.Errorf("escrow afterwards: %d %s", a.code, a.body)
	}
}

// A provider, and then the chain, that does not answer is not this node's failure
// nor the client's.
func TestUnreachable(t *testing.T) {
	f := newMarket(t, buckets.Policy{Publish: true, Replication: 1, MaxPiece: 64 << 20}, 2, 0)
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	ann := f.plant("ann", "", annMark)
	d := ann.deal
	at := func(provider string) []string {
		return []string{"/deals/status/" + provider + "/" + d.Proposal, "/deal/status/" + provider + "/" + d.Proposal}
	}
	if err := f.market.Fail(d.Provider, "vanish"); err != nil {
		t.Fatal(err)
	}
	for _, path := range at(d.Provider) {
		f.get(path, ann.token).wantReason(t, path+" of a provider that is away", 502, "Bad Gateway")
	}
	if err := f.market.FailRPC(0, "error"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/deals/info/" + itoa(d.ChainID), "/deal/info/" + itoa(d.ChainID), "/deals/query/f01002", "/deal/query/f01002", "/public/miners/storage/query/f01002",
		"/v2/storage-providers/storage/query/f01002", "/admin/balance"} {
		f.get(path, admin).wantReason(t, path+" without an answer of the chain", 502, "Bad Gateway")
	}
	f.postText("/user/miner/claim", ann.token, `{"miner":"f01000","claim":"0100"}`).wantReason(t, "claim without an answer of the chain", 503, "ERR_INTERNAL_SERVER")
	if a := f.get("/public/miners/stats/f01002", ""); a.code != 200 {
		t.Errorf("statistics need no chain: %d %s", a.code, a.body)
	}
	if err := f.market.FailRPC(0, "none"); err != nil {
		t.Fatal(err)
	}
}
