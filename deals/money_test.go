package deals

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-bitfield"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// A scripted chain answers each method with what its script says: a result, or
// an error if it begins with "!". No job runs, so steps can be taken one by one.
type scripted struct {
	*Deals
	t      *testing.T
	script map[string]string
	asked  func(method string) // nil: nothing happens when the chain is asked
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	s := &scripted{t: t, script: map[string]string{
		"ChainHead":      `{"Height":1000}`,
		"StateLookupID":  `"f055"`,
		"StateMinerInfo": `{"PeerId":"12D3KooWQbt5nFXP4riBtnv4mAV82ifCcQsFmS4H2RZSC5oCKfWL"}`,
	}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct{ Method string }
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			t.Error(err)
		}
		method := strings.TrimPrefix(req.Method, "Filecoin.")
		if s.asked != nil {
			s.asked(method)
		}
		answer, ok := s.script[method]
		if refusal, no := strings.CutPrefix(answer, "!"); no || !ok {
			answer = fmt.Sprintf(`"error":{"code":1,"message":%q}`, refusal)
		} else {
			answer = `"result":` + answer
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,%s}`, answer)
	}))
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	store, err := kv.OpenBolt(t.Context(), filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), node.Config{Dir: filepath.Join(dir, "node")})
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(n.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	s.Deals = New(store, n, queue.New(store, queue.Options{}), box, Options{RPC: []chain.Endpoint{chain.NewEndpoint(srv.URL, "")}, Providers: []ProviderConfig{{Address: "f01003"}, {Address: "f01004"}}})
	return s
}

// deal stores a deal in a state, with a proposal that costs price an epoch.
func (s *scripted) deal(state DealState, price int64, edit func(*dealRow)) dealRow {
	s.t.Helper()
	k, err := s.wallet.Key(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	p := someProposal(s.t, k)
	p.StoragePricePerEpoch = big.NewInt(price)
	row := dealRow{Deal: Deal{UUID: uuid.NewString(), Piece: somePiece, Zone: 1, Provider: "f01003",
		StartEpoch: int64(p.StartEpoch), EndEpoch: int64(p.EndEpoch)}, Sent: true}
	if row.Signed, row.Proposal, err = signProposal(k, p); err != nil {
		s.t.Fatal(err)
	}
	enter(&row, state, "", time.Now())
	edit(&row)
	err = s.store.Update(s.t.Context(), func(tx kv.Tx) (err error) {
		row, err = newDeal(tx, row)
		return errors.Join(err, kv.PutJSON(tx, kv.Key(prefix, "piece", somePiece), piece.Piece{CID: somePiece, Zone: 1, Replication: 1}))
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return row
}

func (s *scripted) row(id string) dealRow {
	s.t.Helper()
	row, err := s.dealRow(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return row
}

// onChain is the answer for a deal as the chain stores it.
func (s *scripted) onChain(row dealRow, sector int64) string {
	s.t.Helper()
	p, err := row.signedProposal()
	if err != nil {
		s.t.Fatal(err)
	}
	p.Proposal.Client, _ = address.NewIDAddress(55)
	out, err := json.Marshal(map[string]any{"Proposal": p.Proposal,
		"State": map[string]int64{"SectorStartEpoch": sector, "SlashEpoch": -1}})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out)
}

// publish lets the chain hold a message that published a deal under an id.
func (s *scripted) publish(row dealRow, id abi.DealID) {
	s.t.Helper()
	p, err := row.signedProposal()
	if err != nil {
		s.t.Fatal(err)
	}
	params := market.PublishStorageDealsParams{Deals: []market.ClientDealProposal{p}}
	ret := market.PublishStorageDealsReturn{IDs: []abi.DealID{id}, ValidDeals: bitfield.NewFromSet([]uint64{0})}
	var pb, rb bytes.Buffer
	if err := errors.Join(params.MarshalCBOR(&pb), ret.MarshalCBOR(&rb)); err != nil {
		s.t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	s.script["StateSearchMsg"] = fmt.Sprintf(`{"Message":{"/":%q},"Receipt":{"ExitCode":0,"Return":%q},"Height":990}`, somePiece, b64(rb.Bytes()))
	s.script["ChainGetMessage"] = fmt.Sprintf(`{"Params":%q}`, b64(pb.Bytes()))
}

// What is promised to providers and not on chain yet cannot be promised again.
func TestEscrowIsPromisedOnce(t *testing.T) {
	s := newScripted(t)
	signed := s.deal(DealAccepted, 7, func(*dealRow) {})
	p, err := signed.signedProposal()
	if err != nil {
		t.Fatal(err)
	}
	cost := p.Proposal.ClientBalanceRequirement()
	fresh := s.deal(DealProposed, 7, func(r *dealRow) { r.Signed, r.Sent, r.Provider = nil, false, "f01004" })
	escrow := func(amount big.Int) {
		s.script["StateMarketBalance"] = fmt.Sprintf(`{"Escrow":%q,"Locked":"0"}`, amount.String())
	}
	escrow(big.Sub(big.Mul(cost, big.NewInt(2)), big.NewInt(1)))
	var wait *errNotNow
	if _, err := s.sign(t.Context(), fresh, p.Proposal); !errors.As(err, &wait) || !strings.Contains(err.Error(), "promised") {
		t.Fatalf("a deal is signed that the escrow does not cover: %v", err)
	}
	if s.row(fresh.UUID).Signed != nil {
		t.Fatal("the proposal is stored all the same")
	}
	escrow(big.Mul(cost, big.NewInt(2)))
	if _, err := s.sign(t.Context(), fresh, p.Proposal); err != nil {
		t.Errorf("escrow for two deals, one promised: %v", err)
	}
	// A loose deal may still be published, one on chain is locked in escrow by then.
	third := s.deal(DealProposed, 7, func(r *dealRow) { r.Signed, r.Sent = nil, false })
	if _, err := s.change(t.Context(), signed.UUID, func(r *dealRow) { r.State, r.Loose = DealFailed, true }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sign(t.Context(), third, p.Proposal); !errors.As(err, &wait) {
		t.Errorf("what a loose deal may cost is spent twice: %v", err)
	}
	// Past its start epoch the chain has locked what it costs, or never will.
	if _, err := s.change(t.Context(), signed.UUID, func(r *dealRow) { r.Settled = true }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sign(t.Context(), third, p.Proposal); err != nil {
		t.Errorf("a deal that can no longer be published is still promised: %v", err)
	}
	if _, err := s.change(t.Context(), third.UUID, func(r *dealRow) { r.Signed = nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.change(t.Context(), signed.UUID, func(r *dealRow) { r.Settled, r.ChainID = false, 5 }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sign(t.Context(), third, p.Proposal); err != nil {
		t.Errorf("a deal on chain is counted beside what it locks: %v", err)
	}
}

// A deal gets its id from its provider if the chain's node does not find the
// message, or never saw it, and the chain confirms it.
func TestLocateWithoutReceipt(t *testing.T) {
	for name, search := range map[string]string{
		"forgotten": `null`,
		"unknown":   `!failed to load message: ipld: could not find it`,
		"reverted":  `{"Receipt":{"ExitCode":16}}`,
	} {
		s := newScripted(t)
		row := s.deal(DealAccepted, 7, func(r *dealRow) { r.Publish = somePiece })
		s.script["StateSearchMsg"] = search
		_, id, err := s.locate(t.Context(), row, &boostly.DealStatus{ChainDealID: 9})
		if err != nil || id != 9 {
			t.Errorf("%s: id %d, %v, want 9", name, id, err)
		}
		got, id, err := s.locate(t.Context(), row, new(boostly.DealStatus))
		if err != nil || id != 0 || !strings.Contains(got.Reason, "publish message") {
			t.Errorf("%s, and no id named: %d, %q, %v", name, id, got.Reason, err)
		}
	}
}

// A fork may give a deal another id: it is not lost, nor made again.
func TestDealRenumbered(t *testing.T) {
	s := newScripted(t)
	row := s.deal(DealActive, 7, func(r *dealRow) { r.ChainID, r.Publish, r.Missing = 40, somePiece, 900 })
	s.publish(row, 41)
	s.script["StateMarketStorageDeal"] = s.onChain(row, 950)
	// Deal 40 is somebody else's now; the script has one answer for both, so the step is taken directly.
	if err := s.lost(t.Context(), row, 1000); err == nil {
		t.Error("nobody looks again")
	}
	if got := s.row(row.UUID); got.State != DealActive || got.ChainID != 41 || got.Missing != 0 {
		t.Errorf("deal is %s with id %d, missing since %d: %s", got.State, got.ChainID, got.Missing, got.Reason)
	}
}

// A publish message that a fork undid is executed again, or never: until the
// deal's start epoch it is not replaced.
func TestPublishUndone(t *testing.T) {
	s := newScripted(t)
	row := s.deal(DealPublished, 7, func(r *dealRow) { r.ChainID, r.Publish, r.Missing = 40, somePiece, 900 })
	s.script["StateMarketStorageDeal"] = "!deal 40 not found"
	s.script["StateSearchMsg"] = `null`
	if err := s.checkChain(t.Context(), row); err == nil {
		t.Error("nobody looks again")
	}
	if got := s.row(row.UUID); got.State != DealPublished || !strings.Contains(got.Reason, "publish message") {
		t.Fatalf("deal is %s: %s", got.State, got.Reason)
	}
	s.script["ChainHead"] = `{"Height":9001}`
	if err := s.checkChain(t.Context(), s.row(row.UUID)); err != nil {
		t.Error(err)
	}
	if got := s.row(row.UUID); got.State != DealFailed {
		t.Errorf("after its start epoch the deal is %s: %s", got.State, got.Reason)
	}
}

// Answers that say nothing about a deal change nothing about it.
func TestGarbageLosesNoDeal(t *testing.T) {
	for _, answer := range []string{`null`, `{}`, `{"Proposal":null}`, "!method 'Filecoin.StateMarketStorageDeal' not found",
		"!block not found", `[]`, `"deal"`} {
		s := newScripted(t)
		s.script["StateMarketStorageDeal"] = answer
		row := s.deal(DealActive, 7, func(r *dealRow) { r.ChainID, r.Missing = 40, 1 })
		if err := s.checkChain(t.Context(), row); err == nil {
			t.Errorf("%s: taken for an answer", answer)
		}
		if got := s.row(row.UUID); got.State != DealActive || got.Missing != 1 {
			t.Errorf("%s: the deal is %s: %s", answer, got.State, got.Reason)
		}
	}
}

// The provider of a loose deal is not asked for another one of the same piece.
func TestLooseProviderIsBusy(t *testing.T) {
	s := newScripted(t)
	s.deal(DealFailed, 7, func(r *dealRow) { r.Loose = true })
	s.deal(DealFailed, 7, func(r *dealRow) { r.Provider = "f01004" })
	err := s.store.View(t.Context(), func(tx kv.Tx) error {
		h, err := holders(tx, somePiece)
		if len(h.counted) != 0 || h.busy["f01003"] == "" || h.busy["f01004"] != "" {
			t.Errorf("holders %+v, want none and the loose deal's provider busy", h)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A provider that gives a deal up may publish it all the same until its start
// epoch, if it has the data: Boost says so of deals that wait for its operator. If
// it has not, it gets it no more.
func TestGivenUpIsWatched(t *testing.T) {
	for _, c := range []struct {
		name         string
		size, pulled uint64
		cutOff       bool
	}{
		{"all pulled", 100, 100, false},
		{"it does not say how much", 1, 1, false},
		{"half pulled", 100, 50, true},
	} {
		status := boostly.DealStatusResponse{TransferSize: c.size, NBytesReceived: c.pulled, DealStatus: &boostly.DealStatus{Error: "paused"}}
		if f := gaveUp(&status, phaseTransfer); !f.loose || f.reason != "provider gave up: paused" {
			t.Errorf("%s: watched %v (%q)", c.name, f.loose, f.reason)
		}
		if got := cutOff(&status); got != c.cutOff {
			t.Errorf("%s: cut off %v, want %v", c.name, got, c.cutOff)
		}
	}
}

// The datacap of deals that are not on chain yet is spent already.
func TestDatacapIsPromisedOnce(t *testing.T) {
	s := newScripted(t)
	s.opt.Verified = VerifiedAuto
	s.script["StateNetworkVersion"] = "28"
	s.script["StateMarketBalance"] = `{"Escrow":"99999999999999999999","Locked":"0"}`
	for _, price := range []int64{7, 0} { // one that costs nothing takes datacap, too
		k, err := s.wallet.Key(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := someProposal(t, k)
		p.VerifiedDeal, p.StoragePricePerEpoch = true, big.NewInt(price)
		first := s.deal(DealProposed, 7, func(r *dealRow) { r.Signed, r.Sent = nil, false })
		second := s.deal(DealProposed, 7, func(r *dealRow) { r.Signed, r.Sent = nil, false })
		s.script["StateVerifiedClientStatus"] = fmt.Sprintf(`"%d"`, 2*uint64(p.PieceSize)-1)
		if first, err = s.sign(t.Context(), first, p); err != nil || !s.row(first.UUID).Verified {
			t.Fatalf("sign the first: %v", err)
		}
		if _, err = s.sign(t.Context(), second, p); err == nil {
			t.Error("more datacap is promised than there is")
		} else if _, ordinary := isOrdinary(err); !ordinary {
			t.Errorf("sign the second: %v", err)
		}
		s.script["StateVerifiedClientStatus"] = fmt.Sprintf(`"%d"`, p.PieceSize)
		if _, err := s.change(t.Context(), first.UUID, func(r *dealRow) { r.ChainID = 5 }); err != nil {
			t.Fatal(err)
		}
		if _, err = s.sign(t.Context(), second, p); err != nil {
			t.Errorf("what a deal on chain has taken is taken twice: %v", err)
		}
		for _, none := range []string{"null", "!actor not found"} {
			s.script["StateVerifiedClientStatus"] = none
			third := s.deal(DealProposed, 7, func(r *dealRow) { r.Signed, r.Sent = nil, false })
			if _, err := s.sign(t.Context(), third, p); err == nil {
				t.Errorf("verified with a datacap of %s", none)
			}
		}
		if _, err := s.change(t.Context(), second.UUID, func(r *dealRow) { r.ChainID = 6 }); err != nil {
			t.Fatal(err)
		}
	}
}
