package buckets_test

import (
	"context"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// TestVersionOrder: the order of versions is that of commits though the clock
// steps back, and the id of a version that was removed does not come again.
func TestVersionOrder(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.versioned("one")
	first := f.put(b, "key", "first")
	wantErr(t, "FutureMarker", f.FutureMarker(ctx, b, "key", time.Hour), nil)
	last := first.Place()
	seen := map[string]bool{}
	for _, body := range []string{"second", "third", "fourth"} {
		o := f.put(b, "key", body)
		if seen[o.VersionID()] || o.Place() <= last {
			t.Errorf("version %s of %s at %d, after %d, seen %v", o.VersionID(), body, o.Place(), last, seen[o.VersionID()])
		}
		seen[o.VersionID()] = true
		if body == "third" {
			wantErr(t, "Delete", f.deleteErr(b, "key", buckets.DeleteOptions{Version: o.VersionID()}), nil)
			continue
		}
		last = o.Place()
		if now, err := f.Head(ctx, b, "key", ""); err != nil || now.VersionID() != o.VersionID() {
			t.Errorf("after %s the current version is %+v, %v", body, now, err)
		}
	}
}

// TestOldRows: what was put before there were versions is the null version, and
// older than all that follows, though the clock has stepped back since.
func TestOldRows(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	old := f.put(b, "key", "old")
	if old.Version != 0 || old.Versioned || old.VersionID() != "null" {
		t.Fatalf("an object without versions is %+v", old)
	}
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("one"), buckets.Enabled), nil)
	put := f.put(b, "key", "new")
	if got, err := f.Head(ctx, b, "key", "null"); err != nil || got.Content != old.Content || got.Latest {
		t.Errorf("the null version is %+v, %v", got, err)
	}
	_, err := f.Head(ctx, b, "key", "0000000000000001")
	wantErr(t, "Head of an unknown version", err, buckets.ErrNoVersion)
	// The null version has no other name.
	put.Version = old.Content
	_, err = f.Head(ctx, b, "key", put.VersionID())
	wantErr(t, "Head of the null version by its place", err, buckets.ErrNoVersion)
}

func TestVersionConditions(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.versioned("one")
	one := f.put(b, "key", "1")
	two := f.put(b, "key", "two")
	size := func(n int64) *int64 { return &n }
	for _, tt := range []struct {
		name string
		opt  buckets.DeleteOptions
		want error
	}{
		{"the etag of an older version", buckets.DeleteOptions{Conditions: buckets.Conditions{IfMatch: one.ETag}}, buckets.ErrPrecondition},
		{"the size of an older version", buckets.DeleteOptions{Conditions: buckets.Conditions{IfSize: size(1)}}, buckets.ErrPrecondition},
		{"another time", buckets.DeleteOptions{Conditions: buckets.Conditions{IfModified: two.Modified.Add(-time.Hour)}}, buckets.ErrPrecondition},
		{"a version of another size", buckets.DeleteOptions{Version: one.VersionID(), Conditions: buckets.Conditions{IfSize: size(3)}}, buckets.ErrPrecondition},
		{"a malformed version", buckets.DeleteOptions{Version: "x"}, buckets.ErrVersionID},
		{"no such version", buckets.DeleteOptions{Version: "0000000000000001", Conditions: buckets.Conditions{IfMatch: "x"}}, nil},
		{"the version of that size", buckets.DeleteOptions{Version: one.VersionID(), Conditions: buckets.Conditions{IfSize: size(1), IfMatch: one.ETag}}, nil},
		{"that size and second", buckets.DeleteOptions{Conditions: buckets.Conditions{IfSize: size(3), IfModified: two.Modified.Truncate(time.Second)}}, nil},
		// Now the current version is a delete marker: there is no object.
		{"of a marker", buckets.DeleteOptions{Conditions: buckets.Conditions{IfMatch: "*"}}, buckets.ErrNoObject},
		{"of the size of a marker", buckets.DeleteOptions{Conditions: buckets.Conditions{IfSize: size(0)}}, buckets.ErrNoObject},
	} {
		wantErr(t, "Delete on "+tt.name, f.deleteErr(b, "key", tt.opt), tt.want)
	}
	_, err := f.Put(ctx, b, "key", 7, upload("3"), buckets.Attributes{}, buckets.Conditions{IfMatch: two.ETag})
	wantErr(t, "Put on a marker that must match", err, buckets.ErrNoObject)
	_, err = f.Put(ctx, b, "key", 7, upload("3"), buckets.Attributes{}, buckets.Conditions{IfNoneMatch: "*"})
	wantErr(t, "Put where no object is", err, nil)
	_, err = f.Copy(ctx, two, b, "key", 7, buckets.Attributes{}, buckets.Conditions{IfMatch: two.ETag})
	wantErr(t, "Copy onto another object", err, buckets.ErrPrecondition)
	wantErr(t, "Delete of a key that cannot be", f.deleteErr(b, "a\xff", buckets.DeleteOptions{}), buckets.ErrKey)
}

// TestDealtVersions: a version that is not current is dealt, restorable and
// protected from the sweep like any other, until it is removed.
func TestDealtVersions(t *testing.T) {
	asked := 0
	f := newTest(t, buckets.Options{Dealer: &dealer{restore: func(context.Context, buckets.Content) error { asked++; return nil }}})
	ctx := t.Context()
	b := f.versioned("one")
	body := fresh(100)
	old := f.put(b, "key", body)
	same := f.put(b, "key", body) // the same bytes are another version
	if old.Content == same.Content || old.CID != same.CID {
		t.Fatalf("the same bytes again are %+v, before %+v", same, old)
	}
	f.put(b, "key", "newer")
	if f.completed(b).Count != 3 {
		t.Errorf("zone is %+v, want all versions in it", f.zones()[0])
	}
	list, err := f.Contents(ctx, 7, 10, 0)
	if err != nil || len(list) != 3 {
		t.Errorf("Contents = %+v, %v, want 3", list, err)
	}
	wantErr(t, "Offload", f.Offload(ctx, old.Content), nil)
	wantErr(t, "Offload", f.Offload(ctx, same.Content), nil)
	if f.roots()[old.CID] {
		t.Error("the root of offloaded versions is held")
	}
	wantErr(t, "Restore", f.Restore(ctx, old.CID), nil)
	if asked != 1 || !f.roots()[old.CID] {
		t.Errorf("restored %d times, held %v", asked, f.roots()[old.CID])
	}
	for _, o := range []buckets.Object{old, same} {
		if !f.roots()[o.CID] {
			t.Errorf("root of version %s is not held", o.VersionID())
		}
		wantErr(t, "Delete", f.deleteErr(b, "key", buckets.DeleteOptions{Version: o.VersionID()}), nil)
		if c := f.content(o.Content); !c.Deleted {
			t.Errorf("content of a version that was removed is %+v", c)
		}
	}
	if f.roots()[old.CID] {
		t.Error("the root of versions that were removed is held")
	}
}

// TestCopyVersion: what is copied is the very version that was looked up.
func TestCopyVersion(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.versioned("one")
	src := f.put(b, "key", "old")
	f.put(b, "key", "new")
	f.delete(b, "key")
	o, err := f.Copy(ctx, src, b, "key", 8, buckets.Attributes{}, buckets.Conditions{})
	if err != nil || o.VersionID() == src.VersionID() || o.Owner != 8 || f.body(b, "key") != "old" {
		t.Errorf("Copy of an older version onto its key = %+v, %v", o, err)
	}
	wantErr(t, "Delete", f.deleteErr(b, "key", buckets.DeleteOptions{Version: src.VersionID()}), nil)
	_, err = f.Copy(ctx, src, b, "copy", 7, buckets.Attributes{}, buckets.Conditions{})
	wantErr(t, "Copy of a version that was removed", err, buckets.ErrNoObject)

	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("one"), buckets.Suspended), nil)
	null := f.put(b, "null", "1")
	f.put(b, "null", "2")
	_, err = f.Copy(ctx, null, b, "copy", 7, buckets.Attributes{}, buckets.Conditions{})
	wantErr(t, "Copy of a null version that was replaced", err, buckets.ErrNoObject)
}

// TestMarkersFillBucket: a bucket with nothing but delete markers is not empty.
func TestMarkersFillBucket(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.versioned("one")
	f.delete(b, "never was")
	wantErr(t, "DeleteBucket", f.DeleteBucket(ctx, f.named("one")), buckets.ErrNotEmpty)
	o, err := f.Head(ctx, b, "never was", "")
	wantErr(t, "Head", err, buckets.ErrNoObject)
	if !o.Marker || !o.Latest || o.Owner != 7 {
		t.Fatalf("Head of a marker = %+v", o)
	}
	page, err := f.List(ctx, b, buckets.Query{Max: 10})
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("List = %+v, %v", page, err)
	}
	wantErr(t, "Delete of the marker", f.deleteErr(b, "never was", buckets.DeleteOptions{Version: o.VersionID()}), nil)
	wantErr(t, "DeleteBucket", f.DeleteBucket(ctx, f.named("one")), nil)
}

// TestObjectsOf: a content leads to the version that names it, wherever that is.
func TestObjectsOf(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	null := f.put(b, "key", "null")
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("one"), buckets.Enabled), nil)
	old, gone, last := f.put(b, "key", "old"), f.put(b, "key", "gone"), f.put(b, "key", "last")
	hidden := f.put(b, "hidden", "body")
	f.delete(b, "hidden")
	var list []buckets.Content
	for _, o := range []buckets.Object{null, old, gone, last, hidden} {
		list = append(list, f.content(o.Content))
	}
	wantErr(t, "Delete", f.deleteErr(b, "key", buckets.DeleteOptions{Version: gone.VersionID()}), nil)
	got, err := f.ObjectsOf(ctx, b, list)
	if err != nil || len(got) != 4 {
		t.Fatalf("ObjectsOf = %+v, %v, want 4", got, err)
	}
	for _, want := range []buckets.Object{null, old, last, hidden} {
		o := got[want.Content]
		if o.Key != want.Key || o.VersionID() != want.VersionID() || o.Owner != 7 || o.Latest != (o.Content == last.Content) {
			t.Errorf("content of version %s leads to %+v", want.VersionID(), o)
		}
	}
}
