package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
)

// offline proposes a deal without a transfer.
func (n *network) offline(provider string, p *piece, change func(*boostly.DealParams)) uuid.UUID {
	n.t.Helper()
	dp := n.params(provider, p)
	dp.IsOffline, dp.Transfer = true, boostly.Transfer{Size: uint64(len(p.data))}
	if change != nil {
		change(&dp)
	}
	n.signDeal(&dp)
	if res := n.propose(provider, dp); !res.Accepted {
		n.t.Fatalf("offline deal rejected: %s", res.Message)
	}
	return dp.DealUUID
}

// TestImport: an offline deal waits for its data, takes no other, and goes on
// with it.
func TestImport(t *testing.T) {
	n := newNetwork(t, 2)
	for i, provider := range n.Providers() {
		p, other := plainPiece(t, uint64(200+i)), plainPiece(t, uint64(210+i))
		id := n.offline(provider, p, nil)
		n.advance(20)
		if st := n.status(provider, id); !st.IsOffline || n.waitStep(id, "accepted").Error != "" {
			t.Errorf("status is %+v", st)
		}
		file := filepath.Join(t.TempDir(), "piece")
		must(t, os.WriteFile(file, other.data, 0o600))
		if err := n.Import(t.Context(), provider, id.String(), file); err == nil || !strings.Contains(err.Error(), "commp mismatch") {
			t.Errorf("another piece's data: %v", err)
		}
		if err := n.Import(t.Context(), provider, id.String(), file+"x"); err == nil {
			t.Error("a file that is not there was imported")
		}
		must(t, os.WriteFile(file, append(p.data, make([]byte, 2<<20)...), 0o600))
		if err := n.Import(t.Context(), provider, id.String(), file); err == nil || !strings.Contains(err.Error(), "larger") {
			t.Errorf("too much data: %v", err)
		}
		n.waitStep(id, "accepted")
		must(t, os.WriteFile(file, p.data, 0o600))
		must(t, n.Import(t.Context(), provider, id.String(), file))
		if err := n.Import(t.Context(), provider, id.String(), file); err == nil {
			t.Error("imported twice")
		}
		n.advance(10)
		n.waitStep(id, "active")
	}
}

// TestImportURL imports from a server, that of a token as much as an open one.
func TestImportURL(t *testing.T) {
	n := newNetwork(t, 1)
	p := plainPiece(t, 220)
	id := n.offline("f01000", p, nil)
	if err := n.Import(t.Context(), "f01000", id.String(), n.data.url(p)); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without the token: %v", err)
	}
	n.data.open(t)
	must(t, n.Import(t.Context(), "f01000", id.String(), n.data.url(p)))
	n.waitStep(id, "transferred")
}

// TestAutoImport: a provider that may follows the link in the label, or in the
// params of the transfer; one that may not waits.
func TestAutoImport(t *testing.T) {
	n := newNetwork(t, 1)
	p, q := plainPiece(t, 230), plainPiece(t, 231)
	params := n.params("f01000", p).Transfer
	n.data.open(t)
	link := n.data.url(q)
	first := n.offline("f01000", p, func(dp *boostly.DealParams) { dp.Transfer = params })
	second := n.offline("f01000", q, func(dp *boostly.DealParams) {
		label, err := market.NewLabelFromString(link)
		must(t, err)
		dp.ClientDealProposal.Proposal.Label, dp.Transfer.Size = label, 0
	})
	third := n.offline("f01000", plainPiece(t, 232), nil) // no link
	n.advance(5)
	n.waitStep(first, "accepted")
	must(t, n.SetAutoImport("f01000", true))
	n.waitStep(first, "transferred")
	n.waitStep(second, "transferred")
	n.advance(10)
	n.waitStep(second, "active")
	n.waitStep(third, "accepted")
}
