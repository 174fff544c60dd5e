package deals_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/sandbox"
)

// A moment is when in the life of their deals the bad providers become bad.
type moment string

const (
	asked     moment = "asked"     // before they hear of a deal
	pulling   moment = "pulling"   // they have accepted it, and not begun to pull
	pulled    moment = "pulled"    // they have the data
	published moment = "published" // the deal is on chain, and not sealed
	active    moment = "active"
)

// hold is the mode that keeps a deal at a moment until the fault begins.
var hold = map[moment]string{pulling: "stall", pulled: "no-publish", published: "no-seal", active: "none"}

// step is how far a provider is with a deal at a moment.
var step = map[moment]string{pulling: "accepted", pulled: "transferred", published: "published", active: "active"}

// A matrixRow is a fault that some of a piece's six providers have.
type matrixRow struct {
	mode   string
	when   moment
	bad    int    // how many have it; 0: two, one that speaks Boost's words and one that speaks Curio's
	engine string // by which they are reached
	sizes  []int  // of the contents; default: two
	late   bool   // shows only after the start epoch
	// fails is how the deals of these two fail, an expression for "phase: reason"; "": they do not,
	// or go on when the provider is well again.
	fails [2]string
	// unseen deals fail for us, and their providers bring them on chain all the
	// same: they are found when these tell the truth, and count again. So it is
	// only where no endpoint keeps events.
	unseen bool
}

const (
	refused  = "send-proposal: refused: "
	gaveUp   = "data-transfer: provider gave up: "
	notThere = "check-chain-deal: not on chain at its start epoch"
	unsealed = "fault: not sealed at its start epoch"
	slashed  = "fault: slashed at epoch"
	tooLate  = "start epoch" // who sees first that it has passed, we or the provider, words it
)

func both(fails string) [2]string { return [2]string{fails, fails} }

var matrixRows = []matrixRow{
	{mode: "none", when: asked},
	{mode: "none", when: pulling},
	{mode: "none", when: pulled},
	{mode: "none", when: published},

	{mode: "refuse", when: asked, fails: both(refused)},
	{mode: "refuse-client", when: asked, fails: both(refused)},
	{mode: "refuse-busy", when: asked, fails: both(refused)},
	{mode: "refuse-limit", when: asked, fails: both(refused)},
	{mode: "refuse-price", when: asked, fails: both(refused)},
	{mode: "refuse-size", when: asked, fails: both(refused)},
	{mode: "refuse-duplicate", when: asked, fails: both(refused)},
	{mode: "refuse-online", when: asked, fails: both(refused)},
	{mode: "refuse-offline", when: asked, engine: deals.EngineOffline, fails: both(refused)},
	{mode: "refuse", when: pulling}, // what was promised is kept

	{mode: "hold-proposal", when: asked, fails: both("send-proposal: cannot be reached")},
	{mode: "hold-answer", when: asked},
	{mode: "stall", when: asked, late: true, fails: both(tooLate)},
	{mode: "accept-vanish", when: asked, late: true, fails: both(notThere + "|send-proposal: cannot be reached")}, // its yes may be lost,
	{mode: "reset", when: asked},
	{mode: "wrong-commp", when: asked, fails: both(gaveUp + "failed to verify CommP")},
	{mode: "no-publish", when: asked, late: true, fails: both(tooLate)},
	{mode: "publish-fails", when: asked, fails: both("provider gave up: failed to publish deal")},
	{mode: "publish-invalid", when: asked, fails: [2]string{"check-chain-deal: the market refused", gaveUp + "failed to publish deal"}},
	{mode: "no-seal", when: asked, late: true, fails: both(tooLate)},

	{mode: "vanish", when: asked, fails: both("query-ask: cannot be reached: ")},
	{mode: "vanish", when: pulling, late: true, fails: both(notThere)},
	{mode: "vanish", when: published, late: true, fails: both(unsealed)},
	{mode: "vanish", when: active, fails: both(slashed)},
	{mode: "slash", when: active, fails: both(slashed)},
	{mode: "terminate", when: active, fails: [2]string{"fault: deal ", "fault: deal "}},

	{mode: "lie", when: asked, late: true, fails: both(notThere)},
	{mode: "lie", when: published, late: true, fails: both(unsealed)},
	{mode: "lie-id", when: pulling}, // the chain tells the right one
	{mode: "lie-id", when: published},
	{mode: "lie-failed", when: pulled, fails: both(gaveUp + "failed to publish deal: not enough funds")}, // and come back before they are replaced
	{mode: "lie-failed", when: published},
	{mode: "lie-failed", when: active},

	{mode: "corrupt", when: active, bad: 5},
	{mode: "corrupt-piece", when: active, bad: 6},
	{mode: "corrupt-ipfs", when: active, bad: 6},
	{mode: "short", when: active, bad: 5},
	{mode: "trickle", when: active, sizes: []int{1000}}, // more would be waited for longer than a test should last
	{mode: "no-retrieval", when: active, bad: 5},
}

// blindRows are those faults with which the chain's events make a difference, without them.
var blindRows = []matrixRow{
	{mode: "lie-id", when: pulling, late: true, unseen: true, fails: both(notThere)},
	{mode: "lie-id", when: published, late: true, unseen: true, fails: [2]string{"", notThere}}, // Curio tells the id of sealed deals only
	{mode: "lie-failed", when: pulled, unseen: true, fails: both(gaveUp + "failed to publish deal: not enough funds")},
	{mode: "lie-failed", when: published, unseen: true, fails: [2]string{"", gaveUp + "failed to publish deal: not enough funds"}},
}

// TestFaultMatrix: whatever fault providers have at whatever moment, the piece
// ends with six active deals at six providers, the chain has locked the price
// of these and no other, and every content comes back byte for byte from the
// providers, those with the fault among them, after the local blocks are gone.
// A deal that a provider denies, and brings on chain, is found there, and not
// replaced. Where no endpoint keeps events it is paid beside its replacement: it is
// found when the provider tells the truth, and until then it gets no second of the piece.
// Faults of the chain's endpoints are in rpc_fault_test.go.
func TestFaultMatrix(t *testing.T) {
	named := make(map[string]bool)
	for i, row := range matrixRows {
		named[row.mode] = true
		if raced && i%4 != 0 {
			continue // the detector makes each many times slower
		}
		t.Run(row.mode+"/"+string(row.when), func(t *testing.T) { row.run(t) })
	}
	for mode := range sandbox.Modes() {
		if !named[mode] {
			t.Errorf("mode %q of providers is in no row", mode)
		}
	}
}

// TestFaultMatrixWithoutEvents has the rows of providers that publish what they deny.
func TestFaultMatrixWithoutEvents(t *testing.T) {
	for i, row := range blindRows {
		if raced && i > 0 {
			continue
		}
		t.Run(row.mode+"/"+string(row.when), func(t *testing.T) { row.run(t) })
	}
}

const matrixLead = 1000 // epochs until deals start

func (r matrixRow) run(t *testing.T) {
	m := newMarket(t, 8, deals.Options{StartLead: matrixLead, Doubt: 50 * epoch})
	if r.unseen {
		m.failRPC("no-events")
	}
	all := m.net.Providers()
	bad := all[:max(2, r.bad)]
	list := configs(t, all...)
	for i := range bad {
		list[i].Engine = r.engine
	}
	m.reopen(list[:6]) // so that all of the bad are asked
	first := hold[r.when]
	if r.when == asked {
		first = r.mode
	}
	m.failAll(bad, first)
	if len(r.sizes) == 0 {
		r.sizes = []int{300_000, 100}
	}
	req, _ := m.zone(1, 6, r.sizes...)
	if r.when != asked {
		m.awaitSteps(bad, step[r.when])
		m.until("we know of it", time.Minute, func() bool { return m.knows(bad, r) })
		m.failAll(bad, r.mode)
	}
	lost := 0
	for _, f := range r.fails {
		if f != "" {
			lost++
		}
	}
	if r.late {
		m.awaitSteps(all[len(bad):6], "active")
		if r.unseen {
			m.awaitSteps(bad, "active")
		}
		m.reopen(list) // there are others who can replace them
		m.advance(matrixLead + 20)
	}
	for i, f := range r.fails {
		m.awaitFailure(bad[i], f)
	}
	if lost > 0 && !r.late {
		m.reopen(list)
	}
	m.until("six active deals", time.Minute, m.active(1))
	extra := 0
	if r.unseen {
		m.awaitSteps(bad, "active")
		extra = lost
	}
	m.checkMoney(1, 6+extra)
	m.checkRestore(req)
	m.failAll(bad, "none")
	m.until("all deals that the chain has are known", time.Minute, func() bool { return m.count(1, deals.DealActive) == 6+extra })
	m.checkMoney(1, 6+extra)
}

// knows says whether our deals are as far as those of some providers. What speaks
// Curio's words says of deals on chain nothing until they are active; where
// nobody keeps events, nobody else does.
func (m *market) knows(providers []string, r matrixRow) bool {
	for _, d := range m.list(1) {
		i := slices.Index(providers, d.Provider)
		want := map[moment]deals.DealState{pulling: deals.DealAccepted, pulled: deals.DealAccepted, published: deals.DealPublished, active: deals.DealActive}[r.when]
		if i < 0 || want == "" || r.when == published && i%2 == 1 && r.unseen {
			continue
		}
		if d.State != want {
			return false
		}
	}
	return true
}

// failRPC makes the chain's endpoint misbehave.
func (m *market) failRPC(mode string) {
	m.t.Helper()
	if err := m.net.FailRPC(0, mode); err != nil {
		m.t.Fatal(err)
	}
}

// reopen restarts the world with other providers.
func (m *market) reopen(list []deals.ProviderConfig) {
	m.t.Helper()
	m.stop()
	m.opt.Providers = list
	m.world.restart()
}

func (m *market) failAll(providers []string, mode string) {
	m.t.Helper()
	for _, p := range providers {
		m.fail(p, mode)
	}
}

// awaitSteps waits until each provider has a deal in a step.
func (m *market) awaitSteps(providers []string, step string) {
	m.t.Helper()
	for _, p := range providers {
		m.until(p+" has a deal that is "+step, time.Minute, func() bool {
			for _, s := range m.net.Snapshot().Providers {
				for _, d := range s.Deals {
					if s.Address == p && d.Step == step {
						return true
					}
				}
			}
			return false
		})
	}
}

// awaitFailure waits until a failure of a provider is recorded that matches an
// expression, as "phase: reason".
func (m *market) awaitFailure(provider, want string) {
	m.t.Helper()
	m.until(fmt.Sprintf("failure %q of %s", want, provider), time.Minute, func() bool {
		return regexp.MustCompile(want).MatchString(m.failures(provider))
	})
}

// checkMoney asks the other side what our deals of a zone cost: as many as are
// wanted are on chain or on their way to it, no two of a piece with one
// provider, and what the chain has locked is their price.
func (m *market) checkMoney(zone uint64, wanted int) {
	m.t.Helper()
	m.checkDistinct(zone)
	live, price := 0, new(big.Int)
	for _, p := range m.net.Snapshot().Providers {
		at := make(map[string]bool)
		for _, d := range p.Deals {
			switch d.Step {
			case "failed", "slashed", "expired":
				continue
			}
			live++
			if at[d.Piece] {
				m.t.Errorf("%s has two deals of piece %s", p.Address, d.Piece)
			}
			at[d.Piece] = true
			if d.ChainID == 0 {
				m.t.Errorf("%s still has a deal that is %s", p.Address, d.Step)
			}
			perEpoch := (sandboxPrice*d.Size + 1<<30 - 1) >> 30
			price.Add(price, big.NewInt(perEpoch*(d.End-d.Start)))
		}
	}
	if live != wanted {
		m.t.Errorf("providers have %d deals on chain or on their way to it, want %d\n%s%s", live, wanted, m.taken(), m.dump())
	}
	if locked := m.locked(); locked.Cmp(price) != 0 {
		m.t.Errorf("the chain has locked %s attoFIL, and the %d deals cost %s\n%s%s", locked, live, price, m.taken(), m.dump())
	}
}

// sandboxPrice is what its providers ask, in attoFIL per GiB and epoch.
const sandboxPrice = 50_000_000

// taken lists what providers have.
func (m *market) taken() (out string) {
	for _, p := range m.net.Snapshot().Providers {
		for _, d := range p.Deals {
			out += fmt.Sprintf("%s (%s, %s) has %s: %s, id %d, %s\n", p.Address, p.Dialect, p.Mode, d.UUID, d.Step, d.ChainID, d.Error)
		}
	}
	return out
}

// locked is what the chain holds back of our escrow for deals.
func (m *market) locked() *big.Int {
	m.t.Helper()
	address, err := m.deals.Address(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"Filecoin.StateMarketBalance","params":[%q,null]}`, address)
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.net.RPC(), strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	var answer struct{ Result struct{ Locked string } }
	if err := json.Unmarshal(raw, &answer); err != nil {
		m.t.Fatal(err)
	}
	amount, ok := new(big.Int).SetString(answer.Result.Locked, 10)
	if !ok {
		m.t.Fatalf("balance %s", raw)
	}
	return amount
}

// checkRestore loses all blocks and gets every content back from the providers.
func (m *market) checkRestore(req piece.PackRequest) {
	m.t.Helper()
	m.loseBlocks()
	for _, mem := range req.Members {
		if err := m.deals.Restore(m.t.Context(), req.Zone, mem.Content, mem.Root); err != nil {
			m.t.Errorf("content %d is lost: %v\n%s", mem.Content, err, m.taken())
			continue
		}
		m.checkContent(mem, random(int(mem.Size), mem.Content))
	}
}
