package estuaryapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/estuaryapi"
)

// dealer is what buckets needs of deals, put together as the binary does it.
type dealer struct{ *deals.Deals }

func (x dealer) Pack(ctx context.Context, z buckets.Zone, members []buckets.Content) ([]string, error) {
	req := piece.PackRequest{Zone: z.ID, Bucket: z.Bucket, Replication: z.Policy.Replication, MaxPiece: z.Policy.MaxPiece, MinPiece: z.MinPiece}
	for _, m := range members {
		req.Members = append(req.Members, piece.Member{Content: m.ID, Root: m.CID, Size: m.Size})
	}
	pieces, err := x.Deals.Pack(ctx, req)
	var cids []string
	for _, p := range pieces {
		cids = append(cids, p.CID)
	}
	return cids, err
}

func (x dealer) Deal(ctx context.Context, z buckets.Zone) error { return x.Start(ctx, z.ID) }

func (x dealer) Progress(ctx context.Context, z buckets.Zone) (buckets.Progress, error) {
	s, err := x.Standing(ctx, z.ID)
	return buckets.Progress{Wanted: s.Wanted, Active: s.Active, Pending: s.Pending, Ending: s.Ending, Reason: s.Reason}, err
}

func (x dealer) SmallestPiece(ctx context.Context, rules buckets.ProviderRules, n int) (int64, error) {
	return x.Deals.SmallestPiece(ctx, deals.Rules(rules), n)
}

func (x dealer) Sampled(ctx context.Context, z buckets.Zone) (int, bool, error) {
	return x.Deals.Sampled(ctx, z.ID)
}

func (x dealer) Restore(ctx context.Context, c buckets.Content) error {
	return x.Deals.Restore(ctx, c.Zone, c.ID, c.CID)
}

func (x dealer) Forget(ctx context.Context, z buckets.Zone) error { return x.Deals.Forget(ctx, z.ID) }

// newMarket is newTest with a sandbox network of n providers, of which bad refuse
// deals, and enough money.
func newMarket(t testing.TB, policy buckets.Policy, n, bad int) *fixture {
	t.Helper()
	net, err := sandbox.Open(t.Context(), sandbox.Options{Dir: t.TempDir(), Providers: n, Epoch: 100 * time.Millisecond, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	run := func(fn func(context.Context) error) {
		wg.Go(func() {
			if err := fn(running); err != nil {
				t.Error(err)
			}
		})
	}
	run(net.Run)
	for _, p := range net.Providers()[:bad] {
		if err := net.Fail(p, "refuse"); err != nil {
			t.Fatal(err)
		}
	}
	var pieces atomic.Pointer[http.Handler]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*pieces.Load()).ServeHTTP(w, r) }))
	providers, err := deals.ParseProviders(net.Providers())
	if err != nil {
		t.Fatal(err)
	}
	var f *fixture
	of := deals.Options{RPC: []chain.Endpoint{chain.NewEndpoint(net.RPC(), "")}, Providers: providers, PieceURL: srv.URL, Poll: 100 * time.Millisecond,
		Escrow: deals.EscrowOptions{Daily: big.NewInt(1e18)},
		Changed: func(zone uint64) {
			if err := f.buckets.DealsChanged(context.Background(), zone); err != nil {
				t.Error(err)
			}
		}}
	f = newTestWith(t, policy, estuaryapi.Options{}, of, func(d *deals.Deals) buckets.Dealer { return dealer{d} })
	f.market = net
	h := f.deals.PieceHandler()
	pieces.Store(&h)
	t.Cleanup(func() {
		stop()
		wg.Wait()
		srv.Close()
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
	address, err := f.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := net.Fund(address); err != nil {
		t.Fatal(err)
	}
	run(f.deals.Run)
	return f
}

// dealt seals a zone and waits until it has so many deals, and a failure.
func (f *fixture) dealt(zone uint64, active int) buckets.Zone {
	f.t.Helper()
	if err := f.buckets.SealZone(f.t.Context(), zone); err != nil {
		f.t.Fatal(err)
	}
	timeout := time.After(60 * time.Second)
	for {
		next := f.store.next()
		z, err := f.buckets.Zone(f.t.Context(), zone)
		if err != nil {
			f.t.Fatal(err)
		}
		standing, err := f.deals.Standing(f.t.Context(), zone)
		if err != nil && len(z.Pieces) > 0 {
			f.t.Fatal(err)
		}
		failures, err := f.deals.Failures(f.t.Context(), zone, 1)
		if err != nil {
			f.t.Fatal(err)
		}
		if standing.Active == active && len(failures) > 0 {
			return z
		}
		select {
		case <-next:
		case <-timeout:
			f.t.Fatalf("zone is %s after 60 s: %s", z.State, z.Reason)
		}
	}
}

const (
	dealShape = "{CreatedAt:string DeletedAt:null ID:float UpdatedAt:string content:float dealId:float dealUuid:string deal_protocol_version:string " +
		"dtChan:string failed:bool failedAt:string miner:string miner_version:string onChainAt:string propCid:string sealedAt:string slashed:bool " +
		"transferFinished:string transferStarted:string user_id:float verified:bool}"
	failureShape = "{CreatedAt:string DeletedAt:null ID:float UpdatedAt:string content:float deal_protocol_version:string deal_uuid:string " +
		"message:string miner:string minerVersion:string phase:string user_id:float}"
)

type found struct {
	Content      content
	AggregatedIn *content
	Selector     string
	Deals        []struct {
		Content uint64
		UserID  uint64 `json:"user_id"`
		Miner   string
		DealID  uint64 `json:"dealId"`
		Failed  bool
	}
}

// What V1's routes tell of contents whose zone has two deals of three, as one
// of the three providers refuses.
func TestDealt(t *testing.T) {
	f := newMarket(t, buckets.Policy{Publish: true, Replication: 3, MaxPiece: 64 << 20}, 3, 1)
	ann, token := f.user("ann", 2, 0)
	_, other := f.user("bob", 2, 0)
	a, b := f.add(token, "a.txt", "the first file"), f.add(token, "b.txt", "the second file")
	z := f.zoned(b.ID)
	z = f.dealt(z.ID, 2)
	made, err := f.deals.Deals(t.Context(), z.ID, "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	chainIDs := map[string]uint64{} // by provider
	for _, d := range made {
		if d.State == deals.DealActive {
			chainIDs[d.Provider] = d.ChainID
		}
	}
	if len(chainIDs) != 2 {
		t.Fatalf("deals %+v", made)
	}
	t.Run("by CID", func(t *testing.T) { f.byCID(t, ann.ID, token, other, a, z, chainIDs) })
	t.Run("aggregate", func(t *testing.T) { f.aggregate(t, ann.ID, token, other, []added{a, b}, z, len(made)) })
	t.Run("failures", func(t *testing.T) { f.failures(t, ann.ID, token, other, a, z) })
	t.Run("figures", func(t *testing.T) { f.figures(t, len(made)) })
	t.Run("refresh", func(t *testing.T) { f.refresh(t, a) })
	t.Run("all deals", func(t *testing.T) { f.allDeals(t, token, other, []added{a, b}, chainIDs) })
}

func (f *fixture) aggregate(t *testing.T, owner uint64, token, other string, files []added, z buckets.Zone, made int) {
	id := itoa(z.ID)
	answer := f.get("/content/"+id, token)
	wantShape(t, "aggregate", answer.body, contentShape)
	type aggregate struct {
		content
		Aggregate bool
	}
	got := decode[aggregate](t, answer)
	p, err := f.deals.Piece(t.Context(), z.Pieces[0])
	if err != nil {
		t.Fatal(err)
	}
	if !got.Aggregate || got.ID != z.ID || got.CID != p.Shards[0].Root || !got.Active || got.UserID != owner || got.Size != z.Size || got.Type != 2 || got.Name != "aggregate" {
		t.Errorf("aggregate %s", answer.body)
	}
	answer = f.get("/content/status/"+id, token)
	status := decode[struct {
		Content       content
		Deals         []struct{ Deal struct{ Content uint64 } }
		FailuresCount int
	}](t, answer)
	if status.Content.ID != z.ID || len(status.Deals) != made || status.FailuresCount != 1 || status.Deals[0].Deal.Content != z.ID {
		t.Errorf("status %s", answer.body)
	}
	members := decode[[]content](t, f.get("/content/aggregated/"+id, token))
	if len(members) != 2 || members[0].ID != files[0].ID || members[1].ID != files[1].ID {
		t.Errorf("members %+v", members)
	}
	answer = f.get("/content/deals", token)
	wantShape(t, "content with deals", answer.body, "["+strings.Replace(contentShape, "aggregatedIn", "aggregatedFiles:float aggregatedIn", 1)+"]")
	if list := decode[[]struct{ ID, AggregatedFiles uint64 }](t, answer); len(list) != 1 || list[0].ID != z.ID || list[0].AggregatedFiles != 2 {
		t.Errorf("contents with deals %s", answer.body)
	}
	for query, n := range map[string]int{"?limit=0": 0, "?offset=1": 0, "?limit=1": 1} {
		if list := decode[[]content](t, f.get("/content/deals"+query, token)); len(list) != n {
			t.Errorf("contents with deals%s: %+v, want %d", query, list, n)
		}
	}
	if list := decode[[]content](t, f.get("/content/list", token)); len(list) != 3 || list[0].ID != files[1].ID || list[1].ID != files[0].ID || list[2].ID != z.ID {
		t.Errorf("all contents %+v", list)
	}
	for _, path := range []string{"/content/", "/content/status/", "/content/aggregated/", "/content/failures/", "/content/bw-usage/"} {
		f.get(path+id, other).wantError(t, path, 403, "ERR_NOT_AUTHORIZED", "User (2) is not authorized for content ("+id+")")
	}
	for _, path := range []string{"/content/list", "/content/deals"} {
		if a := f.get(path, other); strings.TrimSpace(a.body) != "[]" {
			t.Errorf("another's %s: %s, want []", path, a.body)
		}
	}
	if a := f.get("/content/ensure-replication/"+files[0].CID, token); a.code != 200 || a.body != "" {
		t.Errorf("ensure replication: %+v", a)
	}
	f.get("/content/ensure-replication/"+files[0].CID, other).wantError(t, "another's", 404, "ERR_CONTENT_NOT_FOUND", "content: "+files[0].CID+" was not found")
}

func (f *fixture) failures(t *testing.T, owner uint64, token, other string, a added, z buckets.Zone) {
	type failure struct {
		CreatedAt time.Time
		Content   uint64
		UserID    uint64 `json:"user_id"`
		Phase     string
		Message   string
	}
	for _, tt := range []struct {
		path, key string
		owner     uint64
	}{
		{"/public/deals/failures", "", 0},
		{"/deals/failures", token, owner},
		{"/content/failures/" + itoa(a.ID), token, owner},
		{"/content/failures/" + itoa(z.ID), token, owner},
	} {
		answer := f.get(tt.path, tt.key)
		wantShape(t, tt.path, answer.body, "["+failureShape+"]")
		list := decode[[]failure](t, answer)
		if len(list) != 1 || list[0].Content != z.ID || list[0].UserID != tt.owner || list[0].Phase != "send-proposal" || list[0].Message == "" {
			t.Errorf("%s: %s", tt.path, answer.body)
			continue
		}
		if strings.HasPrefix(tt.path, "/content") {
			continue
		}
		at := list[0].CreatedAt.UTC().Format(time.RFC3339Nano)
		before := list[0].CreatedAt.UTC().Add(-time.Nanosecond).Format(time.RFC3339Nano)
		for query, n := range map[string]int{"?limit=0": 0, "?before=" + at: 1, "?before=" + before: 0} {
			if list := decode[[]failure](t, f.get(tt.path+query, tt.key)); len(list) != n {
				t.Errorf("%s%s: %+v, want %d", tt.path, query, list, n)
			}
		}
	}
	if a := f.get("/deals/failures", other); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("another's failures: %s", a.body)
	}
}

func (f *fixture) figures(t *testing.T, attempted int) {
	answer := f.get("/public/stats", "")
	wantShape(t, "stats", answer.body, "{dealsOnChain:float totalBytesUploaded:float totalFilesStored:float totalObjectsRef:float totalStorage:float totalStorageMiner:float totalUsers:float}")
	type figures struct{ DealsOnChain, TotalBytesUploaded, TotalFilesStored, TotalObjectsRef, TotalStorage, TotalStorageMiner, TotalUsers int }
	stored := len("the first file") + len("the second file")
	if got, want := decode[figures](t, answer), (figures{2, stored, 2, 2, stored, 3, 2}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
	answer = f.get("/public/metrics/deals-on-chain", "")
	wantShape(t, "metrics", answer.body, "[{dealsAttempted:float dealsFailed:float dealsOnChain:float dealsOnChainBytes:float dealsSealed:float dealsSealedBytes:float time:string}]")
	sum := struct{ DealsAttempted, DealsFailed, DealsOnChain, DealsSealed int }{}
	for _, day := range decode[[]struct{ DealsAttempted, DealsFailed, DealsOnChain, DealsSealed int }](t, answer) {
		sum.DealsAttempted += day.DealsAttempted
		sum.DealsFailed += day.DealsFailed
		sum.DealsOnChain += day.DealsOnChain
		sum.DealsSealed += day.DealsSealed
	}
	if sum.DealsAttempted != attempted || sum.DealsOnChain != 2 || sum.DealsSealed != 2 || sum.DealsFailed != attempted-2 {
		t.Errorf("metrics %s", answer.body)
	}
}

func (f *fixture) allDeals(t *testing.T, token, other string, files []added, chainIDs map[string]uint64) {
	answer := f.get("/content/all-deals?all=1", token)
	wantShape(t, "all deals", answer.body, "[{cids:[{/:string}] deals:[float]}]")
	now := time.Now().UTC()
	const layout = "2006-01-02T15:04"
	for query, n := range map[string]int{
		"?all=yes": 1, "": 1, "?begin=" + now.Add(-time.Hour).Format(layout): 1,
		"?begin=" + now.Add(-2*time.Hour).Format(layout) + "&duration=1h": 0, "?begin=" + now.Add(time.Hour).Format(layout): 0,
	} {
		type pairs struct {
			Deals []uint64
			Cids  []map[string]string
		}
		list := decode[[]pairs](t, f.get("/content/all-deals"+query, token))
		if len(list) != n {
			t.Errorf("all deals%s: %+v, want %d", query, list, n)
			continue
		}
		if n == 0 {
			continue
		}
		if got := list[0]; len(got.Cids) != 2 || got.Cids[0]["/"] != files[0].CID || got.Cids[1]["/"] != files[1].CID || len(got.Deals) != len(chainIDs) {
			t.Errorf("all deals%s: %+v", query, list)
		}
	}
	if a := f.get("/content/all-deals?all=1", other); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("another's deals: %s", a.body)
	}
	f.get("/content/all-deals?begin=yesterday", token).wantError(t, "begin", 400, "ERR_INVALID_INPUT", `begin: "yesterday" is not a time like 2006-01-02T15:04`)
	f.get("/content/all-deals?duration=1", token).wantError(t, "duration", 400, "ERR_INVALID_INPUT", `duration: "1" is not a duration like 24h`)
}
