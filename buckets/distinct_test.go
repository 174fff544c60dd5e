package buckets_test

import (
	"fmt"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// TestCopiesSealNoZone: a zone is sealed by the bytes that its piece will have,
// and copies come and go without changing what that is.
func TestCopiesSealNoZone(t *testing.T) {
	f := newTest(t, buckets.Options{Dealer: &dealer{}})
	b := f.policied("one", func(p *buckets.Policy) { p.Threshold = 100 << 10 })
	body := fresh(20 << 10)
	for i := range 40 {
		f.put(b, fmt.Sprint("copy", i), body)
	}
	f.put(b, "other", fresh(20<<10))
	f.assigned(b)
	open := func(size, distinct int64, count int64) {
		t.Helper()
		z := f.zones()[0]
		if z.State != buckets.ZoneOpen || z.Size != size || z.Distinct() != distinct || z.Count != count {
			t.Errorf("zone is %+v, want it open with %d bytes, %d of them distinct, in %d members", z, size, distinct, count)
		}
		if want := fmt.Sprintf("waiting for %d KiB more or 48 h", (100<<10-distinct)>>10); z.Reason != want {
			t.Errorf("reason is %q, want %q", z.Reason, want)
		}
	}
	open(41*20<<10, 40<<10, 41)
	f.delete(b, "copy0") // the first of them, from which the others are copies
	open(40*20<<10, 40<<10, 40)
	f.delete(b, "other")
	open(39*20<<10, 20<<10, 39)
	for i := range 38 {
		f.delete(b, fmt.Sprint("copy", 39-i))
	}
	open(20<<10, 20<<10, 1)
	f.delete(b, "copy1")
	if zones := f.zones(); len(zones) != 0 {
		t.Errorf("zones are %+v, want none", zones)
	}
	for i := range 5 {
		f.put(b, fmt.Sprint("full", i), fresh(20<<10))
	}
	f.assigned(b)
	z := f.zones()[0]
	if z.State != buckets.ZoneSealed || z.SealedBy != "size" {
		t.Fatalf("zone is %+v, want it sealed by size", z)
	}
	wantErr(t, "Advance", f.Advance(t.Context(), z.ID), nil)
	if n, err := f.CountedRoots(t.Context()); n != 0 || err != nil {
		t.Errorf("%d roots are still counted (%v) when the members are fixed", n, err)
	}
}
