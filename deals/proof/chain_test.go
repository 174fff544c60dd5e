package proof_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/proof"
)

// market is what a Lotus node answers of one deal, at epoch 500.
type market struct {
	proposal map[string]any
	state    map[string]any
	lookup   string // of any address, "": there is no such actor
	head     string
}

func (m *market) serve(t *testing.T) *chain.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Method string
			Params []any
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,`+m.answer(t, q.Method, q.Params)+`}`)
	}))
	t.Cleanup(srv.Close)
	return chain.New(chain.Options{Endpoints: []chain.Endpoint{chain.NewEndpoint(srv.URL, "")}})
}

func (m *market) answer(t *testing.T, method string, params []any) string {
	switch {
	case method == "Filecoin.ChainHead":
		return `"result":` + m.head
	case method == "Filecoin.StateMarketStorageDeal" && m.proposal == nil:
		return fmt.Sprintf(`"error":{"code":1,"message":"deal %v not found - deal may not have completed sealing"}`, params[0])
	case method == "Filecoin.StateMarketStorageDeal":
		b, err := json.Marshal(map[string]any{"Proposal": m.proposal, "State": m.state})
		if err != nil {
			t.Error(err)
		}
		return `"result":` + string(b)
	case method == "Filecoin.StateLookupID" && m.lookup != "":
		return fmt.Sprintf(`"result":%q`, m.lookup)
	}
	return `"error":{"code":1,"message":"actor not found"}`
}

func TestCheck(t *testing.T) {
	d := newDAG(t)
	p := d.pack(d.leaf([]byte("x")).cid, 1, 1<<30)
	piece := p.Pieces[0]
	for _, tt := range []struct {
		name     string
		proposal map[string]any // what differs
		state    map[string]any
		client   string // in the proof
		lookup   string
		want     proof.DealState
		ok       bool
	}{
		{name: "active", want: proof.DealActive, ok: true},
		{name: "in no sector yet", state: map[string]any{"SectorStartEpoch": -1}, want: proof.DealUnsealed},
		{name: "slashed", state: map[string]any{"SlashEpoch": 400}, want: proof.DealSlashed},
		{name: "slashed in the first epoch", state: map[string]any{"SlashEpoch": 0}, want: proof.DealSlashed},
		{name: "not on chain", proposal: map[string]any{"gone": true}, want: proof.DealUnknown},
		{name: "another piece", proposal: map[string]any{"PieceCID": map[string]string{"/": p.Root}}, want: proof.DealDifferent},
		{name: "another size", proposal: map[string]any{"PieceSize": 2 * piece.Padded}, want: proof.DealDifferent},
		{name: "another provider", proposal: map[string]any{"Provider": "f01009"}, want: proof.DealDifferent},
		{name: "another client", proposal: map[string]any{"Client": "f01009"}, want: proof.DealDifferent},
		{name: "another begin", proposal: map[string]any{"StartEpoch": 11}, want: proof.DealDifferent},
		{name: "another end", proposal: map[string]any{"EndEpoch": 1001}, want: proof.DealDifferent},
		{name: "the client by its key", client: "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za", lookup: "f01001", want: proof.DealActive, ok: true},
		{name: "the key of another client", client: "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za", lookup: "f01009", want: proof.DealDifferent},
		{name: "a key that the chain does not know", client: "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za", want: proof.DealDifferent},
		{name: "no address", client: "me", want: proof.DealDifferent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &market{lookup: tt.lookup, head: `{"Height":500}`, proposal: map[string]any{
				"PieceCID": map[string]string{"/": piece.CID}, "PieceSize": piece.Padded, "VerifiedDeal": false,
				"Client": "f01001", "Provider": "f01000", "Label": "", "StartEpoch": 10, "EndEpoch": 1000,
				"StoragePricePerEpoch": "0", "ProviderCollateral": "0", "ClientCollateral": "0",
			}, state: map[string]any{"SectorStartEpoch": 20, "LastUpdatedEpoch": -1, "SlashEpoch": -1}}
			for k, v := range tt.proposal {
				m.proposal[k] = v
			}
			for k, v := range tt.state {
				m.state[k] = v
			}
			if tt.proposal["gone"] != nil {
				m.proposal = nil
			}
			q := d.again(p)
			if tt.client != "" {
				q.Pieces[0].Deals[0].Client = tt.client
			}
			r, _ := verify(t, q, []byte("x"))
			if err := q.Check(context.Background(), m.serve(t), r); err != nil {
				t.Fatal(err)
			}
			if len(r.Deals) != 1 || r.Deals[0].State != tt.want || r.Refused() == tt.ok {
				t.Errorf("%s, want %q", dump(t, r), tt.want)
			}
			if tt.want == proof.DealDifferent && r.Deals[0].Reason == "" {
				t.Error("not told how it differs")
			}
		})
	}
}

// A deal that ends is worth something until its last epoch.
func TestCheckExpiry(t *testing.T) {
	d := newDAG(t)
	p := d.pack(d.leaf([]byte("x")).cid, 1, 1<<30)
	for head, want := range map[int]proof.DealState{999: proof.DealActive, 1000: proof.DealExpired} {
		m := &market{head: fmt.Sprintf(`{"Height":%d}`, head), proposal: map[string]any{
			"PieceCID": map[string]string{"/": p.Pieces[0].CID}, "PieceSize": p.Pieces[0].Padded, "Client": "f01001", "Provider": "f01000",
			"Label": "", "StartEpoch": 10, "EndEpoch": 1000, "StoragePricePerEpoch": "0", "ProviderCollateral": "0", "ClientCollateral": "0",
		}, state: map[string]any{"SectorStartEpoch": 20, "SlashEpoch": -1}}
		r, _ := verify(t, p, []byte("x"))
		if err := p.Check(context.Background(), m.serve(t), r); err != nil || r.Deals[0].State != want {
			t.Errorf("at epoch %d: %s, %v, want %q", head, dump(t, r), err, want)
		}
	}
}

// A chain that cannot be asked is neither a yes nor a no.
func TestCheckUnavailable(t *testing.T) {
	d := newDAG(t)
	p := d.pack(d.leaf([]byte("x")).cid, 1, 1<<30)
	r, _ := verify(t, p, []byte("x"))
	m := &market{head: "null"}
	if err := p.Check(context.Background(), m.serve(t), r); !errors.Is(err, chain.ErrUnavailable) {
		t.Errorf("Check = %v, want ErrUnavailable", err)
	}
}

// Without a chain the report says that the deals were not checked, and refuses to call none any.
func TestNamed(t *testing.T) {
	d := newDAG(t)
	p := d.pack(d.leaf([]byte("x")).cid, 1, 1<<30)
	r, _ := verify(t, p, []byte("x"))
	p.Named(r)
	if last := r.Steps[len(r.Steps)-1]; last.State != proof.NotChecked || r.Refused() || !strings.Contains(last.Text, "1 deal ") {
		t.Errorf("%s", dump(t, r))
	}
	p.Pieces[0].Deals = nil
	r, _ = verify(t, p, []byte("x"))
	p.Named(r)
	if !r.Refused() {
		t.Errorf("without deals: %s", dump(t, r))
	}
}
