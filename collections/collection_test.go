package collections_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/kv"
)

func TestCollections(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	one := f.create("same")
	two := f.create("same")
	f.bucket("abucket", buckets.BucketOptions{})
	if _, err := f.buckets.GlobalBucket(ctx, me); err != nil {
		t.Fatal(err)
	}
	list, err := f.List(ctx, me)
	wantErr(t, "List", err, nil)
	want(t, "the list", names(list), "same same abucket")
	got, err := f.Collection(ctx, me, one.UUID)
	if err != nil || got.Description != "for tests" || got.UUID == two.UUID || !got.Created.Equal(one.Created) {
		t.Errorf("Collection = %+v, %v, want %+v", got, err, one)
	}
	_, err = f.Collection(ctx, other, one.UUID)
	wantErr(t, "Collection of somebody else", err, collections.ErrNotOwner)
	_, err = f.Collection(ctx, me, "list")
	wantErr(t, "Collection of no such id", err, collections.ErrNotFound)
	global, err := f.buckets.GlobalBucket(ctx, me)
	wantErr(t, "GlobalBucket", err, nil)
	_, err = f.Collection(ctx, me, global.UUID)
	wantErr(t, "Collection of a global bucket", err, collections.ErrNotFound)
	_, err = f.Create(ctx, me, strings.Repeat("n", 256), "")
	wantErr(t, "Create with a long name", err, collections.ErrInvalid)
	_, err = f.Create(ctx, me, "\xff", "")
	wantErr(t, "Create with a name that is not UTF-8", err, collections.ErrInvalid)
	list, err = f.List(ctx, other)
	if err != nil || len(list) != 0 {
		t.Errorf("List of somebody else = %+v, %v", list, err)
	}
}

// A deleted collection is gone at once, its contents stay, and a job removes its
// entries, however many there are.
func TestDelete(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col, kept := f.create("gone"), f.create("kept")
	id := f.content(me, "name", "body")
	f.fill(col, id, 1100, "/%d")
	f.add(kept, "/x", id)
	wantErr(t, "Delete by somebody else", f.Delete(ctx, other, col.UUID), collections.ErrNotOwner)
	wantErr(t, "Delete", f.Delete(ctx, me, col.UUID), nil)
	_, err := f.Collection(ctx, me, col.UUID)
	wantErr(t, "Collection", err, collections.ErrNotFound)
	_, err = f.Entries(ctx, col, "", 10)
	wantErr(t, "Entries", err, collections.ErrNotFound)
	wantErr(t, "Delete again", f.Delete(ctx, me, col.UUID), collections.ErrNotFound)
	f.check("before its job")
	f.settle()
	want(t, "rows of entries", f.rows("colent")+f.rows("colof"), 2)
	want(t, "contents", f.contents(me), 1)

	b, bcol := f.bucket("abucket", buckets.BucketOptions{})
	if _, err := f.upload(collections.Place{Bucket: "abucket"}, "key", "body"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Delete of a bucket with an object", f.Delete(ctx, me, b.UUID), buckets.ErrNotEmpty)
	wantErr(t, "RemovePath", f.RemovePath(ctx, me, bcol.UUID, "/key"), nil)
	wantErr(t, "Delete of an empty bucket", f.Delete(ctx, me, b.UUID), nil)
	_, err = f.buckets.Bucket(ctx, "abucket")
	wantErr(t, "Bucket", err, buckets.ErrNoBucket)
}

func (f *fixture) rows(table string) (n int) {
	f.t.Helper()
	err := f.store.View(f.t.Context(), func(tx kv.Tx) error {
		for _, err := range tx.Scan(kv.Range(table)) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func TestJoin(t *testing.T) {
	for _, tt := range []struct{ dir, name, want string }{
		{"", "a", "/a"},
		{"/", "a", "/a"},
		{"/x", "a", "/x/a"},
		{"/x/", "a", "/x/a"},
		{"/x//y/../z", "a/b", "/x/z/a/b"},
		{"/../..", "a", "/a"},
		{"/x", "../../a", "/x/a"}, // a file's name does not lead out of its directory
		{"/x", "/a", "/x/a"},
		{"/x", "a/", "/x/a"},
		{"/x", " ", "/x/ "},
	} {
		got, err := collections.Join(tt.dir, tt.name)
		if err != nil || got != tt.want {
			t.Errorf("Join(%q, %q) = %q, %v, want %q", tt.dir, tt.name, got, err, tt.want)
		}
	}
	for _, tt := range []struct{ dir, name string }{
		{"x", "a"}, {"/x", ""}, {"/x", "."}, {"/x", "a/.."}, {"/\xff", "a"}, {"/", "\xff"}, {"/" + strings.Repeat("x", 1024), "a"},
	} {
		if got, err := collections.Join(tt.dir, tt.name); !errors.Is(err, collections.ErrPath) {
			t.Errorf("Join(%q, %q) = %q, %v, want ErrPath", tt.dir, tt.name, got, err)
		}
	}
}

// FuzzJoin: every path that is let in is one that the rows can hold, below its directory.
func FuzzJoin(f *testing.F) {
	f.Add("/a", "b")
	f.Add("", "../x")
	f.Fuzz(func(t *testing.T, dir, name string) {
		p, err := collections.Join(dir, name)
		if err != nil {
			return
		}
		again, err := collections.Join("/", p)
		if err != nil || again != p {
			t.Errorf("Join(%q, %q) = %q, which is cleaned to %q, %v", dir, name, p, again, err)
		}
		parent, err := collections.Join(dir, "x")
		if err == nil && !strings.HasPrefix(p, strings.TrimSuffix(parent, "x")) {
			t.Errorf("Join(%q, %q) = %q leaves its directory", dir, name, p)
		}
		if key := kv.Key("colof", uint64(1), "00000000-0000-0000-0000-000000000000", p); len(key) > kv.MaxKey {
			t.Errorf("the key of %q has %d bytes", p, len(key))
		}
	})
}

// What is gone, or somebody else's, is never shown, and Clean removes it.
func TestGone(t *testing.T) {
	f := newTest(t)
	ctx := context.Background()
	col := f.create("one")
	a, b, c := f.content(me, "a", "a"), f.content(me, "b", "b"), f.content(me, "c", "c")
	f.add(col, "/d/a", a)
	f.add(col, "/d/b", b)
	f.add(col, "/e/a", a)
	f.add(col, "/f", a)
	f.add(col, "/g", c)
	f.remove(a)
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/d/b=%d /g=%d", b, c))
	want(t, "children", f.children(col, "/", 1), "d/ g")
	want(t, "children of /e", f.children(col, "/e", 1), "")
	wantErr(t, "Add where something gone is", f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/f", ID: b}}, false), nil)
	var missing *collections.MissingError
	if err := f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/h", ID: a}}, false); !errors.As(err, &missing) || len(missing.IDs) != 1 {
		t.Errorf("Add of what is gone = %v", err)
	}
	want(t, "rows", f.rows("colent"), 5)
	wantErr(t, "Clean", f.Clean(ctx), nil)
	want(t, "rows", f.rows("colent"), 3)
	want(t, "entries", f.entries(col, 10), fmt.Sprintf("/d/b=%d /f=%d /g=%d", b, b, c))
}

// Check finds every kind of row that is missing, or too many.
func TestCheckFinds(t *testing.T) {
	f := newTest(t)
	col := f.create("one")
	id := f.content(me, "a", "a")
	f.add(col, "/d/a", id)
	uuid := col.UUID
	for _, key := range [][]byte{
		kv.Key("col", uuid), kv.Key("colown", uint64(me), uint64(col.Created.UnixMilli()), uuid),
		kv.Key("colent", uuid, "/d/a"), kv.Key("colof", id, uuid, "/d/a"),
	} {
		var value []byte
		change := func(fn func(kv.Tx) error) {
			t.Helper()
			if err := f.store.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		change(func(tx kv.Tx) error {
			row, err := tx.Get(key)
			value = append([]byte(nil), row...)
			return errors.Join(err, tx.Delete(key))
		})
		wantErr(t, fmt.Sprintf("Check without %q", key), f.Check(t.Context()), collections.ErrInconsistent)
		change(func(tx kv.Tx) error { return tx.Put(key, value) })
	}
	wantErr(t, "Check", f.Check(t.Context()), nil)
}
