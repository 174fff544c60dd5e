package deals_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// ask calls a method of the chain.
func (m *market) ask(method string, params ...any) (result json.RawMessage) {
	m.t.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "Filecoin." + method, "params": params})
	if err != nil {
		m.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.net.RPC(), strings.NewReader(string(body)))
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
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(raw, &answer); err != nil {
		m.t.Fatal(err)
	}
	return answer.Result
}

// Verified deals are made for as long as the datacap lasts, at the price of
// verified ones; then come ordinary ones, which say why.
func TestVerifiedDeals(t *testing.T) {
	m := newMarket(t, 4, deals.Options{Verified: deals.VerifiedAuto})
	address, err := m.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const padded = 1 << 20
	if err := m.net.SetNetworkVersion(28); err != nil {
		t.Fatal(err)
	}
	if err := m.net.GrantDatacap(address, 2*padded+padded/2); err != nil {
		t.Fatal(err)
	}
	_, pieces := m.zone(1, 4, 1000)
	if pieces[0].PaddedSize != padded {
		t.Fatalf("the piece has %d bytes, and this test means %d", pieces[0].PaddedSize, padded)
	}
	m.until("four active deals", 30*time.Second, m.active(1))
	verified, price := 0, new(big.Int)
	for _, d := range m.list(1) {
		perGiB := int64(sandboxPrice)
		switch {
		case d.Verified:
			verified++
			perGiB = 5_000_000
		case !strings.Contains(d.Ordinary, "datacap"):
			t.Errorf("deal %s is an ordinary one, and says of it %q", d.UUID, d.Ordinary)
		}
		var got struct {
			Proposal struct {
				VerifiedDeal         bool
				StoragePricePerEpoch string
			}
		}
		if err := json.Unmarshal(m.ask("StateMarketStorageDeal", d.ChainID, nil), &got); err != nil {
			t.Fatal(err)
		}
		perEpoch := (perGiB*padded + 1<<30 - 1) >> 30
		if p := got.Proposal; p.VerifiedDeal != d.Verified || p.StoragePricePerEpoch != fmt.Sprint(perEpoch) {
			t.Errorf("deal %s, verified %v, is on chain as %+v, want %d attoFIL per epoch", d.UUID, d.Verified, p, perEpoch)
		}
		price.Add(price, big.NewInt(perEpoch*(d.EndEpoch-d.StartEpoch)))
	}
	if verified != 2 || m.locked().Cmp(price) != 0 {
		t.Errorf("%d verified deals, want 2; the chain has locked %s, the deals cost %s", verified, m.locked(), price)
	}
	if got := string(m.ask("StateVerifiedClientStatus", address, nil)); got != fmt.Sprintf(`"%d"`, padded/2) {
		t.Errorf("%s bytes of datacap are left", got)
	}

	if err := m.net.SetNetworkVersion(29); err != nil {
		t.Fatal(err)
	}
	if err := m.net.GrantDatacap(address, 1<<40); err != nil {
		t.Fatal(err)
	}
	m.zone(2, 1, 2000)
	m.until("a deal of version 29", 30*time.Second, m.active(2))
	if d := m.list(2)[0]; d.Verified || !strings.Contains(d.Ordinary, "version 29") {
		t.Errorf("verified %v: %s", d.Verified, d.Ordinary)
	}
	if s := m.deals.ChainStatus(t.Context()); !strings.Contains(s.Verified, "version 29") || s.Fault != "" {
		t.Errorf("the status is %+v", s)
	}
}

// A provider whose price for ordinary deals is too high is asked for verified
// ones, and for none when there are none.
func TestVerifiedPrice(t *testing.T) {
	m := newMarket(t, 1, deals.Options{Verified: deals.VerifiedAuto, MaxPrice: "6000000"})
	address, err := m.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.zone(1, 1, 1000)
	m.until("the price is too high", 30*time.Second, func() bool {
		_, _, reason, err := m.deals.Progress(t.Context(), 1)
		return err == nil && strings.Contains(reason, "no provider takes")
	})
	if err := m.net.SetNetworkVersion(28); err != nil {
		t.Fatal(err)
	}
	if err := m.net.GrantDatacap(address, 1<<30); err != nil {
		t.Fatal(err)
	}
	m.zone(2, 1, 2000)
	m.until("a verified deal", 30*time.Second, m.active(2))
	if d := m.list(2)[0]; !d.Verified || d.Ordinary != "" {
		t.Errorf("the deal is %+v", d)
	}
}
