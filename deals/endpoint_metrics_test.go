package deals_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/deals"
)

// Each endpoint of the chain has figures of its own: how far its head is behind
// the best, since when, and how often it did not answer.
func TestEndpointMetrics(t *testing.T) {
	var heights [3]atomic.Int64
	urls := make([]string, len(heights))
	for i := range heights {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			height := heights[i].Load()
			if height == 0 {
				http.Error(w, "out of order", http.StatusBadGateway)
				return
			}
			result := fmt.Sprintf(`{"Height":%d}`, height)
			if body, err := io.ReadAll(r.Body); err != nil || strings.Contains(string(body), "StateNetworkVersion") {
				result = "28"
			}
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":%s}`, result)
		}))
		t.Cleanup(srv.Close)
		urls[i] = srv.URL
	}
	reg := prometheus.NewRegistry()
	w := newWorld(t, deals.Options{RPC: endpoints(append(urls, urls[0])...), Metrics: reg})
	figures := func() map[string]float64 {
		t.Helper()
		w.deals.ChainStatus(t.Context())
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, f := range families {
			name, ok := strings.CutPrefix(f.GetName(), "whypfs_chain_endpoint_")
			for _, m := range f.GetMetric() {
				if ok {
					out[name+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
		return out
	}
	host := func(i int) string { return strings.TrimPrefix(urls[i], "http://") }
	heights[0].Store(1000)
	heights[1].Store(985)
	got := figures()
	if _, known := got["behind_epochs "+host(2)]; known {
		t.Error("one that never named a head has one")
	}
	for name, want := range map[string]float64{
		"behind_epochs " + host(0): 0, "behind_epochs " + host(0) + "#2": 0, "behind_epochs " + host(1): 15,
		"errors_total " + host(0): 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if got["errors_total "+host(2)] == 0 || got["calls_total "+host(2)] < got["errors_total "+host(2)] || got["calls_total "+host(1)] == 0 {
		t.Errorf("figures %v", got)
	}
	// One far ahead of all others is believed by nobody: nobody is behind it.
	heights[1].Store(1_000_000)
	heights[2].Store(1001)
	if got = figures(); got["behind_epochs "+host(0)] != 1 || got["behind_epochs "+host(2)] != 0 || got["behind_epochs "+host(1)] >= 0 {
		t.Errorf("beside one that lies: %v", got)
	}
	if age := got["head_age_seconds "+host(0)]; age < 0 || age > 600 {
		t.Errorf("the head is %v seconds old", age)
	}
}
