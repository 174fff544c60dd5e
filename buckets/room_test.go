package buckets_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// full is a disk that has as much taken as a test says.
type full struct{ used int64 }

func (d *full) options(above, to int64) buckets.OffloadOptions {
	return buckets.OffloadOptions{Used: func() (int64, error) { return d.used, nil }, Above: above, To: to}
}

// offloaded are the keys whose local copies were given up.
func (f *fixture) offloaded(b buckets.Bucket, keys ...string) string {
	f.t.Helper()
	var out []string
	for _, key := range keys {
		o, err := f.Head(f.t.Context(), b, key, "")
		if err != nil {
			f.t.Fatal(err)
		}
		if f.content(o.Content).Offloaded {
			out = append(out, key)
		}
	}
	return strings.Join(out, " ")
}

// TestMakeRoom: nothing is given up below the mark, and above it what was read
// least recently, no more than needed, and only what Filecoin is sure to keep.
func TestMakeRoom(t *testing.T) {
	const kib = 1 << 10
	disk := &full{}
	d := &dealer{}
	f := newTest(t, buckets.Options{Dealer: d, Offload: disk.options(1000*kib, 701*kib)})
	f.metrics = prometheus.NewRegistry()
	f.reopen()
	ctx := t.Context()
	b := f.bucket("one")
	keys := []string{"a", "b", "c", "d"}
	for _, key := range keys {
		f.put(b, key, fresh(100*kib))
	}
	copied := f.put(b, "copied", fresh(100*kib))
	f.completed(b)
	if _, err := f.Copy(ctx, copied, f.bucket("two"), "copy", 7, buckets.Attributes{}, buckets.Conditions{}); err != nil {
		t.Fatal(err)
	}
	f.assigned(f.named("two"))
	read := func(key string, hours int) {
		t.Helper()
		o, err := f.Head(ctx, b, key, "")
		wantErr(t, "Head", err, nil)
		wantErr(t, "SetRead", f.SetRead(ctx, o.CID, time.Now().Add(time.Duration(hours)*time.Hour)), nil)
	}
	read("a", 4)
	read("b", 2)
	read("c", 3)
	pass := func(used int64, reason, gone string) {
		t.Helper()
		disk.used = used
		err := f.MakeRoom(ctx)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("with %d taken: %v, want %q", used, err, reason)
		}
		if got := f.offloaded(b, "a", "b", "c", "d", "copied"); got != gone {
			t.Errorf("with %d taken these are offloaded: %q, want %q", used, got, gone)
		}
	}
	pass(1000*kib, "nothing is given up below 1000 KiB", "")
	d.progress = func(buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 6, Active: 5}, nil }
	pass(1001*kib, "gave up 0 objects of 0 B; of the others 6 wait for their deals", "")
	d.progress = func(buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 6, Active: 6}, nil }
	d.sampled = func(buckets.Zone) (int, bool, error) { return 5, true, nil }
	pass(1001*kib, "of the others 1 wait for their deals, 5 wait for a sample from each provider", "")
	d.progress, d.sampled = nil, func(buckets.Zone) (int, bool, error) { return 6, true, nil }
	// 300 KiB are needed: d, b, c in this order; a copy of copied has no deals.
	pass(1001*kib, "gave up 3 objects of 300 KiB", "b c d")
	if n := f.counter("whypfs_buckets_offloaded_objects_total"); n != 3 {
		t.Errorf("%v objects are counted, want 3", n)
	}
	if n := f.counter("whypfs_buckets_offloaded_bytes_total"); n != 300*kib {
		t.Errorf("%v bytes are counted, want 300 KiB", n)
	}
}

// counter is a counter without labels.
func (f *fixture) counter(name string) float64 {
	f.t.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	f.t.Fatalf("no metric %s", name)
	return 0
}

// lastRead is the hour in which an object was read last.
func (f *fixture) lastRead(o buckets.Object) int64 {
	f.t.Helper()
	hour, err := f.LastRead(f.t.Context(), o.CID)
	if err != nil {
		f.t.Fatal(err)
	}
	return hour
}

// TestReadsAreNoted: a read, and a restore, put an object behind those that nobody reads.
func TestReadsAreNoted(t *testing.T) {
	disk := &full{used: 2}
	body := fresh(100 << 10)
	var f *fixture
	d := &dealer{restore: func(ctx context.Context, _ buckets.Content) error {
		_, err := f.node.Import(ctx, strings.NewReader(body), node.ImportOptions{Private: true})
		return err
	}}
	f = newTest(t, buckets.Options{Dealer: d, Offload: disk.options(1, 0)})
	ctx := t.Context()
	b := f.bucket("one")
	o := f.put(b, "key", body)
	f.completed(b)
	before := f.lastRead(o)
	if before != 0 {
		t.Errorf("read in hour %d before it was", before)
	}
	wantErr(t, "Offload", f.Offload(ctx, o.Content), nil)
	if _, err := f.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(ctx, o.CID, o.Size)
	wantErr(t, "Open", err, nil)
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Close", r.Close(), nil)
	ctx2, cancel := context.WithCancel(ctx)
	cancel()
	wantErr(t, "RunReads", f.RunReads(ctx2), nil) // writes down what is left at the end
	if got, now := f.lastRead(o), time.Now().Unix()/3600; got < now-1 || got > now {
		t.Errorf("read in hour %d, want %d", got, now)
	}
	f.delete(b, "key")
	wantErr(t, "GC", f.GC(ctx), nil)
	if f.lastRead(o) == 0 {
		t.Error("forgotten while its zone has it")
	}
	for _, z := range f.zones() {
		wantErr(t, "AgeZone", f.AgeZone(ctx, z.ID, 100*24*time.Hour), nil)
	}
	wantErr(t, "GC", f.GC(ctx), nil)
	if got := f.lastRead(o); got != 0 {
		t.Errorf("read in hour %d, of which nothing is left", got)
	}
}

// What is needed here, and was read longest ago, keeps nothing else from going.
func TestMakeRoomPastNeeded(t *testing.T) {
	const kib = 1 << 10
	disk := &full{used: 1000 * kib}
	f := newTest(t, buckets.Options{Dealer: &dealer{}, Offload: disk.options(900*kib, 800*kib)})
	b, other := f.bucket("one"), f.bucket("two")
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for i, key := range keys {
		o := f.put(b, key, fresh(100*kib))
		wantErr(t, "SetRead", f.SetRead(t.Context(), o.CID, time.Now().Add(time.Duration(i+1)*time.Hour)), nil)
	}
	f.completed(b)
	for _, key := range keys[:5] {
		o, err := f.Head(t.Context(), b, key, "")
		wantErr(t, "Head", err, nil)
		_, err = f.Copy(t.Context(), o, other, key, 7, buckets.Attributes{}, buckets.Conditions{})
		wantErr(t, "Copy", err, nil)
	}
	if err := f.MakeRoom(t.Context()); err == nil || !strings.Contains(err.Error(), "gave up 2 objects of 200 KiB; of the others 5 wait for their deals, 5 are needed by") {
		t.Errorf("MakeRoom = %v", err)
	}
	if gone := f.offloaded(b, keys...); gone != "f g" {
		t.Errorf("given up are %q, want the oldest that may go", gone)
	}
	got, err := f.Collect(t.Context(), buckets.CollectRequest{Bytes: 50 * kib})
	if err != nil || got.Bytes != 100*kib || len(got.Contents) != 1 || got.Contents[0].Name != "h" || got.Considered != 1 {
		t.Errorf("Collect gave %+v, %v", got, err)
	}
}
