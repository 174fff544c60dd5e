package estuaryapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/kv"
)

const (
	askShape      = "{maxPieceSize:float minPieceSize:float miner:string miner_version:string price:string verifiedPrice:string}"
	proposalShape = "{Client:string ClientCollateral:string EndEpoch:float Label:string PieceCID:{/:string} PieceSize:float Provider:string " +
		"ProviderCollateral:string StartEpoch:float StoragePricePerEpoch:string VerifiedDeal:bool}"
	transferShape = "{baseCid:string channelId:{ID:float Initiator:string Responder:string} message:string received:float remotePeer:string " +
		"selfPeer:string sent:float status:float statusMessage:string transferId:string}"
	minerDealShape = "[{content:float contentCid:string created_at:string dealId:float dtChan:string failed:bool failedAt:string id:float " +
		"miner:string onChainAt:string propCid:string sealedAt:string transferFinished:string transferStarted:string updated_at:string verified:bool}]"
)

// Everything that V1 tells of deals and providers, on a network of the sandbox:
// three of four providers have a deal.
func TestDealRoutes(t *testing.T) {
	f := newMarket(t, buckets.Policy{Publish: true, Replication: 4}, 4, 1)
	u, token := f.user("alice", accounts.LevelUser, accounts.LevelUser)
	_, other := f.user("bob", accounts.LevelUser, accounts.LevelUser)
	_, boss := f.user("root", accounts.LevelAdmin, accounts.LevelAdmin)
	made := f.add(token, "a", strings.Repeat("a", 100_000))
	zone := f.dealt(f.zoned(made.ID).ID, 3)
	list, err := f.deals.Deals(t.Context(), zone.ID, "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var d deals.Deal
	for _, x := range list {
		if x.State == deals.DealActive {
			d = x
		}
	}
	refused := list[0].Provider
	for _, x := range list {
		if x.State == deals.DealRejected {
			refused = x.Provider
		}
	}
	for _, c := range []struct{ path, shape string }{
		{"/deals/query/" + d.Provider, askShape},
		{"/public/miners/storage/query/t" + d.Provider[1:], askShape},
		{"/deal/query/" + d.Provider, askShape},
		{"/deals/proposal/" + d.Proposal, "{ClientSignature:{Data:string Type:float} Proposal:" + proposalShape + "}"},
		{"/deal/proposal/" + d.Proposal, "{ClientSignature:{Data:string Type:float} Proposal:" + proposalShape + "}"},
		{fmt.Sprintf("/deals/info/%d", d.ChainID), "{Proposal:" + proposalShape + " State:{LastUpdatedEpoch:float SectorStartEpoch:float SlashEpoch:float}}"},
		{"/deals/transfer/status/" + d.UUID, transferShape},
		{"/deals/transfer/in-progress", "{}"},
		{"/public/miners/deals/" + d.Provider, minerDealShape},
		{"/public/miners/deals/" + refused + "?ignore-failed=1", "[]"},
	} {
		wantShape(t, c.path, f.get(c.path, token).body, c.shape)
	}
	for _, path := range []string{fmt.Sprintf("/deals/status/%d", d.ID), "/deals/status-by-proposal/" + d.Proposal, "/deal/status-by-proposal/" + d.Proposal} {
		got := decode[struct {
			Deal struct {
				ID, Content, DealID uint64
				User                uint64 `json:"user_id"`
				UUID                string `json:"dealUuid"`
				PropCid, Miner      string
			}
			OnChainState struct{ SectorStartEpoch int64 }
		}](t, f.get(path, token))
		if got.Deal.ID != d.ID || got.Deal.Content != zone.ID || got.Deal.DealID != d.ChainID || got.Deal.User != u.ID || got.Deal.UUID != d.UUID ||
			got.Deal.PropCid != d.Proposal || got.Deal.Miner != d.Provider || got.OnChainState.SectorStartEpoch < 0 {
			t.Errorf("%s = %+v of %+v", path, got, d)
		}
		if a := f.get(path, other); a.code != http.StatusNotFound {
			t.Errorf("%s for somebody else: %d", path, a.code)
		}
		if a := f.get(path, boss); a.code != http.StatusOK {
			t.Errorf("%s for an admin: %d", path, a.code)
		}
	}
	at := decode[struct {
		State       int
		DealID      uint64
		ProposalCid struct {
			CID string `json:"/"`
		}
	}](t, f.get("/deals/status/"+d.Provider+"/"+d.Proposal, token))
	if at.State == 0 || at.DealID != d.ChainID || at.ProposalCid.CID != d.Proposal {
		t.Errorf("at the provider it is %+v, want deal %d", at, d.ChainID)
	}
	f.get("/deals/status/f0999/"+d.Proposal, token).wantReason(t, "another provider's", 404, "ERR_RECORD_NOT_FOUND")
	before := f.askRows()
	for range 2 { // the second time it could come out of what was kept
		f.get("/public/miners/storage/query/f0987654321", "").wantReason(t, "nobody", 404, "ERR_RECORD_NOT_FOUND")
	}
	f.get("/public/miners/storage/query/f09223372036854775808", "").wantReason(t, "more than an address can be", 400, "ERR_INVALID_INPUT")
	if after := f.askRows(); after != before {
		t.Errorf("who asks for providers that are none leaves %d rows", after-before)
	}
	f.checkEstimate(token, d.Provider)
	f.checkMiners(refused)
	f.checkMake(token, boss, made.ID, d.Provider, refused)
}

// askRows counts what is kept of asks.
func (f *fixture) askRows() (n int) {
	f.t.Helper()
	err := f.store.View(f.t.Context(), func(tx kv.Tx) error {
		n = 0
		for _, err := range tx.Scan(kv.Range("deal", "ask")) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f *fixture) checkEstimate(token, provider string) {
	f.t.Helper()
	ask, err := f.deals.AskOf(f.t.Context(), provider)
	if err != nil {
		f.t.Fatal(err)
	}
	got := decode[struct {
		TotalFil, TotalAttoFil string
		Asks                   []struct{ Miner string }
	}](f.t, f.postJSON("/deals/estimate", token, object{"size": 130_000_000, "replication": 4, "durationBlks": 1000, "verified": false}))
	// 128 MiB hold 133,169,152 bytes; 4 providers, all with the same ask, for 1/8 GiB
	perEpoch := (ask.Price.Int64() + 7) / 8
	if want := fmt.Sprint(4 * 1000 * perEpoch); got.TotalAttoFil != want || len(got.Asks) != 4 || !strings.HasSuffix(got.TotalFil, " FIL") {
		f.t.Errorf("estimate %+v, want %s attoFIL", got, want)
	}
	for about, body := range map[string]object{
		"too few providers": {"size": 1 << 20, "replication": 5, "durationBlks": 1000},
		"no size":           {"replication": 1, "durationBlks": 1000},
		"no time":           {"size": 1, "replication": 1},
		"no replicas":       {"size": 1, "durationBlks": 1},
		"too large":         {"size": 1 << 50, "replication": 1, "durationBlks": 1},
	} {
		f.postJSON("/deals/estimate", token, body).wantReason(f.t, about, 400, "ERR_INVALID_INPUT")
	}
}

func (f *fixture) checkMiners(refused string) {
	f.t.Helper()
	list := decode[[]struct {
		Addr  string
		Chain *struct {
			PeerID, Owner, Worker string
			Addresses             []string
		} `json:"chain_info"`
	}](f.t, f.get("/public/miners", ""))
	if len(list) != 4 {
		f.t.Errorf("providers %+v", list)
	}
	for _, p := range list {
		if p.Chain == nil || p.Chain.PeerID == "" || p.Chain.Owner == "" || len(p.Chain.Addresses) == 0 {
			f.t.Errorf("provider %+v", p)
		}
	}
	wantShape(f.t, "stats", f.get("/public/miners/stats/"+refused, "").body, "{chainInfo:{addresses:[string] owner:string peerId:string worker:string} "+
		"dealCount:float errorCount:float miner:string name:string suspended:bool suspendedReason:string usedByEstuary:bool version:string}")
	if got := decode[struct {
		UsedByEstuary bool
		ChainInfo     *struct{}
	}](f.t, f.get("/public/miners/stats/f0987654321", "")); got.UsedByEstuary || got.ChainInfo != nil {
		f.t.Errorf("a provider that is none: %+v", got)
	}
	if got := decode[[]struct{ Phase, Miner string }](f.t, f.get("/public/miners/failures/"+refused, "")); len(got) == 0 || got[0].Miner != refused {
		f.t.Errorf("failures of %s: %+v", refused, got)
	}
}

func (f *fixture) checkMake(token, boss string, id uint64, holder, refused string) {
	f.t.Helper()
	order := func(token, provider string, content uint64) answer {
		return f.postJSON("/deals/make/"+provider, token, object{"content_id": content})
	}
	order(token, holder, id).wantReason(f.t, "a user's", 403, "ERR_NOT_AUTHORIZED")
	order(boss, holder, 0).wantReason(f.t, "without a content", 400, "ERR_INVALID_INPUT")
	order(boss, holder, 7).wantReason(f.t, "of no content", 404, "ERR_CONTENT_NOT_FOUND")
	order(boss, holder, id).wantReason(f.t, "with who has it", 409, "ERR_BAD_REQUEST")
	order(boss, "x", id).wantReason(f.t, "with nobody", 400, "ERR_INVALID_INPUT")
	got := decode[struct{ Deal uint64 }](f.t, order(boss, refused, id))
	if d, err := f.deals.DealByID(f.t.Context(), got.Deal); err != nil || d.Provider != refused {
		f.t.Errorf("deal %d is %+v, %v", got.Deal, d, err)
	}
}

// Where no chain is configured, and for what is not there, nothing is a failure of the server.
func TestDealRoutesWithoutChain(t *testing.T) {
	f := newTest(t, buckets.Policy{}, estuaryapi.Options{})
	_, token := f.user("alice", accounts.LevelUser, accounts.LevelUser)
	none := rawCID(t, "none")
	for path, code := range map[string]int{
		"/deals/status/7": 404, "/deals/status/x": 400, "/deals/status-by-proposal/" + none: 404, "/deals/status-by-proposal/x": 400,
		"/deals/status/f01/" + none: 404, "/deals/proposal/" + none: 404, "/deals/info/7": 404, "/deals/query/f01": 404, "/deals/query/f1abc": 400,
		"/deals/transfer/status/7": 404, "/deals/transfer/in-progress": 200, "/public/miners/stats/f01": 200, "/public/miners/deals/f01": 200,
	} {
		if a := f.get(path, token); a.code != code {
			t.Errorf("GET %s = %d %s, want %d", path, a.code, a.body, code)
		}
	}
	f.postJSON("/deals/transfer/status", token, object{"Initiator": "a", "Responder": "b", "ID": 7}).wantReason(t, "a channel", 404, "ERR_RECORD_NOT_FOUND")
}

// wantReason checks an error, but for the words of its details.
func (a answer) wantReason(t testing.TB, what string, code int, reason string) {
	t.Helper()
	if a.code != code || !a.has(`"reason":"`+reason+`"`) {
		t.Errorf("%s = %d %s, want %d %s", what, a.code, a.body, code, reason)
	}
}
