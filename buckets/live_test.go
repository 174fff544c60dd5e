package buckets_test

import (
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// TestDeadZone: in whichever state everything in a zone is deleted, no deal is
// begun for it any more, its blocks go when nobody fetches them, and it says why.
func TestDeadZone(t *testing.T) {
	var now buckets.Progress
	deals := 0
	d := &dealer{
		deal:     func(buckets.Zone) error { deals++; return nil },
		progress: func(buckets.Zone) (buckets.Progress, error) { return now, nil },
	}
	ctx := t.Context()
	for _, tt := range []struct {
		name     string
		at       buckets.ZoneState // when everything is deleted
		progress buckets.Progress  // by then, and afterwards
		pending  bool              // a provider fetches the piece still
		reason   string
	}{
		{"packed", buckets.ZonePacked, buckets.Progress{Wanted: 2, Reason: "not asked for"}, false,
			"everything in it was deleted, and no deal is active"},
		{"dealing", buckets.ZoneDealing, buckets.Progress{Wanted: 2, Active: 1, Pending: 1, Reason: "being pulled"}, true,
			"everything in it was deleted: 1 active deals run out, and none is made"},
		{"complete", buckets.ZoneComplete, buckets.Progress{Wanted: 2, Active: 2}, false,
			"everything in it was deleted: 2 active deals run out, and none is made"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newTest(t, buckets.Options{Dealer: d})
			b := f.bucket("one")
			o := f.put(b, "key", "body")
			id := f.sealed(b).ID
			deals, now = 0, tt.progress
			remove := func() { f.delete(b, "key") }
			if tt.at == buckets.ZonePacked {
				d.pack = func(buckets.Zone, []buckets.Content) ([]string, error) { remove(); return []string{"p"}, nil }
				defer func() { d.pack = nil }()
			}
			advance := func() buckets.Zone {
				t.Helper()
				err := f.Advance(ctx, id)
				if z := f.zone(id); (err != nil) != (z.State == buckets.ZoneDealing) {
					t.Errorf("Advance = %v, zone is %+v", err, z)
				}
				return f.zone(id)
			}
			z := advance()
			if tt.at != buckets.ZonePacked {
				if z.State != tt.at || deals != 1 {
					t.Fatalf("zone is %+v after %d calls of Deal", z, deals)
				}
				remove()
				if tt.at == buckets.ZoneComplete {
					wantErr(t, "GC", f.GC(ctx), nil)
					if jobs, err := f.queue.List(ctx, "zone"); err != nil || len(jobs) != 1 {
						t.Errorf("jobs of zones are %v, %v, want the one that finds the zone dead", jobs, err)
					}
				}
				z = advance()
			} else if deals != 0 {
				t.Error("deals are made for what was deleted")
			}
			if tt.pending {
				if z.State != buckets.ZoneDealing || z.Reason != tt.reason || !f.roots()[o.CID] {
					t.Errorf("zone is %+v while a provider fetches it, roots %v", z, f.roots())
				}
				now.Pending = 0
				z = advance()
			}
			if z.State != buckets.ZoneComplete || z.Reason != tt.reason || f.roots()[o.CID] {
				t.Errorf("zone is %+v, want it complete: %q; roots %v", z, tt.reason, f.roots())
			}
		})
	}
}

func TestEndingReason(t *testing.T) {
	d := &dealer{progress: func(buckets.Zone) (buckets.Progress, error) {
		return buckets.Progress{Wanted: 2, Active: 2, Ending: 2}, nil
	}}
	f := newTest(t, buckets.Options{Dealer: d})
	b := f.bucket("one")
	f.put(b, "key", "body")
	want := "2 of 2 deals are active, and 2 run out, as everything in their pieces was deleted"
	if z := f.completed(b); z.Reason != want {
		t.Errorf("reason is %q, want %q", z.Reason, want)
	}
}
