package deals_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/sandbox"
)

// A market is a world that deals with a sandbox network.
type market struct {
	*world
	net     *sandbox.Network
	changed chan struct{} // a token whenever deals of some zone moved
	stop    func()        // ends jobs and head following
	handler atomic.Pointer[http.Handler]
	pulls   atomic.Int64           // requests for pieces
	down    atomic.Bool            // the chain does not answer
	push    atomic.Pointer[pushes] // what becomes of messages that are pushed
	hidden  atomic.Pointer[string] // a provider that the chain says is where nobody is
}

// pushes answers the calls that push a message; to the chain they go by way of next.
type pushes func(w http.ResponseWriter, r *http.Request, next http.Handler)

// nowhere is what the chain says of a hidden provider: a peer at 127.0.0.1, port 1.
const nowhere = `{"jsonrpc":"2.0","id":1,"result":{"PeerId":"12D3KooWQbt5nFXP4riBtnv4mAV82ifCcQsFmS4H2RZSC5oCKfWL","Multiaddrs":["BH8AAAEGAAE="]}}`

func (m *market) hides(body []byte) bool {
	p := m.hidden.Load()
	return p != nil && bytes.Contains(body, []byte("StateMinerInfo")) && bytes.Contains(body, []byte(*p))
}

// TestMain lets many tests run at once: they wait for epochs, they do not compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	m.Run()
}

// epoch is the sandbox's. The race detector slows the machine, so the world too.
const epoch = 100*time.Millisecond + raceDelay

// newMarket opens a funded market with n providers. The test runs beside others.
func newMarket(t *testing.T, n int, opt deals.Options) *market {
	t.Helper()
	m := newPoorMarket(t, n, opt)
	m.fund()
	return m
}

func (m *market) fund() {
	m.t.Helper()
	address, err := m.deals.Address(context.Background())
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.net.Fund(address); err != nil {
		m.t.Fatal(err)
	}
}

func newPoorMarket(t *testing.T, n int, opt deals.Options) *market {
	t.Helper()
	t.Parallel()
	return openMarket(t, n, opt)
}

// newMarketOf opens a funded market over a network of its own kind.
func newMarketOf(t *testing.T, of sandbox.Options, opt deals.Options) *market {
	t.Helper()
	t.Parallel()
	m := openMarketOf(t, of, opt)
	m.fund()
	return m
}

func openMarket(t *testing.T, n int, opt deals.Options) *market {
	t.Helper()
	return openMarketOf(t, sandbox.Options{Providers: n}, opt)
}

func openMarketOf(t *testing.T, of sandbox.Options, opt deals.Options) *market {
	t.Helper()
	m := &market{changed: make(chan struct{}, 1)}
	of.Dir, of.Epoch, of.Log = t.TempDir(), epoch, opt.Log
	if opt.Recheck == 0 {
		opt.Recheck = 5 * epoch // bad news are looked for while the test waits
	}
	if opt.Doubt == 0 {
		opt.Doubt = 10 * epoch
	}
	net, err := sandbox.Open(context.Background(), of)
	if err != nil {
		t.Fatal(err)
	}
	m.net = net
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := net.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.pulls.Add(1)
		(*m.handler.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	target, err := url.Parse(net.RPC())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	rpc := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.down.Load() {
			http.Error(w, "out of order", http.StatusBadGateway)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has left
		}
		if m.hides(body) {
			io.WriteString(w, nowhere)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if f := m.push.Load(); f != nil && bytes.Contains(body, []byte("MpoolPush")) {
			(*f)(w, r, proxy)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(rpc.Close)
	opt.RPC, opt.Providers, opt.PieceURL, opt.Poll = endpoints(rpc.URL+target.Path), configs(t, net.Providers()...), srv.URL, epoch
	opt.Changed = func(uint64) {
		select {
		case m.changed <- struct{}{}:
		default:
		}
	}
	m.world = &world{t: t, dir: t.TempDir(), opt: opt, host: true, ready: m.start}
	m.open()
	t.Cleanup(func() {
		m.stop()
		m.close()
	})
	return m
}

// start runs what cmd would run.
func (m *market) start() {
	h := m.deals.PieceHandler()
	m.handler.Store(&h)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.queue.Run(ctx); err != nil {
			m.t.Error(err)
		}
	})
	wg.Go(func() {
		if err := m.deals.Run(ctx); err != nil && !errors.Is(err, errDead) {
			m.t.Error(err)
		}
	})
	m.stop = func() {
		cancel()
		wg.Wait()
	}
}

func (m *market) restart() {
	m.t.Helper()
	m.stop()
	m.world.restart()
}

// until waits for cond, looking again whenever a deal moves or a tenth of a second passed.
func (m *market) until(what string, within time.Duration, cond func() bool) {
	m.t.Helper()
	deadline := time.After(within)
	look := time.NewTicker(epoch)
	defer look.Stop()
	for !cond() {
		select {
		case <-m.changed:
		case <-look.C:
		case <-deadline:
			m.t.Fatalf("%s: not within %v\n%s", what, within, m.dump())
		}
	}
}

func (m *market) list(zone uint64) []deals.Deal {
	m.t.Helper()
	list, err := m.deals.Deals(context.Background(), zone, "", 0, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	return list
}

// count says how many deals of a zone are in a state.
func (m *market) count(zone uint64, state deals.DealState) (n int) {
	for _, d := range m.list(zone) {
		if d.State == state {
			n++
		}
	}
	return n
}

func (m *market) active(zone uint64) func() bool {
	return func() bool {
		wanted, active, _, err := m.deals.Progress(context.Background(), zone)
		if err != nil {
			m.t.Fatal(err)
		}
		return wanted > 0 && active == wanted
	}
}

func (m *market) dump() string {
	out := ""
	for _, d := range m.list(0) {
		out += fmt.Sprintf("%s %s %s: %s\n", d.UUID, d.Provider, d.State, d.Reason)
	}
	fails, _ := m.deals.Failures(context.Background(), 0, 0)
	for _, f := range fails {
		out += fmt.Sprintf("failure %s %s: %s\n", f.Provider, f.Phase, f.Message)
	}
	jobs, _ := m.queue.List(context.Background(), "")
	for _, j := range jobs {
		out += fmt.Sprintf("job %s %s running %v due %v tries %d: %s\n", j.Kind, j.ID, j.Running, time.Until(j.Due), j.Tries, j.Reason)
	}
	_, _, reason, _ := m.deals.Progress(context.Background(), 1)
	return out + "progress: " + reason
}

// zone packs contents of the given sizes as a zone and starts its deals.
func (m *market) zone(id uint64, replication int, sizes ...int) (piece.PackRequest, []piece.Piece) {
	m.t.Helper()
	req, pieces := m.packed(id, replication, sizes...)
	if err := m.deals.Start(context.Background(), id); err != nil {
		m.t.Fatal(err)
	}
	return req, pieces
}

func (m *market) packed(id uint64, replication int, sizes ...int) (piece.PackRequest, []piece.Piece) {
	m.t.Helper()
	req := piece.PackRequest{Zone: id, Bucket: "b", Replication: replication, MaxPiece: 64 << 20}
	for i, size := range sizes {
		content := id*1000 + uint64(i)
		req.Members = append(req.Members, m.add(content, random(size, content)))
	}
	return req, m.pack(req)
}

// checkDistinct checks that live deals of each piece are with different providers.
func (m *market) checkDistinct(zone uint64) {
	m.t.Helper()
	holder := make(map[string]string)
	for _, d := range m.list(zone) {
		if d.State.Over() {
			continue
		}
		key := d.Piece + " " + d.Provider
		if other, ok := holder[key]; ok {
			m.t.Errorf("deals %s and %s of one piece are with the same provider %s", other, d.UUID, d.Provider)
		}
		holder[key] = d.UUID
	}
}

func TestSixReplicas(t *testing.T) {
	m := newMarket(t, 8, deals.Options{})
	begin := time.Now()
	sizes := slices.Repeat([]int{1 << 20}, 16)
	if raced {
		sizes = sizes[:3] // the detector makes hashing 32 MiB six times a long wait
	}
	m.zone(1, 6, sizes...)
	m.until("six active deals", 20*time.Second+100*raceDelay, m.active(1))
	t.Logf("from pack to six active deals in %v", time.Since(begin))
	m.checkDistinct(1)
	for _, d := range m.list(1) {
		if d.State == deals.DealActive && (d.ChainID == 0 || d.Proposal == "" || d.ActiveAt.IsZero() || d.Times[deals.DealPublished].IsZero()) {
			t.Errorf("active deal lacks facts: %+v", d)
		}
	}
	if _, _, reason, _ := m.deals.Progress(t.Context(), 1); reason != "" {
		t.Errorf("nothing is missing, but the zone waits: %s", reason)
	}
	providers, err := m.deals.Providers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, p := range providers {
		sum += p.Active
	}
	if sum != 6 || len(providers) != 8 {
		t.Errorf("%d providers with %d active deals, want 8 with 6", len(providers), sum)
	}
}
