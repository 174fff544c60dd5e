package buckets_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

func (f *fixture) putClass(b buckets.Bucket, key, body, class string) buckets.Object {
	f.t.Helper()
	o, err := f.Put(f.t.Context(), b, key, 7, upload(body), buckets.Attributes{Class: class}, buckets.Conditions{})
	if err != nil {
		f.t.Fatalf("Put(%q): %v", key, err)
	}
	return o
}

// waits is what a job says it waits for, "" if it has ended.
func waits(t *testing.T, err error) string {
	t.Helper()
	if errors.Is(err, errFault) || errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// local says whether the blocks of a content are kept, and that they are
// referenced if and only if they are.
func (f *fixture) local(o buckets.Object) bool {
	f.t.Helper()
	here := !f.content(o.Content).Offloaded
	if held := f.roots()[o.CID]; held != here {
		f.t.Errorf("%q is local: %v, and held: %v", o.Key, here, held)
	}
	return here
}

func (f *fixture) restoration(b buckets.Bucket, key string) buckets.Restoration {
	f.t.Helper()
	o, err := f.Head(f.t.Context(), b, key, "")
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := f.Restoration(f.t.Context(), b, o)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// archiving is a fixture whose deals are active as soon as they are asked for,
// and whose providers bring back what is asked for.
func archiving(t *testing.T) (*fixture, *receiver, *dealer) {
	d := &dealer{restore: func(context.Context, buckets.Content) error { return nil }}
	f, r := hooked(t, buckets.Options{Dealer: d, Policy: buckets.Policy{Archive: true}})
	return f, r, d
}

// An object that was put into a cold class gives up its copy when its deals
// are active, and not before.
func TestColdPut(t *testing.T) {
	f, r, _ := archiving(t)
	b := f.bucket("cold")
	f.notify(b, buckets.EventActive)
	cold, warm := f.putClass(b, "cold", fresh(9), "GLACIER"), f.put(b, "warm", fresh(9))
	if got := waits(t, f.ReleaseCopy(t.Context(), cold.Content)); got != "" || !f.local(cold) {
		t.Errorf("before it is dealt: the job waits for %q, local %v", got, f.local(cold))
	}
	f.completed(b)
	jobs, err := f.queue.List(t.Context(), "release")
	if err != nil || len(jobs) != 1 {
		t.Fatalf("jobs %+v, %v, want one", jobs, err)
	}
	wantErr(t, "release", f.ReleaseCopy(t.Context(), cold.Content), nil)
	if f.local(cold) || !f.local(warm) {
		t.Errorf("cold is local: %v, warm: %v", f.local(cold), f.local(warm))
	}
	if r := f.restoration(b, "cold"); !r.Closed || r.Ongoing || !r.Until.IsZero() {
		t.Errorf("restoration of the cold object: %+v", r)
	}
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	if got := r.names(); !slices.Equal(got, []string{"WhyPFS:DealActive cold", "WhyPFS:DealActive warm"}) {
		t.Errorf("events %q", got)
	}
	// Once told, members are not told again.
	if err := f.Advance(t.Context(), f.zones()[0].ID); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	if got := len(r.names()); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
}

func TestRestoreObject(t *testing.T) {
	f, r, d := archiving(t)
	b := f.bucket("restore")
	f.notify(b, "s3:ObjectRestore:*")
	cold, warm := f.putClass(b, "cold", fresh(9), "DEEP_ARCHIVE"), f.put(b, "warm", fresh(9))
	f.completed(b)
	wantErr(t, "release", f.ReleaseCopy(t.Context(), cold.Content), nil)
	ask := func(key string, days int) (bool, error) { return f.RestoreObject(t.Context(), b, key, "", days) }
	for _, c := range []struct {
		key  string
		days int
		want error
	}{{"cold", 0, buckets.ErrDays}, {"none", 1, buckets.ErrNoObject}, {warm.Key, 1, buckets.ErrNotCold}, {"cold", 2, nil}, {"cold", 2, buckets.ErrRestoring}} {
		again, err := ask(c.key, c.days)
		if wantErr(t, "RestoreObject("+c.key+")", err, c.want); again {
			t.Errorf("RestoreObject(%s) says that it is back", c.key)
		}
	}
	d.restore = func(context.Context, buckets.Content) error { return errFault }
	wantErr(t, "restore from providers that fail", f.RestoreCold(t.Context(), cold.Content), errFault)
	if r := f.restoration(b, "cold"); !r.Ongoing || !r.Closed {
		t.Errorf("while it is restored: %+v", r)
	}
	d.restore = func(context.Context, buckets.Content) error { return nil }
	f.store.fail(1, true) // its blocks are back, and marked, but the job does not know
	wantErr(t, "restore", f.RestoreCold(t.Context(), cold.Content), errFault)
	f.store.heal()
	wantErr(t, "restore", f.RestoreCold(t.Context(), cold.Content), nil)
	rest := f.restoration(b, "cold")
	if rest.Closed || rest.Ongoing || rest.Until.Before(time.Now().Add(2*day)) || rest.Until.After(time.Now().Add(3*day)) || !f.local(cold) {
		t.Errorf("restored: %+v, local %v", rest, f.local(cold))
	}
	if again, err := ask("cold", 10); err != nil || !again {
		t.Errorf("RestoreObject of what is back = %v, %v", again, err)
	}
	if got := f.restoration(b, "cold").Until; got.Before(rest.Until.Add(7*day)) || got.After(rest.Until.Add(9*day)) {
		t.Errorf("kept until %v, then until %v", rest.Until, got)
	}
	if got := waits(t, f.ReleaseCopy(t.Context(), cold.Content)); !strings.Contains(got, "until then") || !f.local(cold) {
		t.Errorf("before its time is over the job waits for %q, local %v", got, f.local(cold))
	}
	if err := f.EndRestoration(t.Context(), cold.Content); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "release", f.ReleaseCopy(t.Context(), cold.Content), nil)
	if f.local(cold) || !f.restoration(b, "cold").Closed {
		t.Errorf("after its time: %+v", f.restoration(b, "cold"))
	}
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	want := []string{"ObjectRestore:Post cold", "ObjectRestore:Completed cold", "ObjectRestore:Post cold", "ObjectRestore:Delete cold"}
	if got := r.names(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// What was put again, or deleted, while its copy was away is not given up.
func TestColdObjectThatChanges(t *testing.T) {
	f, _, _ := archiving(t)
	b := f.bucket("changes")
	const body = "the same bytes again"
	o := f.putClass(b, "key", body, "GLACIER")
	f.completed(b)
	wantErr(t, "release", f.ReleaseCopy(t.Context(), o.Content), nil)
	warm := f.put(b, "key", body)
	if warm.Content != o.Content || !f.local(warm) {
		t.Fatalf("put again: %+v, local %v, want content %d", warm, f.local(warm), o.Content)
	}
	wantErr(t, "release", f.ReleaseCopy(t.Context(), o.Content), nil)
	if !f.local(warm) {
		t.Error("a warm object has given up its copy")
	}
	cold := f.putClass(b, "key", body, "GLACIER")
	wantErr(t, "release", f.ReleaseCopy(t.Context(), o.Content), nil)
	if f.local(cold) {
		t.Error("the object is cold again, and is local")
	}
	if _, err := f.RestoreObject(t.Context(), b, "key", "", 1); err != nil {
		t.Fatal(err)
	}
	f.delete(b, "key")
	wantErr(t, "restore of what is deleted", f.RestoreCold(t.Context(), o.Content), nil)
	wantErr(t, "release of what is deleted", f.ReleaseCopy(t.Context(), o.Content), nil)
}

// A read brings a copy back for a day where the bucket's policy does not ask
// readers to restore it.
func TestReadOfColdObject(t *testing.T) {
	f, _, _ := archiving(t)
	b := f.bucket("read")
	if _, err := f.SetPolicy(t.Context(), b.Name, func(p *buckets.Policy) { p.Archive = false }); err != nil {
		t.Fatal(err)
	}
	b = f.again(b)
	o := f.putClass(b, "key", fresh(9), "GLACIER")
	f.completed(b)
	wantErr(t, "release", f.ReleaseCopy(t.Context(), o.Content), nil)
	if r := f.restoration(b, "key"); r.Closed {
		t.Errorf("restoration: %+v", r)
	}
	wantErr(t, "Restore", f.Restore(t.Context(), o.CID), nil)
	if !f.local(o) {
		t.Error("what was read is not local")
	}
	wantErr(t, "release", f.ReleaseCopy(t.Context(), o.Content), nil)
	if f.local(o) {
		t.Error("when the job runs, which is a day later, it still is")
	}
}

func TestTransition(t *testing.T) {
	f, r, d := archiving(t)
	b := f.rules(f.versioned("moves"),
		"<Prefix></Prefix><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>"+
			"<Transition><Days>20</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>"+
			"<NoncurrentVersionTransition><NoncurrentDays>0</NoncurrentDays><StorageClass>GLACIER_IR</StorageClass></NoncurrentVersionTransition>")
	f.notify(b, "s3:LifecycleTransition")
	old := f.put(b, "key", fresh(200<<10))
	o := f.put(b, "key", fresh(9))
	f.age(b, "key", 5*day)
	if got := f.pass(b); got != "runs daily; last time 2 waiting for deals" {
		t.Errorf("before they are dealt the job waits with %q", got)
	}
	d.progress = func(buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 2, Active: 2}, nil }
	f.completed(b)
	d.progress = func(buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 2, Active: 1}, nil }
	if got := f.pass(b); got != "runs daily; last time 2 waiting for deals" || !f.local(o) {
		t.Errorf("with a deal that has ended the job waits with %q", got)
	}
	d.progress = nil
	if got := f.pass(b); got != "runs daily; last time 2 moved" {
		t.Errorf("the job waits with %q", got)
	}
	for _, c := range []struct {
		o     buckets.Object
		class string
	}{{o, "GLACIER"}, {old, "GLACIER_IR"}} {
		now, err := f.Head(t.Context(), b, "key", c.o.VersionID())
		if err != nil || now.Class != c.class || f.local(now) {
			t.Errorf("version %s: %+v, %v, want it away in %s", c.o.VersionID(), now, err, c.class)
		}
	}
	if got := f.pass(b); got != "runs daily" {
		t.Errorf("a second pass waits with %q", got)
	}
	f.age(b, "key", 20*day)
	f.pass(b)
	if now, err := f.Head(t.Context(), b, "key", ""); err != nil || now.Class != "DEEP_ARCHIVE" {
		t.Errorf("later: %+v, %v", now, err)
	}
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	if got := len(r.names()); got != 3 {
		t.Errorf("events %q, want 3", r.names())
	}
}
