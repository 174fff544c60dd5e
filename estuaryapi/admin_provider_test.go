package estuaryapi_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/estuaryapi"
)

const (
	minerShape  = "addr:string chain_info:null name:string suspended:bool version:string"
	listedShape = "[{addr:string chain_info:null engine:string http:string most:float name:string owner:string region:string score:float source:string suspended:bool userId:float version:string}]"
)

// newListed is newTest with one provider in the settings, and no chain.
func newListed(t *testing.T) *fixture {
	t.Helper()
	list, err := deals.ParseProviders([]string{"f01000", "region=us"})
	if err != nil {
		t.Fatal(err)
	}
	return newTestWith(t, publish, estuaryapi.Options{}, deals.Options{Providers: list}, nil)
}

// done fails unless a is V1's {}.
func (a answer) done(t *testing.T, what string) {
	t.Helper()
	if a.code != http.StatusOK || a.body != "{}\n" {
		t.Errorf("%s = %d %s, want {}", what, a.code, a.body)
	}
}

type listedMiner struct {
	Addr, Name, SuspendedReason, Source, Region, Owner, Engine, HTTP string
	Suspended                                                        bool
	Most                                                             int
}

func (f *fixture) listed(path, token string) map[string]listedMiner {
	f.t.Helper()
	out := map[string]listedMiner{}
	for _, m := range decode[[]listedMiner](f.t, f.get(path, token)) {
		out[m.Addr] = m
	}
	return out
}

// An admin changes the list of providers, by V1's routes and those of its second
// version; each change is in the audit log, and one that fails is not.
func TestAdminProviders(t *testing.T) {
	for _, at := range []string{"/admin/miners", "/v2/storage-providers"} {
		t.Run(at, func(t *testing.T) {
			f := newListed(t)
			_, token := f.user("root", accounts.LevelAdmin, 0)
			wantShape(t, "list", f.get("/admin/miners", token).body, listedShape)
			if f.get("/admin/miners", token).body != f.get("/admin/miners/", token).body {
				t.Error("with a slash at its end the list is another")
			}
			f.postText(at+"/add/t01234?name=Acme%201&region=eu&owner=acme&engine=offline&http=https://u:secret@sp.example&most=4", token, "").done(t, "add")
			if got, want := f.listed("/admin/miners", token)["f01234"], (listedMiner{Addr: "f01234", Name: "Acme 1", Source: "added", Region: "eu", Owner: "acme",
				Engine: "offline", HTTP: "https://u:xxxxx@sp.example", Most: 4}); got != want {
				t.Errorf("added is %+v, want %+v", got, want)
			}
			f.postText(at+"/add/f0001234?region=asia", token, "").done(t, "add again, otherwise written")
			f.putText(at+"/set-info/f01234", token, `{"name":"Acme","engine":"","most":0}`).done(t, "set-info")
			f.putText(at+"/set-info/f01000", token, `{"name":"first"}`).done(t, "set-info of a setting")
			f.putText(at+"/set-info/f01000", token, `{}`).done(t, "nothing said")
			if got, want := f.listed("/admin/miners", token)["f01234"], (listedMiner{Addr: "f01234", Name: "Acme", Source: "added", Region: "asia", Owner: "acme",
				HTTP: "https://u:xxxxx@sp.example", Most: 20}); got != want {
				t.Errorf("changed is %+v, want %+v", got, want)
			}
			f.postText(at+"/suspend/f01234", token, `{"reason":" slow to seal "}`).done(t, "suspend")
			f.postText(at+"/suspend/f01000", token, `{}`).done(t, "suspend without a reason")
			list := f.listed("/admin/miners", token)
			if got := list["f01234"]; !got.Suspended || got.SuspendedReason != "slow to seal" {
				t.Errorf("suspended is %+v", got)
			}
			if got := list["f01000"]; got.Name != "first" || got.Source != "setting" || got.Region != "us" || got.SuspendedReason != "an admin wants it to get no deals" {
				t.Errorf("that of the settings is %+v", got)
			}
			f.putText(at+"/unsuspend/f01234", token, "").done(t, "unsuspend")
			if got := f.listed("/admin/miners", token)["f01234"]; got.Suspended || got.SuspendedReason != "" {
				t.Errorf("not suspended any more is %+v", got)
			}
			f.postText(at+"/rm/f01234", token, "").done(t, "rm")
			if list := f.listed("/admin/miners", token); len(list) != 1 {
				t.Errorf("after rm %+v are listed", list)
			}
			f.refusedProviders(t, at, token)
			f.audited(t, token, []string{"provider.rm f01234 ", "provider.unsuspend f01234 ", "provider.suspend f01000 an admin wants it to get no deals",
				"provider.suspend f01234 slow to seal", `provider.set f01000 name="first"`, `provider.set f01234 name="Acme" engine= most=0`,
				"provider.add f01234 region=asia", `provider.add f01234 name="Acme 1" engine=offline http=https://u:xxxxx@sp.example owner=acme region=eu most=4`})
		})
	}
}

func (f *fixture) refusedProviders(t *testing.T, at, token string) {
	t.Helper()
	const gone, setting = "miner: f01234 was not found", "the provider stands in --provider, or is the sandbox's: only its name is said here"
	f.postText(at+"/rm/f01234", token, "").wantError(t, "rm again", 404, "ERR_RECORD_NOT_FOUND", gone)
	f.postText(at+"/rm/f01000", token, "").wantError(t, "rm of a setting", 409, "ERR_BAD_REQUEST", setting)
	f.postText(at+"/add/f01000?region=eu", token, "").wantError(t, "add of a setting", 409, "ERR_BAD_REQUEST", setting)
	f.putText(at+"/set-info/f01000", token, `{"most":3}`).wantError(t, "set-info of a setting", 409, "ERR_BAD_REQUEST", setting)
	f.putText(at+"/set-info/f01234", token, `{"region":"eu"}`).wantError(t, "set-info of what is gone", 404, "ERR_RECORD_NOT_FOUND", gone)
	for what, a := range map[string]answer{
		"suspend":   f.postText(at+"/suspend/f077", token, `{"reason":"x"}`),
		"unsuspend": f.putText(at+"/unsuspend/f077", token, ""),
		"set-info":  f.putText(at+"/set-info/f077", token, `{"name":"x"}`),
	} {
		a.wantError(t, what+" of nobody", 404, "ERR_RECORD_NOT_FOUND", "miner: f077 was not found")
	}
	const text, malformed = "a name or reason has at most 255 bytes of UTF-8", `"f2abc" is not a provider's address like f01234`
	long := strings.Repeat("x", 256)
	f.postText(at+"/add/f2abc", token, "").wantError(t, "address", 400, "ERR_INVALID_INPUT", malformed)
	f.postText(at+"/suspend/f2abc", token, "{}").wantError(t, "address", 400, "ERR_INVALID_INPUT", malformed)
	f.postText(at+"/add/f01?engine=steam", token, "").wantError(t, "engine", 400, "ERR_INVALID_INPUT", `engine: "steam" is not one of mk12, offline, filclient`)
	f.postText(at+"/add/f01?http=ftp://x", token, "").wantError(t, "http", 400, "ERR_INVALID_INPUT", `cannot be said of a provider: http "ftp://x" is no URL`)
	f.postText(at+"/add/f01?name="+long, token, "").wantError(t, "name", 400, "ERR_INVALID_INPUT", text)
	f.postText(at+"/suspend/f01000", token, `{"reason":%q}`, long).wantError(t, "reason", 400, "ERR_INVALID_INPUT", text)
	f.putText(at+"/set-info/f01000", token, `{"most":"many"}`).wantError(t, "type", 400, "ERR_INVALID_INPUT",
		"one or more params has an invalid data type or not supported: json: cannot unmarshal string into Go struct field .most of type int")
	f.postText(at+"/suspend/f01000", token, "").wantError(t, "no body", 400, "ERR_INVALID_INPUT", "one or more params has an invalid data type or not supported: EOF")
}

// audited fails unless the log has these deeds of root's, newest first.
func (f *fixture) audited(t *testing.T, token string, want []string) {
	t.Helper()
	var got []string
	for _, r := range decode[[]struct{ Who, From, Action, Target, Detail string }](t, f.get("/admin/audit?action=provider.", token)) {
		if got = append(got, r.Action+" "+r.Target+" "+r.Detail); r.Who != "root" || r.From != "127.0.0.1" {
			t.Errorf("record %+v, want it root's", r)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The routes of the second version know owners too, and answer as the first.
func TestStorageProvidersByUsers(t *testing.T) {
	f := newListed(t)
	ann, token := f.user("ann", accounts.LevelUser, 0)
	root, admin := f.user("root", accounts.LevelAdmin, 0)
	low := f.token(root, accounts.TokenSpec{Level: accounts.LevelUser})
	const at = "/v2/storage-providers"
	for name, send := range map[string]func(token string) answer{
		"suspend":   func(token string) answer { return f.postText(at+"/suspend/f01000", token, `{"reason":"x"}`) },
		"unsuspend": func(token string) answer { return f.putText(at+"/unsuspend/f01000", token, "") },
		"set-info":  func(token string) answer { return f.putText(at+"/set-info/f01000", token, `{"name":"x"}`) },
	} {
		send(token).wantError(t, name+" of nobody's", 404, "ERR_RECORD_NOT_FOUND", "miner: f01000 was not found")
		send(low).wantError(t, name+" with an admin's user key", 404, "ERR_RECORD_NOT_FOUND", "miner: f01000 was not found")
	}
	f.putText("/user/miner/set-info/f01000", admin, `{"name":"first"}`).done(t, "an admin by the user's route")
	f.putText(at+"/set-info/f01000", token, `{"name":"x"}`).wantError(t, "another's", 401, "ERR_MINER_NOT_OWNED", "user does not own this miner")
	a := f.get(at+"/claim/f01000", token)
	if a.code != 200 || a.body != f.get("/user/miner/claim/f01000", token).body {
		t.Errorf("message of user %d: %d %s", ann.ID, a.code, a.body)
	}
	f.postText(at+"/claim", token, `{"miner":"f01000","claim":"0100"}`).wantError(t, "claim", 503, "ERR_INTERNAL_SERVER", "the chain cannot be asked at the moment")
	wantShape(t, "providers", f.get(at, "").body, "[{"+minerShape+"}]")
	for v2, v1 := range map[string]string{"": "", "/stats/f01000": "/stats/f01000", "/failures/f01000": "/failures/f01000",
		"/deals/f01000?ignore-failed=1": "/deals/f01000?ignore-failed=1", "/storage/query/f01000": "/storage/query/f01000", "/stats/x": "/stats/x"} {
		if got, want := f.get(at+v2, ""), f.get("/public/miners"+v1, ""); got.code != want.code || got.body != want.body {
			t.Errorf("%s = %d %s, want %d %s", v2, got.code, got.body, want.code, want.body)
		}
	}
}

// What the deals of providers come to, and what is on its way to them.
func TestProviderFigures(t *testing.T) {
	f := newMarket(t, buckets.Policy{Publish: true, Replication: 2, MaxPiece: 64 << 20}, 2, 0)
	_, token := f.user("root", accounts.LevelAdmin, 0)
	stalls := f.market.Providers()[1]
	if err := f.market.Fail(stalls, "stall"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/admin/miners/stats", "/v2/storage-providers/stats"} {
		if a := f.get(path, token); a.body != "[]\n" {
			t.Errorf("%s without deals: %s", path, a.body)
		}
	}
	if a := f.get("/admin/miners/transfers/"+stalls, token); a.body != `{"sendingTransfers":[],"receivingTransfers":[]}`+"\n" {
		t.Errorf("transfers without deals: %s", a.body)
	}
	z := f.zoned(f.add(token, "a.txt", "a file").ID)
	if err := f.buckets.SealZone(t.Context(), z.ID); err != nil {
		t.Fatal(err)
	}
	f.until("one deal on chain, one that the other stalls", func(ctx context.Context) bool {
		list, err := f.deals.Deals(ctx, z.ID, "", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		states := map[deals.DealState]int{}
		for _, d := range list {
			states[d.State]++
		}
		return states[deals.DealActive] == 1 && states[deals.DealAccepted] == 1
	})
	for _, path := range []string{"/admin/miners/stats", "/v2/storage-providers/stats"} {
		a := f.get(path, token)
		wantShape(t, path, a.body, "[{confirmedDeals:float dealFaults:float failedDeals:float miner:string totalDeals:float}]")
		want := `[{"miner":"f01000","totalDeals":1,"confirmedDeals":1,"failedDeals":0,"dealFaults":0},{"miner":"f01001","totalDeals":1,"confirmedDeals":0,"failedDeals":0,"dealFaults":0}]` + "\n"
		if a.body != want {
			t.Errorf("%s = %s, want %s", path, a.body, want)
		}
	}
	for _, path := range []string{"/admin/miners/transfers/", "/v2/storage-providers/transfers/"} {
		a := f.get(path+stalls, token)
		wantShape(t, path, a.body, "{receivingTransfers:[] sendingTransfers:[{channelID:null channelState:{baseCid:string channelId:{ID:float Initiator:string Responder:string} "+
			"message:string received:float remotePeer:string selfPeer:string sent:float status:float statusMessage:string transferId:string} "+
			"diagnostics:[string] isCurrentChannelRequest:bool requestID:string requestState:string}]}")
		if !a.has(`"requestState":"running"`) || !a.has(`"statusMessage":"Ongoing"`) || !a.has(`"baseCid":"baga`) {
			t.Errorf("%s: %s", path, a.body)
		}
		if a := f.get(path+f.market.Providers()[0], token); !strings.HasPrefix(a.body, `{"sendingTransfers":[]`) {
			t.Errorf("%s of the other one: %s", path, a.body)
		}
	}
}

// until waits for something to be so, and looks whenever a row was written.
func (f *fixture) until(what string, so func(ctx context.Context) bool) {
	f.t.Helper()
	timeout := time.After(60 * time.Second)
	for {
		next := f.store.next()
		if so(f.t.Context()) {
			return
		}
		select {
		case <-next:
		case <-timeout:
			f.t.Fatalf("%s: not within 60 s", what)
		}
	}
}
