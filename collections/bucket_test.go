package collections_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

func (f *fixture) put(b buckets.Bucket, key, body string) buckets.Object {
	f.t.Helper()
	o, err := f.buckets.Put(f.t.Context(), b, key, me, buckets.Upload{Body: strings.NewReader(body)}, buckets.Attributes{Meta: map[string]string{"k": key}}, buckets.Conditions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return o
}

// A bucket's objects are its entries, whatever their keys are.
func TestBucketEntries(t *testing.T) {
	f := newTest(t)
	b, col := f.bucket("abucket", buckets.BucketOptions{})
	var all []string
	for _, key := range []string{"/lead", "a", "a//b", "a/b", "a/c/d", "dir/", "é/x"} {
		o := f.put(b, key, "body of "+key)
		all = append(all, fmt.Sprintf("/%s=%d", key, o.Content))
	}
	for max := 1; max < 4; max++ {
		want(t, "entries", f.entries(col, max), strings.Join(all, " "))
		want(t, "root", f.children(col, "/", max), "a a/ dir/ é/")
		want(t, "/a", f.children(col, "/a", max), "b c/")
		want(t, "/a//", f.children(col, "/a//", max), "b")
		want(t, "/dir", f.children(col, "/dir", max), "")
	}
	// Of an object that was replaced or deleted there is nothing left.
	o := f.put(b, "a", "new")
	if _, err := f.buckets.Delete(t.Context(), b, "a/b", buckets.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	page, err := f.Children(t.Context(), col, "/", "", 2)
	if err != nil || len(page.Children) != 1 || page.Children[0].Name != "a" || page.Children[0].Entry.Content.ID != o.Content {
		t.Errorf("Children = %+v, %v", page, err)
	}
	want(t, "/a", f.children(col, "/a", 9), "c/")
}

// To add contents to a bucket copies them, and stores no byte twice.
func TestBucketAdd(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	src, _ := f.bucket("source", buckets.BucketOptions{})
	b, col := f.bucket("abucket", buckets.BucketOptions{})
	x := f.put(src, "deep/x", "x")
	y := f.content(me, "y", "y")
	wantErr(t, "AddTo", f.AddTo(ctx, me, col.UUID, "/d", []uint64{x.Content, y}, false), nil)
	want(t, "entries", f.paths(col), "/d/deep/x /d/y")
	o, err := f.buckets.Head(ctx, b, "d/deep/x", "")
	if err != nil || !o.CID.Equals(x.CID) || o.Content == x.Content || o.Meta["k"] != "deep/x" {
		t.Errorf("the copy is %+v, %v", o, err)
	}
	wantErr(t, "AddTo again", f.AddTo(ctx, me, col.UUID, "/d", []uint64{x.Content, y}, false), nil)
	z := f.content(me, "y", "z")
	wantErr(t, "AddTo in the way", f.AddTo(ctx, me, col.UUID, "/d", []uint64{x.Content, z}, false), collections.ErrExists)
	wantErr(t, "AddTo over", f.AddTo(ctx, me, col.UUID, "/d", []uint64{z}, true), nil)
	wantErr(t, "Add", f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/e", ID: z}}, false), nil)
	want(t, "entries", f.paths(col), "/d/deep/x /d/y /e")
	// A copy lives on without its source.
	f.remove(z)
	want(t, "entries", f.paths(col), "/d/deep/x /d/y /e")
	var missing *collections.MissingError
	if err := f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/f", ID: z}}, false); !errors.As(err, &missing) {
		t.Errorf("Add of what is gone = %v", err)
	}
	foreign := f.content(other, "c", "c")
	if err := f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/f", ID: foreign}}, false); !errors.As(err, &missing) {
		t.Errorf("Add of somebody else's = %v", err)
	}
	wantErr(t, "Add to somebody else's bucket", f.Add(ctx, other, col.UUID, []collections.Named{{Path: "/f", ID: foreign}}, false), collections.ErrNotOwner)
}

// To remove an entry of a bucket deletes the object, as versions and locks have it.
func TestBucketRemove(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	b, col := f.bucket("abucket", buckets.BucketOptions{})
	for _, key := range []string{"a", "a/x", "a/y/z", "ab", "c"} {
		f.put(b, key, key)
	}
	c := f.put(b, "d", "d")
	wantErr(t, "RemovePath", f.RemovePath(ctx, me, col.UUID, "/a"), nil)
	want(t, "entries", f.paths(col), "/ab /c /d")
	wantErr(t, "RemoveContent", f.RemoveContent(ctx, me, col.UUID, c.Content), nil)
	wantErr(t, "RemoveContent again", f.RemoveContent(ctx, me, col.UUID, c.Content), nil)
	wantErr(t, "RemoveContent of elsewhere", f.RemoveContent(ctx, me, col.UUID, f.content(me, "ab", "x")), nil)
	want(t, "entries", f.paths(col), "/ab /c")
	wantErr(t, "RemovePath by somebody else", f.RemovePath(ctx, other, col.UUID, "/"), collections.ErrNotOwner)

	b, col = f.bucket("locked", buckets.BucketOptions{ObjectLock: true})
	old := f.put(b, "a", "1")
	f.put(b, "a", "2")
	f.put(b, "b", "3")
	wantErr(t, "RemoveContent of an older version", f.RemoveContent(ctx, me, col.UUID, old.Content), nil)
	wantErr(t, "RemovePath of nothing", f.RemovePath(ctx, me, col.UUID, "/none"), nil)
	want(t, "entries", f.paths(col), "/a /b")
	wantErr(t, "RemovePath", f.RemovePath(ctx, me, col.UUID, "/a"), nil)
	want(t, "entries", f.paths(col), "/b")
	page, err := f.buckets.Versions(ctx, b, buckets.VersionQuery{Max: 10})
	if err != nil || len(page.Versions) != 4 { // two, their marker, and b
		t.Errorf("versions are %+v, %v", page.Versions, err)
	}
}

// A bucket's commit is its tree, with everything that was put before.
func TestBucketCommit(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	b, col := f.bucket("abucket", buckets.BucketOptions{})
	f.put(b, "a/x", "x")
	first, err := f.Commit(ctx, me, col.UUID, time.Minute)
	if err != nil || first.Pending || first.Pin.ID != 0 {
		t.Fatalf("Commit = %+v, %v", first, err)
	}
	f.put(b, "a/y", "y")
	second, err := f.Commit(ctx, me, col.UUID, time.Minute)
	if err != nil || second.CID.Equals(first.CID) {
		t.Fatalf("Commit = %+v, %v", second, err)
	}
	// The same names and contents in a collection are the same directory.
	twin := f.create("twin")
	for _, key := range []string{"a/x", "a/y"} {
		o, err := f.buckets.Head(ctx, b, key, "")
		wantErr(t, "Head", err, nil)
		f.add(twin, "/"+key, o.Content)
	}
	third, err := f.Commit(ctx, me, twin.UUID, time.Minute)
	if err != nil || !third.CID.Equals(second.CID) {
		t.Errorf("Commit of a collection = %+v, %v, want %v", third, err, second.CID)
	}
	want(t, "contents", f.contents(me), 3)
}
