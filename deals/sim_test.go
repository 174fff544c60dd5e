package deals

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// A simulation is a node whose deals live through months on a sandbox network
// with providers that fail and recover. All of it is real, sockets too, but for
// time: that is the sandbox's height, and moves when nobody has anything to do.
type simulation struct {
	simSize
	t      *testing.T
	rng    *rand.Rand
	net    *sandbox.Network
	store  kv.Store
	node   *node.Node
	box    *seal.Box
	opt    Options
	queue  *queue.Queue
	deals  *Deals
	served atomic.Pointer[http.Handler] // of pieces
	seen   lookout
	begin  time.Time // of the simulated time
	first  int64     // height at begin
	height atomic.Int64
	skew   atomic.Int64 // by how much the node's clock is wrong, in nanoseconds

	faulty map[string]time.Time // until when a provider is faulty
	onsets map[string]int       // faults by mode
	pieces map[string]*simPiece
	looked int64 // height of the last count
}

// simSize says how much is simulated.
type simSize struct {
	seed             uint64
	zones, providers int
	days             int
	duration         int64         // epochs of a deal
	poll, recheck    time.Duration // Options of Deals
	bout             time.Duration // how long a fault lasts, on average
	owners           int           // of the providers; 0: each has its own
	endpoints        int           // of the chain; 0: one
	pullAll          bool          // each provider pulls for itself
}

// simPiece is what the chain said of a piece.
type simPiece struct {
	safe  bool  // has had all its replicas once
	now   int   // replicas at the last count
	least int   // of replicas since it was safe
	since int64 // height since when replicas are lacking, 0: none is
	worst int64 // longest time that some were, in epochs
}

// faults that a provider of the simulation may have: all that concern dealing.
var simFaults = []string{"refuse", "refuse-busy", "refuse-limit", "refuse-price", "refuse-size", "stall", "wrong-commp", "vanish",
	"accept-vanish", "reset", "no-publish", "publish-fails", "publish-invalid", "no-seal", "slash", "terminate", "lie", "lie-id", "lie-failed"}

const simReplicas = 6

func (s *simulation) now() time.Time {
	return s.begin.Add(time.Duration(s.height.Load()-s.first)*epochTime + time.Duration(s.skew.Load()))
}

func newSimulation(t *testing.T, size simSize) *simulation {
	t.Helper()
	s := &simulation{simSize: size, t: t, rng: rand.New(rand.NewPCG(size.seed, 1)), begin: time.Now(),
		faulty: map[string]time.Time{}, onsets: map[string]int{}, pieces: map[string]*simPiece{}}
	dir := t.TempDir()
	if ram, err := os.MkdirTemp("/dev/shm", "whypfs-sim"); err == nil { // syncing would take most of the time
		dir = ram
		t.Cleanup(func() { _ = os.RemoveAll(ram) })
	}
	ctx := t.Context()
	var err error
	s.net, err = sandbox.Open(ctx, sandbox.Options{Dir: filepath.Join(dir, "sandbox"), Providers: size.providers, ShareVerified: !size.pullAll, NoSync: true,
		Owners: size.owners, Endpoints: size.endpoints, Ask: sandbox.Ask{Price: 50_000_000, MinPiece: 2 << 10, MaxPiece: 32 << 30}})
	s.must(err)
	t.Cleanup(func() { s.must(s.net.Close()) })
	s.first = s.net.Height()
	s.height.Store(s.first)
	s.store, err = kv.OpenBolt(ctx, filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	s.must(err)
	t.Cleanup(func() { s.must(s.store.Close()) })
	s.node, err = node.Open(ctx, node.Config{Dir: filepath.Join(dir, "node"), ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"}})
	s.must(err)
	t.Cleanup(func() { s.must(s.node.Close()) })
	s.box, err = seal.Open(filepath.Join(dir, "key"))
	s.must(err)
	list, err := ParseProviders(s.net.Providers())
	s.must(err)
	s.opt = Options{Poll: size.poll, Recheck: size.recheck, Providers: list, MinPiece: 4 << 10, Duration: size.duration}
	for _, url := range s.net.RPCAddrs() {
		s.opt.RPC = append(s.opt.RPC, chain.NewEndpoint(url, ""))
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.served.Load()).ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	s.opt.PieceURL = srv.URL
	s.over(s.store)
	address, err := s.deals.Address(ctx)
	s.must(err)
	s.must(s.net.Fund(address))
	return s
}

// over makes queue and deals anew, as another start of the process does.
func (s *simulation) over(store kv.Store) {
	s.queue = queue.New(store, queue.Options{Now: s.now})
	s.deals = New(store, s.node, s.queue, s.box, s.opt)
	s.seen = lookout{}
	h := s.deals.PieceHandler()
	s.served.Store(&h)
}

func (s *simulation) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// pack makes the zones, of one small content each, and starts their deals.
func (s *simulation) pack() {
	s.t.Helper()
	for id := range uint64(s.zones) {
		for _, p := range s.zone(id+1, fmt.Sprint("b", id%10), simReplicas) {
			s.pieces[p.CID] = &simPiece{least: simReplicas}
		}
	}
}

// zone makes one of a small content, and starts its deals.
func (s *simulation) zone(id uint64, bucket string, replicas int) []piece.Piece {
	s.t.Helper()
	ctx := s.t.Context()
	lease := s.deals.node.Lease()
	defer lease.Release()
	data := make([]byte, 1000)
	binary.LittleEndian.PutUint64(data, id-1)
	f, err := s.deals.node.Import(ctx, bytes.NewReader(data), node.ImportOptions{})
	s.must(err)
	pieces, err := s.deals.Pack(ctx, piece.PackRequest{Zone: id, Bucket: bucket, Replication: replicas,
		MaxPiece: 1 << 20, Members: []piece.Member{{Content: id, Root: f.Root, Size: f.Size}}})
	s.must(err)
	s.must(s.deals.Start(ctx, id))
	return pieces
}

// run lives through the days.
func (s *simulation) run() {
	s.t.Helper()
	ctx := s.t.Context()
	end := s.begin.Add(time.Duration(s.days) * 24 * time.Hour)
	report := s.begin
	wall := time.Now()
	for s.now().Before(end) && !s.t.Failed() {
		next, err := s.queue.Settle(ctx)
		s.must(err)
		s.must(s.net.Settle(ctx))
		rotated := s.rotate()
		if next.IsZero() || next.After(s.nextTurn()) {
			next = s.nextTurn()
		}
		// Not before the next poll: what is due meanwhile waits for it, and one step does for all.
		steps := max(1, int64((next.Sub(s.now())+s.poll-1)/s.poll))
		if rotated {
			steps = 1
		}
		s.must(s.net.Advance(ctx, steps*int64(s.poll/epochTime)))
		s.height.Store(s.net.Height())
		s.count(rotated)
		s.deals.look(ctx, &s.seen)
		if s.now().Sub(report) >= 10*24*time.Hour {
			report = s.now()
			s.t.Logf("day %3.0f after %v: %s", report.Sub(s.begin).Hours()/24, time.Since(wall).Round(time.Second), s.summary())
		}
	}
	s.t.Logf("%d days in %v: %.0f hours a second", s.days, time.Since(wall).Round(time.Second), float64(s.days)*24/time.Since(wall).Seconds())
}

// nextTurn is when the next fault begins or ends.
func (s *simulation) nextTurn() time.Time {
	next := s.begin
	for _, until := range s.faulty {
		if next.Equal(s.begin) || until.Before(next) {
			next = until
		}
	}
	return next
}

// rotate heals those providers whose time has come and has others fail instead.
func (s *simulation) rotate() bool {
	s.t.Helper()
	now := s.now()
	if now.Before(s.nextTurn()) {
		return false
	}
	all := s.net.Providers()
	for _, p := range all {
		if until, ok := s.faulty[p]; ok && !now.Before(until) {
			delete(s.faulty, p)
			s.must(s.net.Fail(p, "none"))
		}
	}
	for len(s.faulty) < len(all)/5 {
		p := all[s.rng.IntN(len(all))]
		if _, ok := s.faulty[p]; ok {
			continue
		}
		mode := simFaults[s.rng.IntN(len(simFaults))]
		s.onsets[mode]++
		s.faulty[p] = now.Add(time.Duration((0.1 + s.rng.ExpFloat64()) * float64(s.bout)))
		s.must(s.net.Fail(p, mode))
	}
	return true
}

// count asks the chain, not our rows, how many replicas there are.
func (s *simulation) count(now bool) {
	height := s.height.Load()
	if !now && height-s.looked < 120 {
		return
	}
	s.looked = height
	replicas := s.net.Replicas()
	for c, p := range s.pieces {
		p.now = replicas[c]
		switch {
		case p.now >= simReplicas:
			p.safe, p.since = true, 0
		case p.safe:
			p.least = min(p.least, p.now)
			if p.since == 0 {
				p.since = height
			}
			p.worst = max(p.worst, height-p.since)
		}
	}
}

func (s *simulation) summary() string {
	states := make(map[DealState]int)
	total := 0
	err := s.store.View(s.t.Context(), func(tx kv.Tx) error {
		for row, err := range scanDeals(tx, 0, "") {
			if err != nil {
				return err
			}
			states[row.State]++
			total++
		}
		return nil
	})
	s.must(err)
	lacking, least := 0, simReplicas
	for _, p := range s.pieces {
		if p.now < simReplicas {
			lacking++
		}
		if p.safe {
			least = min(least, p.least)
		}
	}
	faults := 0
	for _, n := range s.onsets {
		faults += n
	}
	return fmt.Sprintf("%d faults, %d deals %v, %d pieces lack replicas, least so far %d", faults, total, states, lacking, least)
}

// check compares rows and chain at the end, and reports.
func (s *simulation) check() {
	s.t.Helper()
	var worst []int64
	for c, p := range s.pieces {
		if !p.safe {
			s.t.Errorf("piece %s never had %d replicas", c, simReplicas)
		}
		if p.least < 4 {
			s.t.Errorf("piece %s had only %d replicas", c, p.least)
		}
		worst = append(worst, p.worst)
	}
	slices.Sort(worst)
	days := func(epochs int64) float64 { return float64(epochs) / 2880 }
	s.t.Logf("back to %d replicas after at most %.1f days, half of the pieces %.1f; faults %v", simReplicas,
		days(worst[len(worst)-1]), days(worst[len(worst)/2]), s.onsets)
	if days(worst[len(worst)-1]) > 14 {
		s.t.Errorf("a piece lacked replicas for %.1f days", days(worst[len(worst)-1]))
	}
	s.distinct()
}

// distinct checks that no provider has two running deals of a piece, unless one is being renewed.
func (s *simulation) distinct() {
	s.t.Helper()
	live := make(map[[2]string]string)
	err := s.store.View(s.t.Context(), func(tx kv.Tx) error {
		for row, err := range scanDeals(tx, 0, "") {
			if err != nil {
				return err
			}
			if row.State.Over() && !row.Loose || row.Expiring {
				continue
			}
			key := [2]string{row.Piece, row.Provider}
			if other, ok := live[key]; ok {
				s.t.Errorf("deals %s and %s of piece %s are both with %s", other, row.UUID, row.Piece, row.Provider)
			}
			live[key] = row.UUID
		}
		return nil
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		s.t.Fatal(err)
	}
}

// TestSimulation lives through two months with a few zones. WHYPFS_SIM=full makes
// it a year with 1,000 zones and 60 providers, WHYPFS_SIM=50x20x90 what it says.
func TestSimulation(t *testing.T) {
	t.Parallel()
	size := simSize{seed: 7, zones: 20, providers: 12, days: 60, duration: 518_400, poll: 10 * time.Minute, recheck: 24 * time.Hour,
		bout: 5 * 24 * time.Hour}
	switch s := os.Getenv("WHYPFS_SIM"); s {
	case "":
	case "full":
		s = "1000x60x365"
		fallthrough
	default:
		size.bout *= 3
		if _, err := fmt.Sscanf(s, "%dx%dx%d", &size.zones, &size.providers, &size.days); err != nil {
			t.Fatalf("WHYPFS_SIM=%q: %v", s, err)
		}
	}
	s := newSimulation(t, size)
	s.rotate()
	s.pack()
	s.run()
	s.check()
}
