package buckets_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// policied is a bucket with a policy changed.
func (f *fixture) policied(name string, change func(*buckets.Policy)) buckets.Bucket {
	f.t.Helper()
	return f.policy(f.bucket(name), change)
}

// policy changes a bucket's policy.
func (f *fixture) policy(b buckets.Bucket, change func(*buckets.Policy)) buckets.Bucket {
	f.t.Helper()
	b, err := f.SetPolicy(f.t.Context(), b.Name, change)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// TestSealBySize: a zone is cut where it reaches the threshold, members go in
// in order, and none is lost or twice.
func TestSealBySize(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.policied("one", func(p *buckets.Policy) { p.Threshold = 100 })
	sizes := []int{30, 30, 39, 0, 1, 500, 100, 99, 0}
	want := [][]int{{30, 30, 39, 0, 1}, {500}, {100}, {99, 0}}
	for i, size := range sizes {
		f.put(b, fmt.Sprint("key", i), fresh(size))
	}
	f.assigned(b)
	zones := f.zones()
	slices.Reverse(zones)
	var got [][]int
	for i, z := range zones {
		list, err := f.ZoneContents(t.Context(), z.ID, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for _, c := range list {
			sizes = append(sizes, int(c.Size))
		}
		got = append(got, sizes)
		state, by := buckets.ZoneSealed, "size"
		if i == len(want)-1 {
			state, by = buckets.ZoneOpen, ""
		}
		if z.State != state || z.SealedBy != by || z.Owner != 7 || z.Reason == "" || z.Policy.Threshold != 100 {
			t.Errorf("zone %d is %+v", i, z)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("zones have %v, want %v", got, want)
	}
	if got, want := zones[3].Reason, "waiting for 1 B more or 48 h"; got != want {
		t.Errorf("reason is %q, want %q", got, want)
	}
	if list, err := f.ZoneContents(t.Context(), zones[0].ID, mustMembers(f, zones[0])[1].ID, 2); err != nil || len(list) != 2 || list[0].Size != 39 {
		t.Errorf("ZoneContents after the second = %+v, %v", list, err)
	}
}

func mustMembers(f *fixture, z buckets.Zone) []buckets.Content {
	f.t.Helper()
	list, err := f.ZoneContents(f.t.Context(), z.ID, 0, 1<<20)
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// TestAssignMany: more contents than one transaction takes.
func TestAssignMany(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.policied("one", func(p *buckets.Policy) { p.Threshold = 700 })
	var keys []string
	for i := range 1234 {
		keys = append(keys, fmt.Sprintf("key%04d", i))
	}
	f.putAll(b, keys, "x")
	f.assigned(b)
	zones := f.zones()
	if len(zones) != 2 || zones[1].Count != 700 || zones[0].Count != 534 {
		t.Errorf("zones are %+v", zones)
	}
}

// TestSealByAge: a zone is sealed when its oldest member is old enough, to the
// second, and says until then how long that takes.
func TestSealByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // a bubble begins in 2000, ids in 2024
		f := newTest(t, buckets.Options{Dealer: &dealer{}})
		f.run()
		b := f.policied("one", func(p *buckets.Policy) { p.MaxAge = 10 * time.Hour })
		f.put(b, "gone", "12345")
		time.Sleep(time.Hour)
		first := f.put(b, "first", "123")
		time.Sleep(time.Hour)
		f.put(b, "second", "4")
		synctest.Wait()
		z := f.zones()[0]
		if want := "waiting for 15 GiB more or 8 h"; z.Reason != want {
			t.Errorf("reason is %q, want %q", z.Reason, want)
		}
		jobs, err := f.queue.List(t.Context(), "seal")
		if err != nil || len(jobs) != 1 || jobs[0].Reason != z.Reason {
			t.Errorf("jobs are %+v, %v", jobs, err)
		}
		f.delete(b, "gone") // with it goes an hour of age
		time.Sleep(8*time.Hour + 59*time.Minute + 59*time.Second)
		synctest.Wait()
		if z = f.zone(z.ID); z.State != buckets.ZoneOpen || !z.Oldest.Equal(first.Modified) {
			t.Errorf("a second before its time the zone is %+v", z)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if z = f.zone(z.ID); z.State != buckets.ZoneComplete || z.SealedBy != "age" || z.Count != 2 {
			t.Errorf("in time the zone is %+v", z)
		}
		f.put(b, "third", "5")
		synctest.Wait()
		if zones := f.zones(); len(zones) != 2 || zones[0].State != buckets.ZoneOpen {
			t.Errorf("zones are %+v", zones)
		}
	})
}

// TestPolicyWakes: a new policy applies to the zone that is open.
func TestPolicyWakes(t *testing.T) {
	for name, change := range map[string]func(*buckets.Policy){
		"size": func(p *buckets.Policy) { p.Threshold = 4 },
		"age":  func(p *buckets.Policy) { p.MaxAge = time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			f := newTest(t, buckets.Options{})
			f.run()
			b := f.bucket("one")
			f.put(b, "key", "body")
			f.await("zone opens", func() bool { z := f.zones(); return len(z) == 1 && z[0].State == buckets.ZoneOpen })
			if _, err := f.SetPolicy(t.Context(), "one", change); err != nil {
				t.Fatal(err)
			}
			f.await("zone is sealed", func() bool { return f.zones()[0].State == buckets.ZoneSealed })
			z := f.zones()[0]
			if z.SealedBy != name {
				t.Errorf("zone is sealed by %q", z.SealedBy)
			}
		})
	}
}

func TestSealZone(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	f.put(b, "key", "body")
	z := f.sealed(b)
	if z.State != buckets.ZoneSealed || z.SealedBy != "request" {
		t.Errorf("zone is %+v", z)
	}
	wantErr(t, "SealZone again", f.SealZone(t.Context(), z.ID), nil)
	if again := f.zone(z.ID); again.Changed != z.Changed {
		t.Errorf("zone changed to %+v", again)
	}
	wantErr(t, "SealZone of nothing", f.SealZone(t.Context(), 1), buckets.ErrNoZone)
	_, err := f.Zone(t.Context(), 1)
	wantErr(t, "Zone of nothing", err, buckets.ErrNoZone)
	_, err = f.ZoneContents(t.Context(), 1, 0, 1)
	wantErr(t, "ZoneContents of nothing", err, buckets.ErrNoZone)
}

func TestZones(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b1, b2 := f.bucket("one"), f.bucket("two")
	b3, err := f.CreateBucket(t.Context(), 8, "three", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []buckets.Bucket{b1, b2, b3, b1} {
		f.put(b, fmt.Sprint(len(f.zones())), fresh(8))
		f.sealed(b)
	}
	all := f.zones()
	ids := func(owner uint64, bucket string, limit, offset int) (ids []uint64) {
		list, err := f.Zones(t.Context(), owner, bucket, limit, offset)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range list {
			ids = append(ids, z.ID)
		}
		return ids
	}
	for _, tt := range []struct {
		owner         uint64
		bucket        string
		limit, offset int
		want          []uint64
	}{
		{0, "", 10, 0, []uint64{all[0].ID, all[1].ID, all[2].ID, all[3].ID}},
		{7, "", 10, 0, []uint64{all[0].ID, all[2].ID, all[3].ID}},
		{7, "", 1, 1, []uint64{all[2].ID}},
		{0, b1.UUID, 10, 0, []uint64{all[0].ID, all[3].ID}},
		{8, b1.UUID, 10, 0, nil},
	} {
		if got := ids(tt.owner, tt.bucket, tt.limit, tt.offset); !slices.Equal(got, tt.want) {
			t.Errorf("Zones(%+v) = %v", tt, got)
		}
	}
}

// TestZoneLife: each state, what the dealer is asked in it, and its reason.
func TestZoneLife(t *testing.T) {
	active := make(chan int, 10)
	var calls []string
	call := func(name string, z buckets.Zone) { calls = append(calls, name+" "+string(z.State)) }
	failures := map[string]int{"pack": 2, "deal": 1}
	try := func(name string, z buckets.Zone) error {
		call(name, z)
		if failures[name]--; failures[name] >= 0 {
			return errors.New("no provider accepts 256 MiB pieces")
		}
		return nil
	}
	now := 0
	d := &dealer{
		pack: func(z buckets.Zone, m []buckets.Content) ([]string, error) {
			if len(m) != 2 || z.Policy.Replication != 6 {
				t.Errorf("packed %v of %+v", m, z)
			}
			return []string{"p1", "p2"}, try("pack", z)
		},
		deal: func(z buckets.Zone) error { return try("deal", z) },
		progress: func(z buckets.Zone) (buckets.Progress, error) {
			select {
			case now = <-active:
			default:
			}
			return buckets.Progress{Wanted: 12, Active: now, Reason: "escrow too low"}, nil
		},
	}
	f := newTest(t, buckets.Options{Dealer: d})
	b := f.bucket("one")
	f.put(b, "a", "body")
	f.put(b, "b", "")
	id := f.sealed(b).ID
	ctx := t.Context()
	step := func(what string, wantErr bool, state buckets.ZoneState, reason string) {
		t.Helper()
		err := f.Advance(ctx, id)
		z := f.zone(id)
		if (err != nil) != wantErr || z.State != state || !strings.HasSuffix(z.Reason, reason) {
			t.Errorf("%s: %v; zone is %+v, want it %s with reason %q", what, err, z, state, reason)
		}
	}
	step("pack fails", true, buckets.ZoneSealed, "pack: no provider accepts 256 MiB pieces")
	step("pack fails again", true, buckets.ZoneSealed, "pack: no provider accepts 256 MiB pieces")
	step("deal fails", true, buckets.ZonePacked, "deal: no provider accepts 256 MiB pieces")
	if z := f.zone(id); !slices.Equal(z.Pieces, []string{"p1", "p2"}) {
		t.Errorf("pieces are %v", z.Pieces)
	}
	step("no deal is active", true, buckets.ZoneDealing, "0 of 12 deals are active: escrow too low")
	active <- 5
	step("some are", true, buckets.ZoneDealing, "5 of 12 deals are active: escrow too low")
	active <- 12
	step("all are", false, buckets.ZoneComplete, "12 of 12 deals are active")
	active <- 11
	step("one ends", false, buckets.ZoneComplete, "11 of 12 deals are active: escrow too low")
	want := "pack sealed,pack sealed,pack sealed,deal packed,deal packed"
	if got := strings.Join(calls, ","); got != want {
		t.Errorf("calls were %s, want %s", got, want)
	}
}

// TestDealsChanged: the zone moves on because it is told, not because time passes.
func TestDealsChanged(t *testing.T) {
	active := make(chan int, 1)
	now := 0
	d := &dealer{progress: func(z buckets.Zone) (buckets.Progress, error) {
		select {
		case now = <-active:
		default:
		}
		return buckets.Progress{Wanted: 6, Active: now}, nil
	}}
	f := newTest(t, buckets.Options{Dealer: d, Policy: buckets.Policy{Threshold: 3}})
	f.run()
	b := f.bucket("one")
	f.put(b, "key", "body")
	state := func(s buckets.ZoneState, reason string) func() bool {
		return func() bool {
			z := f.zones()
			return len(z) == 1 && z[0].State == s && z[0].Reason == reason
		}
	}
	f.await("dealing", state(buckets.ZoneDealing, "0 of 6 deals are active"))
	id := f.zones()[0].ID
	for _, n := range []int{3, 6, 5, 6} {
		active <- n
		wantErr(t, "DealsChanged", f.DealsChanged(t.Context(), id), nil)
		s := buckets.ZoneDealing
		if n > 3 {
			s = buckets.ZoneComplete
		}
		f.await(fmt.Sprint(n, " active"), state(s, fmt.Sprintf("%d of 6 deals are active", n)))
	}
	wantErr(t, "DealsChanged of nothing", f.DealsChanged(t.Context(), 1), nil)
}

// TestNoDealer: a zone waits for a network, and goes on when there is one after a restart.
func TestNoDealer(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.queue.Run(ctx) }()
	b := f.policied("one", func(p *buckets.Policy) { p.Threshold = 1 })
	f.put(b, "key", "body")
	const reason = "no Filecoin network is configured"
	f.await("zone waits", func() bool {
		z := f.zones()
		jobs, err := f.queue.List(t.Context(), "zone")
		return err == nil && len(z) == 1 && z[0].Reason == reason && z[0].State == buckets.ZoneSealed && len(jobs) == 1 && jobs[0].Reason == reason
	})
	cancel()
	wantErr(t, "Run", <-done, nil)
	f.opt.Dealer = &dealer{}
	f.reopen()
	wantErr(t, "Start", f.Start(t.Context()), nil)
	f.run()
	f.await("zone is complete", func() bool { return f.zones()[0].State == buckets.ZoneComplete })
	for _, kind := range []string{"gc", "sweep"} {
		if jobs, err := f.queue.List(t.Context(), kind); err != nil || len(jobs) != 1 {
			t.Errorf("jobs of kind %s are %v, %v", kind, jobs, err)
		}
	}
}

func TestIDs(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	id := buckets.MakeID(now, 0xffff_ffff)
	if !buckets.IDTime(id).Equal(now) {
		t.Errorf("id of %v has time %v", now, buckets.IDTime(id))
	}
	if later := buckets.MakeID(now.Add(time.Millisecond), 0); later <= id {
		t.Errorf("id %d of a millisecond later is not over %d", later, id)
	}
	if last := buckets.MakeID(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC), 0xfff); last >= 1<<53 {
		t.Errorf("id %d of 2090 is not exact in JSON", last)
	}
}
