package deals_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// Random ranges of pieces are fetched while a deal is active. A provider that
// sends wrong bytes has its replica replaced, and is in the record for it; one
// that sends none is, when others do.
func TestSamples(t *testing.T) {
	m := newMarket(t, 4, deals.Options{SampleEvery: 2 * epoch})
	begin := time.Now()
	_, pieces := m.zone(1, 3, 3<<20, 100)
	m.until("active deals", 60*time.Second, m.active(1))
	sampled := func() []deals.Deal {
		list, err := m.deals.SampledSince(t.Context(), pieces[0].CID, begin)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	m.until("a good sample of each", 20*time.Second, func() bool { return len(sampled()) == 3 })
	for _, d := range sampled() {
		if d.Samples.Good == 0 || d.Samples.Bad > 0 || d.Samples.Latency <= 0 {
			t.Errorf("samples of %s are %+v", d.Provider, d.Samples)
		}
	}
	list, err := m.deals.SampledSince(t.Context(), pieces[0].CID, time.Now().Add(time.Hour))
	if err != nil || len(list) > 0 {
		t.Errorf("sampled in an hour from now: %v, %v", list, err)
	}
	// Samples come every other epoch here; "lately" is four of them.
	m.until("three replicas sampled lately", 20*time.Second, func() bool {
		n, on, err := m.deals.Sampled(t.Context(), 1)
		if err != nil || !on {
			t.Fatalf("Sampled = %d, %v, %v", n, on, err)
		}
		return n == 3
	})
	liar := m.list(1)[0]
	m.fail(liar.Provider, "corrupt")
	m.until("a fourth replica in place of the liar's", 40*time.Second, func() bool {
		good := sampled()
		for _, d := range good {
			if d.Provider == liar.Provider {
				return false
			}
		}
		return len(good) == 3
	})
	now, err := m.deals.Deal(t.Context(), liar.UUID)
	if err != nil || now.State != deals.DealActive || now.Samples.Row == 0 || now.Samples.Reason == "" {
		t.Errorf("the liar's deal is %+v, %v", now, err)
	}
	m.fail(liar.Provider, "none")
	m.until("the liar's samples to be good again", 20*time.Second, func() bool { return len(sampled()) == 4 })

	silent := sampled()[0]
	m.fail(silent.Provider, "no-retrieval")
	m.until("three bad samples in a row", 20*time.Second, func() bool {
		d, err := m.deals.Deal(t.Context(), silent.UUID)
		return err == nil && d.Samples.Row >= 3
	})
}
