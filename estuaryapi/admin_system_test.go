package estuaryapi_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/libp2p/go-libp2p/core/crypto"
	libp2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/node"
)

func auditOf(action string) accounts.AuditQuery { return accounts.AuditQuery{Action: action, Limit: 1} }

// Figures of the node itself.
func TestAdminFigures(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{Settings: map[string]string{"s3-addr": "127.0.0.1:9000"}})
	_, admin := f.user("root", 10, 0)
	f.add(admin, "a.txt", "text")
	answer := f.get("/admin/disk-info", admin)
	wantShape(t, "disk", answer.body, "{bstoreFree:float bstoreSize:float lmdbStat:{branchPages:float depth:float entries:float leafPages:float overflowPages:float pSize:float} lmdbUsage:float}")
	if got := decode[struct{ BstoreSize, BstoreFree int64 }](t, answer); got.BstoreFree <= 0 || got.BstoreSize < got.BstoreFree {
		t.Errorf("disk %s", answer.body)
	}
	answer = f.get("/admin/stats", admin)
	wantShape(t, "stats", answer.body, "{numFiles:float numMiners:float numRetrievalFailures:float numRetrievals:float numStorageFailures:float numUsers:float "+
		"pinQueueSize:float totalDealsAttempted:float totalDealsFailed:float totalDealsSuccessful:float}")
	if got := decode[struct{ NumFiles, NumUsers, TotalDealsAttempted int }](t, answer); got.NumFiles != 1 || got.NumUsers != 1 || got.TotalDealsAttempted != 0 {
		t.Errorf("stats %s", answer.body)
	}
	if answer := f.get("/admin/system/config", admin); strings.TrimSpace(answer.body) != `{"data":{"primary":{"s3-addr":"127.0.0.1:9000"},"shuttles":{}}}` {
		t.Errorf("config %s", answer.body)
	}
	if got := f.get("/admin/retrieval/stats", admin); strings.TrimSpace(got.body) != `{"records":[],"failures":[]}` {
		t.Errorf("retrievals %s", got.body)
	}
	if got, want := f.get("/admin/net/peers", admin), "[]"; strings.TrimSpace(got.body) != want {
		t.Errorf("peers %s, want %s", got.body, want)
	}
	f.get("/admin/retrieval/querytest/77", admin).wantError(t, "query of nothing", 404, "ERR_CONTENT_NOT_FOUND", "content: 77 was not found")
}

// Without a chain its figures are not known.
func TestAdminWithoutChain(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", 10, 0)
	address, err := f.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := decode[string](t, f.get("/admin/fil-address", admin)); got != address {
		t.Errorf("address %s, want %s", got, address)
	}
	const none = " cannot be looked for: this node makes no deals, as no chain is configured (--rpc)"
	f.get("/admin/balance", admin).wantError(t, "balance", 404, "ERR_RECORD_NOT_FOUND", "balance"+none)
	f.order("/admin/add-escrow/1", admin, "").wantError(t, "escrow", 404, "ERR_RECORD_NOT_FOUND", "escrow"+none)
	if got := f.get("/admin/dealstats", admin); got.code != 200 || strings.TrimSpace(got.body) != "{}" {
		t.Errorf("deal stats %d %s", got.code, got.body)
	}
}

// money looks at what deals cost, of a zone with two active deals, and moves some
// into escrow, of which there may be 1 FIL in a day.
func (f *fixture) money(t *testing.T, admin string, z buckets.Zone) {
	answer := f.get("/admin/balance", admin)
	wantShape(t, "balance", answer.body, "{account:string balance:string marketAvailable:string marketEscrow:string marketLocked:string verifiedClientBalance:string}")
	b, err := f.deals.Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := decode[struct{ Account, MarketLocked string }](t, answer); got.Account != b.Address || got.MarketLocked == "0 FIL" || !strings.HasSuffix(got.MarketLocked, " FIL") {
		t.Errorf("balance %s", answer.body)
	}
	answer = f.get("/admin/dealstats", admin)
	wantShape(t, "deal stats", answer.body, "{"+itoa(z.ID)+":{confirmedSpending:string numConfirmed:float numDeals:float numFailed:float totalSpending:string}}")
	type stats struct {
		NumDeals, NumConfirmed           int
		TotalSpending, ConfirmedSpending string
	}
	if got := decode[map[uint64]stats](t, answer)[z.ID]; got.NumDeals != 2 || got.NumConfirmed != 2 || got.TotalSpending != b.Locked.String() || got.ConfirmedSpending != got.TotalSpending {
		t.Errorf("deal stats %s, want what is locked: %s", answer.body, b.Locked)
	}
	refused := "nothing is moved into escrow: 1.5 FIL more than 0 FIL of today is over the daily limit of 1 FIL"
	f.order("/admin/add-escrow/1.5", admin, "").wantError(t, "escrow", 409, "ERR_BAD_REQUEST", refused)
	f.order("/admin/add-escrow/1.5FIL", admin, "").wantError(t, "escrow, with its unit", 409, "ERR_BAD_REQUEST", refused)
	f.audit("escrow.add", b.Address, "1.5 FIL")
	f.order("/admin/add-escrow/1500000000000000000attoFIL", admin, "").wantError(t, "escrow in attoFIL", 409, "ERR_BAD_REQUEST", refused)
	f.addEscrow(t, admin)
	f.order("/admin/add-escrow/0", admin, "").wantError(t, "nothing", 409, "ERR_BAD_REQUEST", "nothing is moved into escrow: 0 is no amount to move")
	for amount, why := range map[string]string{"much": `"much" is not an amount of FIL`, "-1": `"-1" is not an amount of FIL`, "1.5attofil": `"1.5attofil" is not an amount of FIL`,
		"0.0000000000000000001": `"0.0000000000000000001" is finer than an attoFIL`, "1e3": `"1e3" is not an amount of FIL`} {
		f.order("/admin/add-escrow/"+amount, admin, "").wantError(t, amount, 400, "ERR_INVALID_INPUT", why)
	}
}

// addEscrow moves half of what may be moved, and is refused more of it meanwhile.
func (f *fixture) addEscrow(t *testing.T, admin string) {
	before, err := f.deals.Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answer := f.order("/admin/add-escrow/0.500000000000000001", admin, "")
	wantShape(t, "escrow", answer.body, "{MsgCid:{/:string}}")
	// It is a second one beside the first, or, if that is done, more than the day's rest.
	if a := f.order("/admin/add-escrow/0.6", admin, ""); a.code != 409 || !a.has("nothing is moved into escrow: ") {
		t.Errorf("more than the day's rest = %d %s", a.code, a.body)
	}
	f.await("the escrow has it", func() bool {
		b, err := f.deals.Balance(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b.Escrow.Equals(big.Add(before.Escrow, big.NewInt(500000000000000001)))
	})
}

// A node without a host stays connected to nobody.
func TestPeeringWithoutHost(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", 10, 0)
	alone, err := node.Open(t.Context(), node.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	f.serveFrom(estuaryapi.New(f.buckets, f.collections, f.deals, f.accounts, alone, estuaryapi.Options{}))
	t.Cleanup(func() {
		if err := alone.Close(); err != nil {
			t.Error(err)
		}
	})
	peer := f.node.ID()
	for _, tt := range []struct{ method, what, body, reason string }{
		{http.MethodPost, "peers", `[{"ID":"` + peer + `","Addrs":["/ip4/127.0.0.1/tcp/1"]}]`, "ADD"},
		{http.MethodDelete, "peers", `["` + peer + `"]`, "REMOVE"},
		{http.MethodPost, "start", "", "START"},
		{http.MethodPost, "stop", "", "STOP"},
	} {
		f.do(tt.method, "/admin/peering/"+tt.what, admin, strings.NewReader(tt.body)).
			wantError(t, tt.reason, 400, "ERR_PEERING_PEERS_"+tt.reason+"_ERROR", "node has no libp2p host")
	}
}

// A packed zone has no deals made without a chain, nor by hand.
func TestMakeWithoutChain(t *testing.T) {
	policy := buckets.Policy{Publish: true, Replication: 1, MaxPiece: 64 << 20}
	f := newTestWith(t, policy, estuaryapi.Options{}, deals.Options{}, func(d *deals.Deals) buckets.Dealer { return dealer{d} })
	_, admin := f.user("root", 10, 0)
	id := f.add(admin, "a.txt", "a file").ID
	zone := f.zoned(id).ID
	if err := f.buckets.SealZone(t.Context(), zone); err != nil {
		t.Fatal(err)
	}
	f.awaitZone(zone, "packed", func(z buckets.Zone) bool { return len(z.Pieces) > 0 })
	f.postJSON("/deals/make/f01000", admin, object{"content_id": id}).wantError(t, "make", 404, "ERR_RECORD_NOT_FOUND",
		"provider cannot be looked for: this node makes no deals, as no chain is configured (--rpc)")
}

// The level of the log is set by whoever has it.
func TestLogLevel(t *testing.T) {
	set := ""
	f := newTest(t, publish, estuaryapi.Options{LogLevel: func(part, level string) error {
		if level == "loud" {
			return errors.New("no level loud")
		}
		set = part + "=" + level
		return nil
	}})
	_, admin := f.user("root", 10, 0)
	f.order("/admin/loglevel", admin, `{"system":"deals","level":"debug"}`).wantDone(t, "log level")
	if set != "deals=debug" {
		t.Errorf("set %q", set)
	}
	f.audit("log.level", "deals", "debug")
	f.order("/admin/loglevel", admin, `{"level":"loud"}`).wantError(t, "log level", 400, "ERR_INVALID_INPUT", "no level loud")
	mute := newTest(t, publish, estuaryapi.Options{})
	_, other := mute.user("root", 10, 0)
	mute.order("/admin/loglevel", other, `{"level":"debug"}`).wantError(t, "without levels", 400, "ERR_INVALID_INPUT", "this node's log has no levels")
}

type peerJSON struct {
	ID        string
	Addrs     []string
	Connected bool
}

// Peers are added and removed for real.
func TestPeering(t *testing.T) {
	f, other := newTest(t, publish, estuaryapi.Options{}), newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", 10, 0)
	if a := f.get("/admin/peering/peers", admin); strings.TrimSpace(a.body) != "null" {
		t.Errorf("no peers are %s", a.body)
	}
	id := other.node.ID()
	addr := strings.TrimSuffix(other.node.Addrs()[0], "/p2p/"+id)
	body := `[{"ID":"` + id + `","Addrs":["` + addr + `"]}]`
	if a := f.order("/admin/peering/peers", admin, body); strings.TrimSpace(a.body) != `{"message":"Added the following Peers on Peering","peers":`+body+`}` {
		t.Errorf("add = %d %s", a.code, a.body)
	}
	f.audit("peering.add", id, "")
	f.connected(t)
	a := f.get("/admin/peering/peers", admin)
	wantShape(t, "peers", a.body, "[{Addrs:[string] Connected:bool ID:string}]")
	if list := decode[[]peerJSON](t, a); len(list) != 1 || list[0].ID != id || list[0].Addrs[0] != addr || !list[0].Connected {
		t.Errorf("peers %s", a.body)
	}
	if a := f.get("/admin/net/peers", admin); strings.TrimSpace(a.body) != `["`+id+`"]` {
		t.Errorf("connected %s", a.body)
	}
	for _, tt := range []struct{ path, message, action, state string }{
		{"/admin/peering/stop", "Peering Stopped.", "peering.stop", "stopped"}, {"/admin/peering/start", "Peering Started.", "peering.start", "running"}} {
		if a := f.order(tt.path, admin, ""); strings.TrimSpace(a.body) != `{"message":"`+tt.message+`"}` {
			t.Errorf("%s = %d %s", tt.path, a.code, a.body)
		}
		f.audit(tt.action, "", "")
		if a := f.get("/admin/peering/status", admin); strings.TrimSpace(a.body) != `{"state":"`+tt.state+`"}` {
			t.Errorf("status after %s: %s", tt.path, a.body)
		}
	}
	for body, why := range map[string]string{
		`[{"ID":"nobody","Addrs":[]}]`:                "the peerID is invalid: \"nobody\"",
		`[{"ID":"` + id + `","Addrs":["localhost"]}]`: "the addr is invalid: \"localhost\"",
	} {
		f.order("/admin/peering/peers", admin, body).wantError(t, body, 400, "ERR_INVALID_INPUT", "Adding Peer(s) on Peering failed, "+why)
	}
	remove := func(body string) answer {
		return f.do(http.MethodDelete, "/admin/peering/peers", admin, strings.NewReader(body))
	}
	if a := remove(`["nobody"]`); a.code != 400 || !a.has("Removing Peer(s) from Peering failed, ") {
		t.Errorf("remove nobody = %d %s", a.code, a.body)
	}
	if a := remove(`["` + id + `"]`); strings.TrimSpace(a.body) != `{"message":"Removed the following Peers from Peering","peers":["`+id+`"]}` {
		t.Errorf("remove = %d %s", a.code, a.body)
	}
	f.audit("peering.remove", id, "")
	if list, _ := f.node.Peering(); len(list) != 0 {
		t.Errorf("peers %v", list)
	}
}

// An autoretrieve server is known by its token.
func TestAutoretrieve(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", 10, 0)
	if a := f.get("/admin/autoretrieve/list", admin); strings.TrimSpace(a.body) != "null" {
		t.Errorf("no servers are %s", a.body)
	}
	_, pub, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := crypto.MarshalPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	id, err := libp2ppeer.IDFromPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	key := base64.StdEncoding.EncodeToString(raw)
	form := url.Values{"pubKey": {key}, "addresses": {"/ip4/127.0.0.1/tcp/6746,/ip4/127.0.0.1/udp/6746/quic-v1"}}.Encode()
	made := f.do(http.MethodPost, "/admin/autoretrieve/init", admin, strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded")
	wantShape(t, "made", made.body, "{addrInfo:{Addrs:[string] ID:string} advertiseInterval:string handle:string lastConnection:string token:string}")
	server := decode[struct {
		Handle, Token, AdvertiseInterval string
		LastConnection                   time.Time
		AddrInfo                         peerJSON
	}](t, made)
	if server.AddrInfo.ID != id.String() || len(server.AddrInfo.Addrs) != 2 || server.AdvertiseInterval != "1m0s" {
		t.Errorf("made %s", made.body)
	}
	f.audit("autoretrieve.add", server.Handle, id.String())
	const shape = "addrInfo:{Addrs:[string] ID:string} "
	beat := f.order("/autoretrieve/heartbeat", server.Token, "")
	wantShape(t, "heartbeat", beat.body, "{"+shape+"advertiseInterval:string handle:string lastAdvertisement:string lastConnection:string}")
	list := f.get("/admin/autoretrieve/list", admin)
	wantShape(t, "list", list.body, "[{"+shape+"handle:string lastAdvertisement:string lastConnection:string}]")
	all := decode[[]struct {
		Handle                            string
		LastConnection, LastAdvertisement time.Time
	}](t, list)
	if len(all) != 1 || all[0].Handle != server.Handle || !all[0].LastConnection.After(server.LastConnection) || !all[0].LastAdvertisement.IsZero() || list.has(server.Token) {
		t.Errorf("list %s", list.body)
	}
	f.order("/autoretrieve/heartbeat", admin, "").wantError(t, "a user's key", 401, "ERR_NOT_AUTHORIZED", "token was not found")
	f.order("/autoretrieve/heartbeat", "", "").wantError(t, "no token", 401, "ERR_AUTH_MISSING", "no api key was specified")
	for header, want := range map[string][2]string{"Basic YTpi": {"ERR_AUTH_MISSING_BEARER", noBearer}, "Bearer": {"ERR_INVALID_AUTH", badAuth}} {
		f.do(http.MethodPost, "/autoretrieve/heartbeat", "", nil, "Authorization", header).wantError(t, header, 401, want[0], want[1])
	}
	kind, multi := multiform(t, part{field: "pubKey", data: key}, part{field: "addresses", data: "/ip4/127.0.0.1/tcp/1"})
	if a := f.do(http.MethodPost, "/admin/autoretrieve/init", admin, strings.NewReader(string(multi)), "Content-Type", kind); a.code != 200 {
		t.Errorf("a form in parts = %d %s", a.code, a.body)
	}
	f.order("/autoretrieve/heartbeat", server.Token, "").wantError(t, "a replaced server's token", 401, "ERR_NOT_AUTHORIZED", "token was not found")
	for what, body := range map[string]string{`not an autoretrieve server's public key: ""`: "", `not an autoretrieve server's address: ""`: "pubKey=" + url.QueryEscape(key)} {
		f.do(http.MethodPost, "/admin/autoretrieve/init", admin, strings.NewReader(body), "Content-Type", "application/x-www-form-urlencoded").
			wantError(t, what, 400, "ERR_INVALID_INPUT", what)
	}
	if a := f.do(http.MethodPost, "/admin/autoretrieve/init", admin, strings.NewReader("pubKey="+strings.Repeat("A", 2<<20)), "Content-Type", "application/x-www-form-urlencoded"); a.code != 413 {
		t.Errorf("a large form = %d %s", a.code, a.body)
	}
	if _, err := f.deals.SeeAutoretrieve(t.Context(), server.Token); !errors.Is(err, deals.ErrNoAutoretrieve) {
		t.Errorf("the replaced token: %v", err)
	}
}

// connected waits until the node has a peer. Its host's events are the node's
// alone, so it is looked again and again.
func (f *fixture) connected(t *testing.T) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for timeout := time.After(20 * time.Second); len(f.node.Peers()) == 0; {
		select {
		case <-look.C:
		case <-timeout:
			t.Fatal("no peer is connected after 20 s")
		}
	}
}
