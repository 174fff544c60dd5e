package deals_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
)

// check verifies a proof and asks the network for its deals.
func (m *market) check(p *proof.Proof, file []byte) *proof.Report {
	m.t.Helper()
	r, err := p.Verify(context.Background(), bytes.NewReader(file))
	if err != nil {
		m.t.Fatal(err)
	}
	if err := p.Check(context.Background(), chain.New(chain.Options{Endpoints: []chain.Endpoint{chain.NewEndpoint(m.net.RPC(), "")}}), r); err != nil {
		m.t.Fatal(err)
	}
	return r
}

func (m *market) prove(mem piece.Member, zone uint64) *proof.Proof {
	m.t.Helper()
	p, err := m.deals.Prove(context.Background(), zone, mem.Content, mem.Root, mem.Size)
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

// A proof names the deals that the chain holds, whatever becomes of them; also
// when nothing is left here.
func TestProve(t *testing.T) {
	m := newMarket(t, 3, deals.Options{})
	req, _ := m.packed(1, 2, 1<<20+5, 100)
	mem, file := req.Members[0], random(1<<20+5, 1000)
	early := m.prove(mem, 1)
	if len(early.Pieces) != 1 || len(early.Pieces[0].Deals) != 0 {
		t.Errorf("before any deal: %+v", early.Pieces)
	}
	if r := m.check(early, file); !r.Refused() {
		t.Errorf("a proof without deals is accepted: %+v", r)
	}
	if err := m.deals.Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	m.until("two active deals", 20*time.Second, m.active(1))
	p := m.prove(mem, 1)
	if r := m.check(p, file); r.Refused() || len(r.Deals) != 2 || r.Deals[0].State != proof.DealActive || r.Deals[1].State != proof.DealActive {
		t.Fatalf("two active deals: %+v", r)
	}
	for _, d := range p.Pieces[0].Deals {
		if d.Publish == "" {
			t.Errorf("deal %d names no message that published it", d.ID)
		}
	}
	other := m.prove(req.Members[1], 1)
	other.Pieces[0].Deals[0].ID, other.Pieces[0].Deals[1].ID = other.Pieces[0].Deals[1].ID, other.Pieces[0].Deals[0].ID
	if r := m.check(other, random(100, 1001)); !r.Refused() {
		t.Errorf("deals of other providers are accepted: %+v", r)
	}
	m.fail(p.Pieces[0].Deals[0].Provider, "slash")
	m.until("a deal in place of the slashed one", 40*time.Second, func() bool {
		return m.count(1, deals.DealFailed) > 0 && m.active(1)()
	})
	if r := m.check(p, file); r.Refused() || r.Deals[0].State == proof.DealActive || r.Deals[1].State != proof.DealActive {
		t.Errorf("one deal slashed: %+v", r)
	}
	m.loseBlocks()
	if r := m.check(m.prove(mem, 1), file); r.Refused() || len(r.Deals) != 2 {
		t.Errorf("with nothing left here: %+v", r)
	}
}
