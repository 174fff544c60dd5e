package deals_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/node"
)

// From providers that serve no pieces a content comes out of CARs, which are
// sent once, however many windows a reader has; and the middle of it comes
// without what is before.
func TestRecallFromCARs(t *testing.T) {
	const size = 40 << 20
	m := newMarket(t, 2, deals.Options{})
	req, _ := m.zone(1, 2, size)
	mem, data := req.Members[0], random(size, req.Members[0].Content)
	m.until("active deals", 60*time.Second, m.active(1))
	m.refill = func(context.Context, cid.Cid) (node.Refill, error) {
		return m.deals.Recall(context.Background(), 1, mem.Content, mem.Root, nil)
	}
	away := func() *prometheus.Registry {
		reg := m.away()
		for _, p := range m.net.Providers() {
			m.fail(p, "corrupt-piece")
		}
		return reg
	}
	ofCARs := func(reg *prometheus.Registry) float64 {
		return labelled(t, reg, "whypfs_deals_received_bytes_total", "car")
	}
	reg := away()
	if got, err := m.read(mem, 0, size); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("a read out of CARs: %d bytes, %v", len(got), err)
	}
	if n := ofCARs(reg); n < size || n > size+size/5 {
		t.Errorf("%.0f bytes of CARs came for a content of %d", n, size)
	}
	reg = away()
	if err := m.deals.Restore(t.Context(), 1, mem.Content, mem.Root); err != nil {
		t.Fatalf("a restore out of CARs: %v", err)
	}
	if n := ofCARs(reg); n < size || n > size+size/5 {
		t.Errorf("%.0f bytes of CARs came for a restore of %d", n, size)
	}
	m.checkContent(mem, data)

	reg = away()
	const off, n = 37<<20 + 11, 1 << 20
	if got, err := m.read(mem, off, n); err != nil || !bytes.Equal(got, data[off:off+n]) {
		t.Fatalf("the middle out of CARs: %d bytes, %v", len(got), err)
	}
	if n := ofCARs(reg); n > size/2 {
		t.Errorf("%.0f bytes of CARs came for 1 MiB near the end of %d", n, size)
	}
}

// labelled is the value of a counter with a label of that value.
func labelled(t *testing.T, reg *prometheus.Registry, name, label string) (total float64) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.Metric {
			if f.GetName() == name && m.Label[0].GetValue() == label {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total
}
