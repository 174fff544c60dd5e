package estuaryapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/node"
)

// order posts JSON.
func (f *fixture) order(path, token, body string) answer {
	f.t.Helper()
	return f.do(http.MethodPost, path, token, strings.NewReader(body))
}

// wantDone fails unless an answer is {}.
func (a answer) wantDone(t *testing.T, what string) {
	t.Helper()
	if a.code != 200 || strings.TrimSpace(a.body) != "{}" {
		t.Errorf("%s = %d %s, want {}", what, a.code, a.body)
	}
}

// wantNone fails unless an answer is 200 without a body.
func (a answer) wantNone(t *testing.T, what string) {
	t.Helper()
	if a.code != 200 || a.body != "" {
		t.Errorf("%s = %d %q, want 200 and nothing", what, a.code, a.body)
	}
}

// audit says whether the audit log's newest record is this.
func (f *fixture) audit(action, target, detail string) {
	f.t.Helper()
	all, err := f.accounts.Audit(f.t.Context(), auditOf(action))
	if err != nil || len(all) == 0 {
		f.t.Errorf("%s is not in the audit log: %v, %v", action, all, err)
		return
	}
	if r := all[0]; r.Target != target || r.Detail != detail || r.Actor.Name != "root" || r.Actor.From == "" {
		f.t.Errorf("%s is in the audit log as %+v, want target %q, detail %q, by root", action, r, target, detail)
	}
}

// awaitZone waits until a zone is as it is to be.
func (f *fixture) awaitZone(zone uint64, what string, is func(buckets.Zone) bool) (z buckets.Zone) {
	f.t.Helper()
	f.await("zone is "+what, func() bool {
		var err error
		if z, err = f.buckets.Zone(f.t.Context(), zone); err != nil {
			f.t.Fatal(err)
		}
		return is(z)
	})
	return z
}

type progressJSON struct {
	GoodContents, InProgress, NoDeals []uint64
	TotalTopLevel, TotalPinning       int64
}

type openZoneJSON struct {
	ID, User uint64
	Status   string
}

// The content manager's routes over a zone that has all its deals.
func TestContentManager(t *testing.T) {
	f := newMarket(t, buckets.Policy{Publish: true, Replication: 2, MaxPiece: 64 << 20}, 2, 0)
	ann, token := f.user("ann", 2, 0)
	_, admin := f.user("root", 10, 0)
	a, b := f.add(token, "a.txt", "the first file"), f.add(token, "b.txt", "the second file, longer")
	zone := f.zoned(b.ID).ID
	if got := decode[progressJSON](t, f.get("/admin/cm/progress", admin)); len(got.NoDeals) != 1 || got.NoDeals[0] != zone || got.TotalTopLevel != 1 {
		t.Errorf("progress of an open zone %+v", got)
	}
	for _, path := range []string{"/admin/cm/staging/all", "/admin/cm/buckets"} {
		open := decode[map[string][]openZoneJSON](t, f.get(path, admin))
		if z := open[itoa(ann.ID)]; len(open) != 1 || len(z) != 1 || z[0].ID != zone || z[0].User != ann.ID || z[0].Status != "open" {
			t.Errorf("%s: %+v", path, open)
		}
	}
	f.get("/admin/cm/offload/candidates", admin)
	f.order("/admin/cm/offload/"+itoa(a.ID), admin, "").wantError(t, "offload too early", 409, "ERR_BAD_REQUEST",
		"content: "+itoa(a.ID)+" has not all its deals, so its local copy stays")
	f.order("/admin/cm/dealmaking", admin, `{"enabled":false}`).wantDone(t, "dealmaking off")
	f.switchedOff(t, zone, a, token, admin)
	f.order("/admin/cm/dealmaking", admin, `{"enabled":true}`).wantDone(t, "dealmaking on")
	z := f.awaitZone(zone, "complete", func(z buckets.Zone) bool { return z.State == buckets.ZoneComplete })
	t.Run("progress", func(t *testing.T) {
		answer := f.get("/admin/cm/progress", admin)
		wantShape(t, "progress", answer.body, "{GoodContents:[float] InProgress:[] NoDeals:[] TotalPinning:float TotalTopLevel:float}")
		if got := decode[progressJSON](t, answer); got.GoodContents[0] != zone {
			t.Errorf("progress %s", answer.body)
		}
	})
	t.Run("all deals", func(t *testing.T) { f.cmAllDeals(t, admin, z) })
	t.Run("health", func(t *testing.T) { f.cmHealth(t, admin, a, b, z, ann.Name) })
	t.Run("deals", func(t *testing.T) { f.lookAfter(t, admin, z) })
	t.Run("money", func(t *testing.T) { f.money(t, admin, z) })
	t.Run("offload", func(t *testing.T) { f.offload(t, admin, ann.ID, a, b, z) })
}

// switchedOff looks at everything that tells why no deals are made.
func (f *fixture) switchedOff(t *testing.T, zone uint64, a added, token, admin string) {
	const why = "making new deals is switched off by root since "
	f.audit("deals.making", "", "enabled false")
	if err := f.buckets.SealZone(t.Context(), zone); err != nil {
		t.Fatal(err)
	}
	z := f.awaitZone(zone, "dealing, and says why not", func(z buckets.Zone) bool { return strings.Contains(z.Reason, why) })
	if answer := f.get("/content/explain/"+itoa(a.ID), token); !answer.has(why) {
		t.Errorf("explanation %s", answer.body)
	}
	if answer := f.get("/viewer", token); !answer.has(`"dealMakingDisabled":true`) {
		t.Errorf("viewer %s", answer.body)
	}
	f.order("/deals/make/"+f.market.Providers()[0], admin, `{"content_id":`+itoa(a.ID)+`}`).wantError(t, "make", 409, "ERR_BAD_REQUEST",
		"make a deal for "+z.Pieces[0]+" with "+f.market.Providers()[0]+": making new deals is switched off")
	f.order("/admin/cm/dealmaking", admin, `{}`).wantError(t, "nothing", 400, "ERR_INVALID_INPUT", "enabled is required")
}

func (f *fixture) cmAllDeals(t *testing.T, admin string, z buckets.Zone) {
	answer := f.get("/admin/cm/all-deals", admin)
	wantShape(t, "all deals", answer.body, "[{Cid:string DealID:float Miner:string}]")
	list := decode[[]struct {
		Cid, Miner string
		DealID     uint64
	}](t, answer)
	made, err := f.deals.Deals(t.Context(), z.ID, "", 0, 0)
	if err != nil || len(list) != len(made) {
		t.Fatalf("%d deals are listed of %d, %v", len(list), len(made), err)
	}
	p, err := f.deals.Piece(t.Context(), z.Pieces[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range made {
		if list[i].Miner != d.Provider || list[i].DealID != d.ChainID || list[i].Cid != p.Shards[0].Root {
			t.Errorf("deal %+v, want that of %+v", list[i], d)
		}
	}
}

type healthAnswer struct {
	User, TraverseError string
	Content             content
	Deals               []struct{ Content uint64 }
	FoundBlocks         int64
	MissingBlocks       int64
	Missing             []map[string]string
	Locations           map[string]string `json:"aggregatedContentLocations"`
}

func (f *fixture) cmHealth(t *testing.T, admin string, a, b added, z buckets.Zone, owner string) {
	answer := f.get("/admin/cm/health/"+itoa(a.ID), admin)
	wantShape(t, "health", answer.body, "{content:"+contentShape+" deals:["+dealShape+"] fixedAggregateSize:bool foundBlocks:float missing:[] missingBlocks:float traverseError:string user:string}")
	got := decode[healthAnswer](t, answer)
	if got.User != owner || got.Content.ID != a.ID || len(got.Deals) != 2 || got.FoundBlocks != 1 || got.TraverseError != "" {
		t.Errorf("health of a file %s", answer.body)
	}
	answer = f.get("/admin/cm/health/"+itoa(z.ID)+"?check-locations=1&fetch=1", admin)
	if got := decode[healthAnswer](t, answer); got.FoundBlocks != 2 || got.Content.ID != z.ID || got.Locations["local"] != "local" || !answer.has(`"fixedAggregateLocation":false`) {
		t.Errorf("health of a zone %s", answer.body)
	}
	f.get("/admin/cm/health/77", admin).wantError(t, "health of nothing", 404, "ERR_RECORD_NOT_FOUND", "content: 77 was not found")
	answer = f.get("/admin/cm/health-by-cid/"+b.CID+"?fetch=1", admin)
	wantShape(t, "health by CID", answer.body, "{cid:{/:string} contents:["+contentShape+"] foundBlocks:float matchingRootContents:["+contentShape+"] missing:[] missingBlocks:float rootFetchErr:string traverseError:string}")
	none := rawCID(t, "nothing like it")
	answer = f.get("/admin/cm/health-by-cid/"+none, admin)
	if want := `{"error":"object not found in database","cid":"` + none + `","matchingRootContents":[]}`; answer.code != 404 || strings.TrimSpace(answer.body) != want {
		t.Errorf("health of a block that is not here: %d %s", answer.code, answer.body)
	}
	path := "/admin/cm/break-aggregate/"
	answer = f.order(path+itoa(z.ID)+"?check-missing-children=yes", admin, "")
	wantShape(t, "children", answer.body, "{children:[{content:"+contentShape+" foundBlocks:float}]}")
	children := decode[struct{ Children []struct{ Content content } }](t, answer).Children
	if len(children) != 2 || children[0].Content.ID != a.ID || children[1].Content.ID != b.ID {
		t.Errorf("children %s", answer.body)
	}
	f.order(path+itoa(z.ID), admin, "").wantError(t, "break", 409, "ERR_BAD_REQUEST", "zone "+itoa(z.ID)+
		" is not broken up: its contents stand in the piece that its deals are of, and leave it when they are deleted")
	f.order(path+itoa(a.ID), admin, "").wantError(t, "break a file", 400, "ERR_BAD_REQUEST", "content "+itoa(a.ID)+" is not an aggregate")
	f.order(path+"77", admin, "").wantError(t, "break nothing", 404, "ERR_RECORD_NOT_FOUND", "content: 77 was not found")
}

func (f *fixture) lookAfter(t *testing.T, admin string, z buckets.Zone) {
	f.get("/admin/fixdeals", admin).wantNone(t, "fixdeals")
	f.audit("deals.look", "all", "")
	made, err := f.deals.Deals(t.Context(), z.ID, "", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := "/admin/cm/transfer/restart/"
	f.order(path+made[0].UUID, admin, "").wantError(t, "restart", 409, "ERR_BAD_REQUEST", "cannot restart transfer, already finished")
	f.order(path+"none", admin, "").wantError(t, "restart", 404, "ERR_RECORD_NOT_FOUND", `transfer: "none" was not found`)
}

type offloadAnswer struct {
	SpaceRequest, SpaceFreed int64
	ContentsFreed            []content
	CandidatesConsidered     int
	DryRun                   bool
}

func (f *fixture) offload(t *testing.T, admin string, owner uint64, a, b added, z buckets.Zone) {
	answer := f.get("/admin/cm/offload/candidates", admin)
	list := decode[[]struct {
		content
		TotalDeals, ActiveDeals, InProgressDeals int
	}](t, answer)
	if len(list) != 2 || list[0].ID != b.ID || list[0].TotalDeals != 2 || list[0].ActiveDeals != 2 || list[0].InProgressDeals != 0 {
		t.Errorf("candidates %s", answer.body)
	}
	wantShape(t, "candidates", answer.body, "[{"+strings.NewReplacer("{active:bool", "active:bool activeDeals:float",
		"failed:bool", "failed:bool", "id:float", "id:float inProgressDeals:float", "splitFrom:float", "splitFrom:float totalDeals:float").Replace(contentShape)+"]")
	for query, n := range map[string]int{"?location=local&all=true": 2, "?location=far": 0} {
		if list := decode[[]content](t, f.get("/admin/cm/offload/candidates"+query, admin)); len(list) != n {
			t.Errorf("candidates%s: %+v, want %d", query, list, n)
		}
	}
	collect := func(body string) offloadAnswer {
		t.Helper()
		answer := f.order("/admin/cm/offload/collect", admin, body)
		return decode[offloadAnswer](t, answer)
	}
	size := int64(len("the first file"))
	if got := collect(`{"spaceRequested":1,"users":[` + itoa(owner) + `]}`); !got.DryRun || len(got.ContentsFreed) != 1 || got.CandidatesConsidered != 2 || got.SpaceFreed < size || got.SpaceRequest != 1 {
		t.Errorf("dry run %+v", got)
	}
	for _, body := range []string{`{"spaceRequested":1,"execute":true,"users":[77]}`, `{"spaceRequested":1,"execute":true,"location":"far"}`, `{"execute":true}`} {
		if got := collect(body); len(got.ContentsFreed) != 0 || got.DryRun {
			t.Errorf("collect %s: %+v, want nothing", body, got)
		}
	}
	f.order("/admin/cm/offload/collect", admin, `{"spaceRequested":-1}`).wantError(t, "less than nothing", 400, "ERR_INVALID_INPUT", "spaceRequested is -1: it is a number of bytes")
	got := collect(`{"spaceRequested":1000,"execute":true}`)
	f.audit("content.offload", "collect", "1000 bytes")
	if len(got.ContentsFreed) != 2 || !f.content(a.ID).Offloaded || !f.content(b.ID).Offloaded {
		t.Errorf("collect %+v", got)
	}
	f.back(t, admin, a, b, z)
	answer = f.order("/admin/cm/offload/"+itoa(z.ID), admin, "")
	if strings.TrimSpace(answer.body) != `{"blocksRemoved":0}` || !f.content(a.ID).Offloaded || !f.content(b.ID).Offloaded {
		t.Errorf("offload of a zone: %d %s", answer.code, answer.body)
	}
	f.audit("content.offload", itoa(z.ID), "")
}

// back has what was given up brought back, by a read and by a repair.
func (f *fixture) back(t *testing.T, admin string, a, b added, z buckets.Zone) {
	f.sweep(t, a, b)
	away := f.get("/admin/cm/health/"+itoa(z.ID), admin)
	if got := decode[healthAnswer](t, away); got.FoundBlocks != 0 || got.TraverseError != "2 contents have no local copy: a read brings them back from storage providers" {
		t.Errorf("health of what was given up %s", away.body)
	}
	if answer := f.get("/admin/cm/read/"+itoa(a.ID), admin); answer.code != 200 || answer.body != "the first file" {
		t.Errorf("read = %d %q", answer.code, answer.body)
	}
	if answer := f.get("/admin/cm/health/"+itoa(b.ID)+"?fetch=1", admin); !answer.has("what is missing is being brought back") {
		t.Errorf("health with fetch %s", answer.body)
	}
	var stats answer
	f.await("both are back", func() bool {
		stats = f.get("/admin/retrieval/stats", admin)
		return !f.content(b.ID).Offloaded && !f.content(a.ID).Offloaded && stats.has(b.CID)
	})
	wantShape(t, "retrievals", stats.body, "{failures:[] records:[{askPrice:string averageSpeed:float cid:string createdAt:string durationMs:float miner:string numPayments:float peer:string size:float totalPayment:string}]}")
}

// sweep has the job of sweeps run, and waits until the blocks are gone.
func (f *fixture) sweep(t *testing.T, gone ...added) {
	t.Helper()
	_, admin := f.user("sweeper", 10, 0)
	f.order("/admin/cm/gc", admin, "").wantNone(t, "gc")
	f.await("the blocks are gone", func() bool {
		for _, a := range gone {
			if _, ok := f.node.HasBlock(context.Background(), f.content(a.ID).CID); ok {
				return false
			}
		}
		return true
	})
}

// What there is no other machine for.
func TestOnlyMachine(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", 10, 0)
	a := f.add(admin, "a.txt", "text")
	f.order("/admin/cm/move", admin, `{"contents":[`+itoa(a.ID)+`],"destination":"local"}`).wantDone(t, "move here")
	const only = " was not found; this node is the only one, as local"
	f.order("/admin/cm/move", admin, `{"contents":[],"destination":"SHUTTLE1"}`).wantError(t, "move away", 404, "ERR_RECORD_NOT_FOUND", "shuttle: SHUTTLE1"+only)
	f.order("/admin/cm/move", admin, `{"contents":[77],"destination":"local"}`).wantError(t, "move nothing", 404, "ERR_CONTENT_NOT_FOUND", "content: 77 was not found")
	f.order("/admin/cm/repinall/local", admin, "").wantNone(t, "repin all")
	f.audit("pins.retry", "all", "")
	f.order("/admin/cm/repinall/far", admin, "").wantError(t, "repin elsewhere", 404, "ERR_RECORD_NOT_FOUND", "shuttle: far"+only)
	f.order("/admin/shuttle/init", admin, "").wantError(t, "a shuttle", 409, "ERR_BAD_REQUEST",
		"this node takes no shuttles: it keeps its contents itself, and GET /admin/shuttle/list shows it as the only one")
	answer := f.get("/admin/shuttle/list", admin)
	wantShape(t, "shuttles", answer.body, "[{addrInfo:{Addrs:[string] ID:string} address:string handle:string hostname:string lastConnection:string online:bool "+
		"storageStats:{blockstoreFree:float blockstoreSize:float pinCount:float pinQueueLength:float} token:string}]")
	list := decode[[]struct {
		Handle, Token, Hostname string
		Online                  bool
		AddrInfo                struct{ ID string }
	}](t, answer)
	if len(list) != 1 || list[0].Handle != "local" || list[0].Token != "" || !list[0].Online || list[0].Hostname != "127.0.0.1" || list[0].AddrInfo.ID != f.node.ID() {
		t.Errorf("shuttles %s", answer.body)
	}
	for _, path := range []string{"GET /shuttle/conn", "POST /shuttle/content/create"} {
		method, path, _ := strings.Cut(path, " ")
		f.do(method, path, "SECRET1SECRET", nil).wantError(t, path, 401, "ERR_NOT_AUTHORIZED", "token was not found")
		f.do(method, path, admin, nil).wantError(t, path+" with a user's key", 401, "ERR_NOT_AUTHORIZED", "token was not found")
		f.do(method, path, "", nil).wantError(t, path+" without a token", 401, "ERR_AUTH_MISSING", "no api key was specified")
		f.do(method, path, "", nil, "Authorization", "Basic YTpi").wantError(t, path+" by another scheme", 401, "ERR_AUTH_MISSING_BEARER", noBearer)
		f.do(method, path, "", nil, "Authorization", "Bearer").wantError(t, path+" with an empty token", 401, "ERR_INVALID_AUTH", badAuth)
	}
}

// What is missing of what is here is counted and named, and asked for.
func TestHealthOfPart(t *testing.T) {
	f, other := newTest(t, publish, estuaryapi.Options{}), newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", 10, 0)
	_, there := other.user("root", 10, 0)
	whole := other.add(there, "a.bin", strings.Repeat("0123456789abcdef", 3<<16)+"the fourth leaf")
	root, err := cid.Decode(whole.CID)
	if err != nil {
		t.Fatal(err)
	}
	data, err := other.node.Block(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.node.PutBlocks(t.Context(), []node.Block{{Cid: root, Data: data}}, false); err != nil {
		t.Fatal(err)
	}
	const missing = "2 blocks are missing or damaged, the first is bafk"
	for query, more := range map[string]string{"": "", "?fetch=1": "; what is missing is being brought back"} {
		answer := f.get("/admin/cm/health-by-cid/"+whole.CID+query, admin)
		got := decode[healthAnswer](t, answer)
		if got.FoundBlocks != 1 || got.MissingBlocks != 2 || len(got.Missing) != 2 || !strings.HasPrefix(got.TraverseError, missing) || !strings.HasSuffix(got.TraverseError, more) {
			t.Errorf("health%s %s", query, answer.body)
		}
	}
}
