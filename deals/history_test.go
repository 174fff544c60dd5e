package deals

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

// A history is a simulation in which anything may happen next: faults of
// providers and of the chain, deaths and restarts of the node, jumps of its
// clock, other rules and other providers. After each event what must always
// hold is looked at.
type history struct {
	*simulation
	writes *kvtest.Faulty
	rules  map[string]Rules  // by bucket
	bucket map[string]string // by piece
	all    []ProviderConfig
	known  map[string]bool // deals that earlier events saw
	told   []string        // what happened

	counted map[string]map[string]string // by piece: deals that were replicas at the last look, and their providers
}

const (
	historyReplicas = 4
	historyOwners   = 5 // of nine providers, which are in three regions
	freeBucket      = "free"
)

// untold are the modes of providers and of endpoints that take real time, or
// epochs while we wait for an answer.
var untold = []string{"trickle", "hold-proposal", "hold-answer", "slow", "rate-limit", "huge"}

func newHistory(t *testing.T, seed uint64) *history {
	t.Helper()
	h := &history{bucket: map[string]string{}, known: map[string]bool{}, rules: map[string]Rules{
		"plain": {}, "owners": {Owners: historyReplicas}, "regions": {Regions: 3, Owners: 2}, freeBucket: {}}}
	h.simulation = newSimulation(t, simSize{seed: seed, providers: 9, owners: historyOwners, endpoints: 3, pullAll: true,
		duration: 518_400, poll: 10 * time.Minute, recheck: 6 * time.Hour})
	h.writes = &kvtest.Faulty{Store: h.store}
	for i := range h.opt.Providers {
		h.opt.Providers[i].Region = fmt.Sprint("r", i%3)
	}
	h.all = slices.Clone(h.opt.Providers)
	h.opt.SampleEvery = 24 * time.Hour
	h.opt.Rules = func(_ context.Context, bucket string) (Rules, error) { return h.rules[bucket], nil }
	h.restart()
	buckets := slices.Sorted(maps.Keys(h.rules))
	for i, b := range buckets {
		for _, p := range h.zone(uint64(i+1), b, historyReplicas) {
			h.bucket[p.CID] = b
		}
	}
	return h
}

// restart is the end of the process, and another start.
func (h *history) restart() {
	h.writes.Choose(nil)
	h.over(h.writes)
	h.deals.askAll(h.t.Context())
}

// An event happens to a history, and says what it was.
type event func(h *history) string

// events are as likely as they are many.
var events = []event{fail, fail, fail, heal, heal, wait, wait, (*history).die, (*history).die, (*history).restarts, (*history).jump, (*history).jump,
	(*history).govern, (*history).enlist, (*history).relist, (*history).relist, (*history).failRPC, (*history).fork}

func fail(h *history) string {
	p, mode := h.anyOne(), h.mode(sandbox.Modes())
	h.must(h.net.Fail(p, mode))
	return p + " is " + mode
}

func heal(h *history) string {
	for _, p := range h.net.Snapshot().Providers {
		if p.Mode != "none" && h.rng.IntN(2) == 0 {
			h.must(h.net.Fail(p.Address, "none"))
			return p.Address + " is well"
		}
	}
	return "all stay as they are"
}

// wait lets days go by, in which deals end and are renewed.
func wait(h *history) string {
	days := []int{1, 4, 20, 60}[h.rng.IntN(4)]
	h.live(time.Duration(days) * 24 * time.Hour)
	return fmt.Sprint(days, " days go by")
}

func (h *history) anyOne() string { return h.all[h.rng.IntN(len(h.all))].Address }

func (h *history) mode(all map[string]string) string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(m string) bool { return slices.Contains(untold, m) })
	return names[h.rng.IntN(len(names))]
}

func (h *history) restarts() string {
	h.restart()
	return "the node is started anew"
}

// die kills the process at a write to come, and starts it again.
func (h *history) die() string {
	at, how := h.rng.IntN(12), []kvtest.Fault{kvtest.Before, kvtest.Applied}[h.rng.IntN(2)]
	ctx, kill := context.WithCancel(h.t.Context())
	defer kill()
	h.writes.Choose(func(n int) kvtest.Fault {
		switch {
		case n < at:
			return kvtest.None
		case n == at:
			kill()
			return how
		}
		return kvtest.Before
	})
	for i := 0; i < 20 && ctx.Err() == nil; i++ {
		h.poll(ctx, false)
	}
	died := ctx.Err() != nil
	h.restart()
	return fmt.Sprintf("the node dies: %v, at write %d, applied: %v", died, at, how == kvtest.Applied)
}

// jump makes the node's clock wrong by another time than before, or right.
func (h *history) jump() string {
	skew := time.Duration(0)
	if h.rng.IntN(3) > 0 {
		skew = time.Duration(h.rng.Int64N(int64(400*24*time.Hour))) - 200*24*time.Hour
	}
	h.skew.Store(int64(skew))
	if h.rng.IntN(2) == 0 {
		h.restart() // it was off while the clock was set
	}
	return fmt.Sprint("the node's clock is wrong by ", skew)
}

// govern gives a bucket other rules.
func (h *history) govern() string {
	r := Rules{Owners: h.rng.IntN(5), Regions: h.rng.IntN(4), Share: 25 * h.rng.IntN(4)}
	for range h.rng.IntN(3) {
		r.Block = append(r.Block, []string{h.anyOne(), fmt.Sprint("r", h.rng.IntN(3))}[h.rng.IntN(2)])
	}
	h.rules[freeBucket] = r
	return fmt.Sprintf("rules are %+v", r)
}

// enlist changes the settings, which takes a restart.
func (h *history) enlist() string {
	h.opt.Providers = slices.DeleteFunc(slices.Clone(h.all), func(ProviderConfig) bool { return h.rng.IntN(5) == 0 })
	h.restart()
	return fmt.Sprintf("%d of %d providers are listed", len(h.opt.Providers), len(h.all))
}

// failRPC gives one of the chain's endpoints a fault; the others have none.
func (h *history) failRPC() string {
	bad, mode := h.rng.IntN(h.endpoints), h.mode(sandbox.RPCModes())
	for i := range h.endpoints {
		h.must(h.net.FailRPC(i, "none"))
	}
	h.must(h.net.FailRPC(bad, mode))
	return fmt.Sprintf("endpoint %d is %s", bad, mode)
}

// fork undoes some epochs. Messages run again, or never.
func (h *history) fork() string {
	epochs, drop := 1+h.rng.Int64N(8), h.rng.IntN(3) == 0
	if err := h.net.Reorg(epochs, drop); err != nil {
		return err.Error() // the last epochs were one
	}
	h.height.Store(h.net.Height())
	return fmt.Sprintf("%d epochs are undone, messages dropped: %v", epochs, drop)
}

// poll does what is due, and moves time to the next poll at which something is,
// or, if it is far, by a day.
func (h *history) poll(ctx context.Context, skip bool) {
	next, err := h.queue.Settle(ctx)
	if err != nil && ctx.Err() == nil {
		h.must(err)
	}
	h.must(h.net.Settle(h.t.Context()))
	step := h.simulation.poll
	if ahead := next.Sub(h.now()); skip && (next.IsZero() || ahead > step) {
		step = min(24*time.Hour, (ahead+step-1)/step*step)
		if next.IsZero() {
			step = 24 * time.Hour
		}
	}
	h.must(h.net.Advance(h.t.Context(), int64(step/epochTime)))
	h.height.Store(h.net.Height())
	h.deals.look(ctx, &h.seen)
}

// live goes on for a time.
func (h *history) live(d time.Duration) {
	for end := h.height.Load() + int64(d/epochTime); h.height.Load() < end; {
		h.poll(h.t.Context(), true)
	}
}

// run has things happen.
func (h *history) run(events []event, steps int) {
	h.t.Helper()
	for range steps {
		h.told = append(h.told, events[h.rng.IntN(len(events))](h))
		h.inspect()
		for range h.rng.IntN(6) {
			h.poll(h.t.Context(), h.rng.IntN(2) == 0)
			h.inspect()
		}
		if h.t.Failed() {
			h.t.Logf("what happened:\n%s", strings.Join(h.told, "\n"))
			return
		}
	}
}

// settle lets all be well again: every piece gets what it wants.
func (h *history) settle() {
	h.t.Helper()
	for i := range h.endpoints {
		h.must(h.net.FailRPC(i, "none"))
	}
	for _, p := range h.all {
		h.must(h.net.Fail(p.Address, "none"))
	}
	h.opt.Providers, h.rules[freeBucket] = h.all, Rules{}
	h.restart()
	for _, p := range h.all {
		h.must(h.deals.UnsuspendProvider(h.t.Context(), p.Address, true))
	}
	last := h.now().Add(60 * 24 * time.Hour)
	for !h.satisfied() && !h.t.Failed() {
		if h.now().After(last) {
			h.t.Fatalf("pieces lack replicas long after all is well: %s\n%s", h.summary(), strings.Join(h.told, "\n"))
		}
		h.poll(h.t.Context(), true)
		h.inspect()
	}
}

// satisfied says that every piece has all its replicas, as the rules have it, for
// us and on chain.
func (h *history) satisfied() bool {
	active, replicas := map[string]map[string]string{}, h.net.Replicas()
	for _, r := range h.rows() {
		if r.State == DealActive && r.counts() {
			if active[r.Piece] == nil {
				active[r.Piece] = map[string]string{}
			}
			active[r.Piece][r.UUID] = r.Provider
		}
	}
	for c, b := range h.bucket {
		if active := active[c]; len(active)-h.surplus(b, active) < historyReplicas || replicas[c] < historyReplicas {
			return false
		}
	}
	return true
}

func (h *history) rows() (rows []dealRow) {
	h.t.Helper()
	h.must(h.store.View(h.t.Context(), func(tx kv.Tx) (err error) {
		rows, err = h.deals.dealsOf(h.t.Context(), tx, 0)
		return err
	}))
	return rows
}

// TestHistories lives through random histories, the same ones with the same
// seed but for draws and races. WHYPFS_HISTORIES=200x60 makes it so many of so
// many events, WHYPFS_HISTORY_SEED the first of other seeds.
func TestHistories(t *testing.T) {
	t.Parallel()
	n, steps, seed := 2, 30, uint64(1)
	if s := os.Getenv("WHYPFS_HISTORIES"); s != "" {
		if _, err := fmt.Sscanf(s, "%dx%d", &n, &steps); err != nil {
			t.Fatalf("WHYPFS_HISTORIES=%q: %v", s, err)
		}
	}
	if s := os.Getenv("WHYPFS_HISTORY_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("WHYPFS_HISTORY_SEED: %v", err)
		}
	}
	for i := range uint64(n) {
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, seed+i)
			h.run(events, steps)
			if !t.Failed() {
				h.settle()
			}
		})
	}
}
