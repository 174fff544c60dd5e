package sandbox_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/deals/sandbox"
)

type marketDeal struct {
	Proposal market.DealProposal
	State    struct{ SectorNumber, SectorStartEpoch, LastUpdatedEpoch, SlashEpoch int64 }
}

type msgLookup struct {
	Message cid.Cid
	Receipt struct {
		ExitCode int
		Return   []byte
		GasUsed  int64
	}
	TipSet []cid.Cid
	Height int64
}

// dealID finds a deal's id as a careful client does: message, receipt, index.
func (n *network) dealID(publish cid.Cid, proposal cid.Cid) uint64 {
	n.t.Helper()
	found := call[*msgLookup](n, "StateSearchMsg", nil, publish, -1, true)
	if found == nil || found.Receipt.ExitCode != 0 {
		n.t.Fatalf("StateSearchMsg(%s) = %+v", publish, found)
	}
	msg := call[struct {
		To, From string
		Method   int
		Params   []byte
		CID      cid.Cid
	}](n, "ChainGetMessage", publish)
	if msg.To != "f05" || msg.Method != 4 {
		n.t.Fatalf("publish message goes to %s method %d", msg.To, msg.Method)
	}
	var in market.PublishStorageDealsParams
	must(n.t, in.UnmarshalCBOR(bytes.NewReader(msg.Params)))
	var out market.PublishStorageDealsReturn
	must(n.t, out.UnmarshalCBOR(bytes.NewReader(found.Receipt.Return)))
	k := 0
	for i := range in.Deals {
		c, err := in.Deals[i].Proposal.Cid()
		must(n.t, err)
		valid, err := out.ValidDeals.IsSet(uint64(i))
		must(n.t, err)
		if c == proposal {
			if !valid {
				n.t.Fatalf("proposal %s is not valid", proposal)
			}
			return uint64(out.IDs[k])
		}
		if valid {
			k++
		}
	}
	n.t.Fatalf("proposal %s is not in message %s", proposal, publish)
	return 0
}

// TestDeal takes a deal from proposal to active with the clock running, the
// way a client sees it, with a provider of each dialect.
func TestDeal(t *testing.T) {
	n := newNetwork(t, 2)
	n.run()
	dag1, dag2 := newDAG(t, 1, 5, 150_000), newDAG(t, 2, 3, 90_000)
	p := aggregatePiece(t, 4<<20, dag1, dag2)
	for _, prov := range n.Providers() {
		t.Run(n.provider(prov).Dialect, func(t *testing.T) {
			dp := n.deal(prov, p)
			proposal, err := dp.ClientDealProposal.Proposal.Cid()
			must(t, err)
			st := n.waitStep(dp.DealUUID, "active")
			status := n.status(prov, dp.DealUUID)
			if status.Error != "" || status.DealStatus.PublishCid == nil || status.DealStatus.PublishCid.String() != st.Publish {
				t.Fatalf("status = %+v %+v, want message %s", status, status.DealStatus, st.Publish)
			}
			want := map[string]string{"boost": "Complete/Proving", "curio": "Sealed/Sealed and Indexed"}[n.provider(prov).Dialect]
			if got := status.DealStatus.Status + "/" + status.DealStatus.SealingStatus; got != want {
				t.Errorf("status %q, want %q", got, want)
			}
			id := n.dealID(*status.DealStatus.PublishCid, proposal)
			if id != uint64(status.DealStatus.ChainDealID) || id != st.ChainID {
				t.Errorf("deal id %d from the receipt, %d from the provider, %d really", id, status.DealStatus.ChainDealID, st.ChainID)
			}
			onChain := call[marketDeal](n, "StateMarketStorageDeal", id, nil)
			clientID := call[string](n, "StateLookupID", n.client.String(), nil)
			if onChain.Proposal.PieceCID != p.cid || onChain.Proposal.Provider.String() != prov || onChain.Proposal.Client.String() != clientID {
				t.Errorf("deal on chain is %+v", onChain.Proposal)
			}
			if s := onChain.State; s.SectorStartEpoch <= 0 || s.SlashEpoch != -1 || s.LastUpdatedEpoch != -1 {
				t.Errorf("state on chain is %+v", s)
			}
			sector := call[*struct{ Activation, Expiration int64 }](n, "StateSectorGetInfo", prov, onChain.State.SectorNumber, nil)
			if sector == nil || sector.Activation != onChain.State.SectorStartEpoch || sector.Expiration != int64(dp.ClientDealProposal.Proposal.EndEpoch) {
				t.Errorf("sector = %+v", sector)
			}
		})
	}
}

// TestManyDeals keeps all providers busy at once: the machine is small.
func TestManyDeals(t *testing.T) {
	n := newNetwork(t, 8)
	n.run()
	p := aggregatePiece(t, 4<<20, newDAG(t, 3, 3, 1<<18), newDAG(t, 4, 2, 1<<18))
	for _, prov := range n.Providers() {
		n.deal(prov, p)
	}
	n.wait("8 active deals", func(s sandbox.State) bool { return s.DealCount("active") == 8 })
}

// TestPublishBatch: deals of one provider that are ready together share one message.
func TestPublishBatch(t *testing.T) {
	n := newNetwork(t, 1)
	prov := n.Providers()[0]
	a, b := n.deal(prov, plainPiece(t, 10)), n.deal(prov, plainPiece(t, 11))
	n.wait("both transferred", func(s sandbox.State) bool { return s.DealCount("transferred") == 2 })
	n.advance(3)
	s := n.Snapshot()
	da, _ := findDeal(s, a.DealUUID)
	db, _ := findDeal(s, b.DealUUID)
	if da.Step != "published" || db.Step != "published" || da.Publish != db.Publish || da.ChainID == db.ChainID {
		t.Errorf("deals are %+v and %+v, want two ids from one message", da, db)
	}
}

// TestEscrow follows the money through a deal's life.
func TestEscrow(t *testing.T) {
	n := newNetwork(t, 1)
	prov := n.Providers()[0]
	type balance struct{ Escrow, Locked big.Int }
	money := func(who string) balance { return call[balance](n, "StateMarketBalance", who, nil) }
	check := func(when string, got, want balance) {
		t.Helper()
		if !got.Escrow.Equals(want.Escrow) || !got.Locked.Equals(want.Locked) {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			t.Errorf("%s: balance %s, want %s", when, g, w)
		}
	}
	client0, prov0 := money(n.client.String()), money(prov)
	dp := n.params(prov, plainPiece(t, 12))
	dp.ClientDealProposal.Proposal.ClientCollateral = big.NewInt(12345)
	n.signDeal(&dp)
	if res := n.propose(prov, dp); !res.Accepted {
		t.Fatal(res.Message)
	}
	prop := &dp.ClientDealProposal.Proposal
	n.waitStep(dp.DealUUID, "transferred")
	check("before publishing", money(n.client.String()), client0)
	n.advance(10)
	n.waitStep(dp.DealUUID, "active")
	check("client, active", money(n.client.String()), balance{client0.Escrow, prop.ClientBalanceRequirement()})
	check("provider, active", money(prov), balance{prov0.Escrow, prop.ProviderCollateral})
	// Half way: what was stored is paid, at the last monthly settlement.
	n.advance(int64(prop.StartEpoch) + 100*2880 - n.Height())
	st := call[marketDeal](n, "StateMarketStorageDeal", 1, nil).State
	paid := big.Mul(prop.StoragePricePerEpoch, big.NewInt(st.LastUpdatedEpoch-int64(prop.StartEpoch)))
	if st.LastUpdatedEpoch <= n.Height()-30*2880 || paid.IsZero() {
		t.Fatalf("settled at %d, head is %d", st.LastUpdatedEpoch, n.Height())
	}
	check("client, half way", money(n.client.String()),
		balance{big.Sub(client0.Escrow, paid), big.Sub(prop.ClientBalanceRequirement(), paid)})
	n.advance(int64(prop.EndEpoch) - n.Height())
	check("client, expired", money(n.client.String()), balance{big.Sub(client0.Escrow, prop.TotalStorageFee()), big.Zero()})
	check("provider, expired", money(prov), balance{big.Add(prov0.Escrow, prop.TotalStorageFee()), big.Zero()})
	if d, _ := findDeal(n.Snapshot(), dp.DealUUID); d.Step != "expired" {
		t.Errorf("deal is %s after its end", d.Step)
	}
	_, err := tryCall[marketDeal](n, "StateMarketStorageDeal", 1, nil)
	if err == nil || err.Error() != "1: deal 1 not found - deal may not have completed sealing before deal proposal start epoch, or deal may have been slashed" {
		t.Errorf("an expired deal: %v", err)
	}
	if res, _ := n.get(prov, "/piece/"+dp.ClientDealProposal.Proposal.PieceCID.String(), ""); res.StatusCode != 404 {
		t.Errorf("an expired piece is still served: %d", res.StatusCode)
	}
}

// TestPublishPartly: two deals are accepted while the escrow is enough for
// either; the market takes one of them.
func TestPublishPartly(t *testing.T) {
	n := newNetwork(t, 1)
	for seed := range uint64(2) {
		dp := n.params("f01000", plainPiece(t, 14+seed))
		dp.ClientDealProposal.Proposal.ClientCollateral = big.Mul(big.NewInt(1e18), big.NewInt(60))
		n.signDeal(&dp)
		if res := n.propose("f01000", dp); !res.Accepted {
			t.Fatal(res.Message)
		}
		n.waitStep(dp.DealUUID, "transferred")
	}
	n.advance(10)
	s := n.Snapshot()
	if s.DealCount("active") != 1 || s.DealCount("failed") != 1 {
		t.Fatalf("deals are %+v", s.Providers[0].Deals)
	}
	deals := s.Providers[0].Deals
	for _, d := range deals {
		if d.Publish != deals[0].Publish {
			t.Error("the deals were not published together")
		}
		if d.Step == "failed" && !strings.Contains(d.Error, "the market refused proposal") {
			t.Errorf("error is %q", d.Error)
		}
		if d.Step == "active" && d.ChainID != 1 {
			t.Errorf("the valid deal has id %d", d.ChainID)
		}
	}
}
