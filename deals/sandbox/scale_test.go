package sandbox_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/deals/sandbox"
)

// TestYear has many deals live through a year, with faults that come and go. By
// itself it is small; WHYPFS_SANDBOX_SCALE=60x1000x6 (providers, pieces, deals
// of each) makes it as large as one likes, and -v tells what it cost.
func TestYear(t *testing.T) {
	providers, pieces, copies := 8, 30, 3
	if s := os.Getenv("WHYPFS_SANDBOX_SCALE"); s != "" {
		if _, err := fmt.Sscanf(s, "%dx%dx%d", &providers, &pieces, &copies); err != nil {
			t.Fatal(err)
		}
	}
	n := openNetworkWith(t, sandbox.Options{
		Dir: t.TempDir(), Providers: providers, ShareVerified: true, NoSync: true,
		Ask: sandbox.Ask{Price: 50_000_000, VerifiedPrice: 5_000_000, MinPiece: 128, MaxPiece: 1 << 20},
	})
	must(t, n.Fund(n.client.String()))
	began := time.Now()
	total, publish := n.dealsOf(pieces, copies), ""
	n.wait("transfers", func(s sandbox.State) bool { return s.DealCount("transferred") == total })
	n.advance(100)
	n.wait("active deals", func(s sandbox.State) bool {
		publish = s.Providers[0].Deals[0].Publish
		return s.DealCount("active") == total
	})
	t.Logf("%d deals active after %v", total, time.Since(began).Round(time.Millisecond))

	began = time.Now()
	n.advance(2880)
	t.Logf("a quiet day: %v", time.Since(began).Round(time.Microsecond))
	rng := rand.New(rand.NewPCG(1, 2))
	began = time.Now()
	slowest := time.Duration(0)
	for range 363 {
		day := time.Now()
		must(t, n.Fail(n.Providers()[rng.IntN(providers)], "no-seal")) // a change, for the agenda to follow
		n.advance(2880)
		slowest = max(slowest, time.Since(day))
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("363 days: %v, the slowest %v; %d MiB of heap", time.Since(began).Round(time.Millisecond), slowest.Round(time.Microsecond), mem.HeapInuse>>20)
	replicas := n.Replicas()
	for piece, got := range replicas {
		if got != copies {
			t.Errorf("piece %s has %d active deals after a year, want %d", piece, got, copies)
		}
	}
	if len(replicas) != pieces {
		t.Errorf("%d pieces are stored, want %d", len(replicas), pieces)
	}
	if got := n.receipt(publish); got != nil {
		t.Errorf("a message of a year ago is still known: %+v", got)
	}
	if got := n.data.served.Load(); got != int64(pieces) {
		t.Errorf("%d pieces were pulled %d times, want each once", pieces, got)
	}
	must(t, n.Fail(n.Providers()[0], "slash"))
	n.advance(10)
	if got := n.Snapshot().DealCount("slashed"); got != len(n.provider(n.Providers()[0]).Deals) {
		t.Errorf("%d deals were slashed", got)
	}
	n.advance(300 * 2880)
	if got := n.Replicas(); len(got) != 0 {
		t.Errorf("%d pieces have active deals after their end", len(got))
	}
	if p := n.provider(n.Providers()[0]); len(p.Deals) != 0 || p.Pieces != 0 {
		t.Errorf("a provider still has %d deals and %d pieces", len(p.Deals), p.Pieces)
	}
}

// dealsOf proposes so many deals of each of so many tiny pieces.
func (n *network) dealsOf(pieces, copies int) int {
	n.t.Helper()
	var g errgroup.Group
	g.SetLimit(4)
	providers := n.Providers()
	for _, p := range providers {
		if _, err := n.connect(p); err != nil {
			n.t.Fatal(err)
		}
	}
	for i := range pieces {
		data := make([]byte, 254)
		copy(data, fmt.Sprintf("piece %d", i))
		p := &piece{data: data, padded: 256, cid: commitment(n.t, data, 256), root: newDAG(n.t, uint64(i), 1, 10)[0].Cid()}
		for k := range copies {
			provider := providers[(i+k)%len(providers)]
			dp := n.params(provider, p)
			dp.DealUUID = uuid.New()
			prop := &dp.ClientDealProposal.Proposal
			prop.StartEpoch = abi.ChainEpoch(n.Height() + 2000)
			prop.EndEpoch = prop.StartEpoch + 400*2880
			n.signDeal(&dp)
			g.Go(func() error {
				res := n.propose(provider, dp)
				if !res.Accepted {
					return fmt.Errorf("propose to %s: %s", provider, res.Message)
				}
				return nil
			})
		}
	}
	must(n.t, g.Wait())
	return pieces * copies
}
