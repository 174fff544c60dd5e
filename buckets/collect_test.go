package buckets_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// What is asked to be given up is what was read least recently of what Filecoin
// keeps, of those who are named, and a dry run gives up nothing.
func TestCollect(t *testing.T) {
	const kib = 1 << 10
	d := &dealer{}
	f := newTest(t, buckets.Options{Dealer: d})
	ctx := t.Context()
	b := f.bucket("one")
	var owner uint64
	for _, key := range []string{"a", "b", "c"} {
		owner = f.content(f.put(b, key, fresh(100*kib)).Content).Owner
	}
	f.completed(b)
	f.put(f.bucket("two"), "waiting", fresh(100*kib)) // for its deals
	f.assigned(f.named("two"))
	newest := time.Now().Add(9 * time.Hour)
	for key, at := range map[string]time.Time{"a": newest.Add(-2 * time.Hour), "b": newest.Add(-4 * time.Hour), "c": newest} {
		o, err := f.Head(ctx, b, key, "")
		wantErr(t, "Head", err, nil)
		wantErr(t, "SetRead", f.SetRead(ctx, o.CID, at), nil)
	}
	local := func(spare bool, limit int) (names string) {
		t.Helper()
		list, err := f.Local(ctx, spare, limit)
		wantErr(t, "Local", err, nil)
		for _, c := range list {
			names += c.Name + " "
		}
		return names
	}
	if got, spare, one := local(false, 10), local(true, 10), local(true, 1); got != "waiting c b a " || spare != "c b a " || one != "c " {
		t.Errorf("local are %q, of which %q and first %q may go", got, spare, one)
	}
	collect := func(r buckets.CollectRequest, want string) {
		t.Helper()
		got, err := f.Collect(ctx, r)
		wantErr(t, "Collect", err, nil)
		text := fmt.Sprint(got.Considered, " considered, ", got.Bytes/kib, " KiB:")
		for _, c := range got.Contents {
			text += " " + c.Name
			if c.Offloaded == r.DryRun || c.Name == "b" && c.LastRead != newest.Add(-4*time.Hour).UTC().Truncate(time.Hour) {
				t.Errorf("%+v of %+v", c, r)
			}
		}
		if text != want {
			t.Errorf("Collect(%+v) gave %q, want %q", r, text, want)
		}
	}
	collect(buckets.CollectRequest{Bytes: 150 * kib, DryRun: true}, "3 considered, 200 KiB: b a")
	if gone := f.offloaded(b, "a", "b", "c"); gone != "" {
		t.Errorf("a dry run gave up %s", gone)
	}
	collect(buckets.CollectRequest{}, "3 considered, 0 KiB:")
	collect(buckets.CollectRequest{Bytes: 1, Owners: []uint64{owner + 1}}, "0 considered, 0 KiB:")
	collect(buckets.CollectRequest{Bytes: 1, Owners: []uint64{owner + 1, owner}}, "3 considered, 100 KiB: b")
	collect(buckets.CollectRequest{Bytes: 1000 * kib}, "2 considered, 200 KiB: a c")
	if gone := f.offloaded(b, "a", "b", "c"); gone != "a b c" {
		t.Errorf("given up are %q", gone)
	}
	if got := local(false, 10); got != "waiting " {
		t.Errorf("local are %q", got)
	}
}

// Without a network nothing may go.
func TestCollectWithoutDealer(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	f.put(b, "a", fresh(100))
	got, err := f.Collect(t.Context(), buckets.CollectRequest{Bytes: 1})
	if err != nil || got.Considered != 0 || len(got.Contents) != 0 {
		t.Errorf("Collect = %+v, %v", got, err)
	}
	if list, err := f.Local(t.Context(), true, 10); err != nil || len(list) != 0 {
		t.Errorf("Local = %+v, %v", list, err)
	}
}

// A sweep that is asked for is due at once.
func TestSweepSoon(t *testing.T) {
	f := newTest(t, buckets.Options{})
	wantErr(t, "SweepSoon", f.SweepSoon(t.Context()), nil)
	j, err := f.queue.Job(t.Context(), "sweep", "daily")
	if err != nil || time.Until(j.Due) > 0 {
		t.Errorf("job %+v, %v", j, err)
	}
}

// A root that another owner has too, or a copy that waits for its deals, stays,
// and a dry run says so.
func TestCollectShared(t *testing.T) {
	f := newTest(t, buckets.Options{Dealer: &dealer{}})
	ctx := t.Context()
	b := f.bucket("one")
	theirs, err := f.CreateBucket(ctx, 8, "theirs", buckets.BucketOptions{})
	wantErr(t, "CreateBucket", err, nil)
	shared := fresh(1000)
	f.put(b, "shared", shared)
	f.completed(b)
	f.put(theirs, "shared", shared)
	f.completed(theirs)
	copied := f.put(b, "copied", fresh(1000))
	f.completed(b)
	_, err = f.Copy(ctx, copied, f.bucket("two"), "copy", 7, buckets.Attributes{}, buckets.Conditions{})
	wantErr(t, "Copy", err, nil)
	collect := func(want int, owners ...uint64) {
		t.Helper()
		for _, dry := range []bool{true, false} {
			got, err := f.Collect(ctx, buckets.CollectRequest{Bytes: 5000, Owners: owners, DryRun: dry})
			if err != nil || len(got.Contents) != want || got.Bytes != int64(min(want, 1)*1000) {
				t.Errorf("Collect of %d, dry %v, gave %+v, %v, want %d contents", owners, dry, got, err, want)
			}
		}
	}
	collect(0, 7)
	if gone := f.offloaded(theirs, "shared"); gone != "" {
		t.Error("what another owner has was given up")
	}
	collect(2, 7, 8)
	if gone := f.offloaded(b, "shared", "copied"); gone != "shared" {
		t.Errorf("given up are %q", gone)
	}
}

// A copy that was asked for is none of those that may go.
func TestLocalRestored(t *testing.T) {
	f, _, _ := archiving(t)
	b := f.bucket("one")
	cold := f.putClass(b, "cold", fresh(9), "GLACIER")
	f.completed(b)
	wantErr(t, "release", f.ReleaseCopy(t.Context(), cold.Content), nil)
	_, err := f.RestoreObject(t.Context(), b, "cold", "", 2)
	wantErr(t, "RestoreObject", err, nil)
	wantErr(t, "restore", f.RestoreCold(t.Context(), cold.Content), nil)
	all, err := f.Local(t.Context(), false, 10)
	wantErr(t, "Local", err, nil)
	spare, err := f.Local(t.Context(), true, 10)
	wantErr(t, "Local", err, nil)
	if len(all) != 1 || len(spare) != 0 {
		t.Errorf("local are %+v, of which may go %+v", all, spare)
	}
}
