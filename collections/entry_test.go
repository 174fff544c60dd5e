package collections_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/collections"
)

func TestAdd(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col := f.create("one")
	a, b := f.content(me, "a", "a"), f.content(me, "b", "b")
	foreign := f.content(other, "c", "c")
	f.add(col, "/dir/a", a)
	wantErr(t, "Add of the same again", f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/dir//a", ID: a}}, false), nil)
	wantErr(t, "Add where something is", f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/dir/a", ID: b}}, false), collections.ErrExists)
	want(t, "entries", f.entries(col, 9), fmt.Sprintf("/dir/a=%d", a))
	wantErr(t, "Add over something", f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/dir/a", ID: b}}, true), nil)
	want(t, "entries", f.entries(col, 9), fmt.Sprintf("/dir/a=%d", b))
	want(t, "contents", f.contents(me), 2) // what was replaced stays a content
	for _, path := range []string{"dir", "/", "/.."} {
		wantErr(t, "Add at "+path, f.Add(ctx, me, col.UUID, []collections.Named{{Path: path, ID: a}}, false), collections.ErrPath)
	}
	wantErr(t, "Add at no path", f.Add(ctx, me, col.UUID, []collections.Named{{Path: "", ID: a}}, false), collections.ErrPath)
	wantErr(t, "Add to no collection", f.Add(ctx, me, "none", []collections.Named{{Path: "/a", ID: a}}, false), collections.ErrNotFound)
	wantErr(t, "Add to somebody else's", f.Add(ctx, other, col.UUID, []collections.Named{{Path: "/a", ID: foreign}}, false), collections.ErrNotOwner)
	var missing *collections.MissingError
	if err := f.Add(ctx, me, col.UUID, []collections.Named{{Path: "/c", ID: foreign}}, false); !errors.As(err, &missing) {
		t.Errorf("Add of somebody else's content = %v", err)
	}
}

func TestAddTo(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col := f.create("one")
	a, b, twin := f.content(me, "a", "a"), f.content(me, "x/../b", "b"), f.content(me, "a", "other")
	foreign := f.content(other, "c", "c")
	err := f.AddTo(ctx, me, col.UUID, "/d", []uint64{a, foreign, b, 12345}, false)
	var missing *collections.MissingError
	if !errors.As(err, &missing) || !slices.Equal(missing.IDs, []uint64{foreign, 12345}) {
		t.Errorf("AddTo of what is not all there = %v", err)
	}
	wantErr(t, "AddTo of two with one name", f.AddTo(ctx, me, col.UUID, "/d", []uint64{b, a, twin}, false), collections.ErrExists)
	want(t, "entries after refusals", f.entries(col, 9), "")
	wantErr(t, "AddTo", f.AddTo(ctx, me, col.UUID, "/d", []uint64{a, b}, false), nil)
	want(t, "entries", f.entries(col, 9), fmt.Sprintf("/d/a=%d /d/b=%d", a, b))
	wantErr(t, "AddTo over", f.AddTo(ctx, me, col.UUID, "/d", []uint64{twin}, true), nil)
	want(t, "entries", f.entries(col, 9), fmt.Sprintf("/d/a=%d /d/b=%d", twin, b))
	wantErr(t, "AddTo in no directory", f.AddTo(ctx, me, col.UUID, "d", []uint64{a}, true), collections.ErrPath)
}

// Of those who add at one path at once exactly one wins.
func TestAddAtOnce(t *testing.T) {
	f := newTest(t)
	col := f.create("one")
	const n = 8
	var ids [n]uint64
	for i := range n {
		ids[i] = f.content(me, "name", fmt.Sprint(i))
	}
	var errs [n]error
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			errs[i] = f.Add(t.Context(), me, col.UUID, []collections.Named{{Path: "/x", ID: ids[i]}}, false)
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			want(t, "entries", f.entries(col, 9), fmt.Sprintf("/x=%d", ids[i]))
		} else {
			wantErr(t, "Add", err, collections.ErrExists)
		}
	}
	want(t, "winners", won, 1)
}

// A directory lists what is directly in it, in pages of any size, and is not
// mixed up with what merely begins like it.
func TestChildren(t *testing.T) {
	f := newTest(t)
	col := f.create("one")
	id := f.content(me, "n", "n")
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/a/b/d/e", "/a-b", "/a.txt", "/ab/x", "/a/é", "/b/c/d/e/f/g", "/z"} {
		f.add(col, path, id)
	}
	for i := range 50 {
		f.add(col, fmt.Sprintf("/a/many/%02d/x", i), id)
	}
	for max := 1; max < 5; max++ {
		want(t, "root", f.children(col, "/", max), "a a-b a.txt a/ ab/ b/ z")
		want(t, "no dir", f.children(col, "", max), "a a-b a.txt a/ ab/ b/ z")
		want(t, "/a", f.children(col, "/a", max), "b b/ many/ é")
		want(t, "/a/", f.children(col, "/a//", max), "b b/ many/ é")
		want(t, "/a/b", f.children(col, "/a/b", max), "c d/")
		want(t, "/b", f.children(col, "/b", max), "c/")
		want(t, "/none", f.children(col, "/none", max), "")
		want(t, "a file", f.children(col, "/z", max), "")
	}
	_, err := f.Children(t.Context(), col, "a", "", 1)
	wantErr(t, "Children of a path without a slash", err, collections.ErrPath)
}

// A listing costs what it shows, not what is below: of a directory with more
// rows than a snapshot is held for, a page has all the same.
func TestChildrenOfMany(t *testing.T) {
	f := newTest(t)
	col := f.create("one")
	id := f.content(me, "n", "n")
	f.fill(col, id, 12_000, "/big/%05d")
	f.add(col, "/small/x", id)
	page, err := f.Children(t.Context(), col, "/", "", 10)
	if err != nil || len(page.Children) != 2 || page.More {
		t.Errorf("Children = %+v, %v", page, err)
	}
	// What is gone makes pages short, but ends none too early.
	f.remove(id)
	kept := f.content(me, "m", "m")
	f.add(col, "/zzz", kept)
	if page, err = f.Children(t.Context(), col, "/", "", 10); err != nil || len(page.Children) != 0 || !page.More {
		t.Errorf("Children of what is gone = %+v, %v", page, err)
	}
	want(t, "children", f.children(col, "/", 10), "zzz")
	want(t, "entries", f.entries(col, 10), fmt.Sprintf("/zzz=%d", kept))
	wantErr(t, "Clean", f.Clean(t.Context()), nil)
	want(t, "rows", f.rows("colent"), 1)
}

func TestRemove(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col := f.create("one")
	a, b := f.content(me, "a", "a"), f.content(me, "b", "b")
	for _, path := range []string{"/a", "/a/x", "/a/y/z", "/ab", "/a-"} {
		f.add(col, path, a)
	}
	f.add(col, "/b", b)
	f.add(col, "/c/b", b)
	wantErr(t, "RemovePath", f.RemovePath(ctx, me, col.UUID, "/a"), nil)
	want(t, "paths without /a", f.paths(col), "/a- /ab /b /c/b")
	wantErr(t, "RemovePath of nothing", f.RemovePath(ctx, me, col.UUID, "/a"), nil)
	wantErr(t, "RemoveContent", f.RemoveContent(ctx, me, col.UUID, b), nil)
	want(t, "paths without b", f.paths(col), "/a- /ab")
	want(t, "contents", f.contents(me), 2)
	wantErr(t, "RemoveContent of nothing", f.RemoveContent(ctx, me, col.UUID, b), nil)
	wantErr(t, "RemovePath of somebody else", f.RemovePath(ctx, other, col.UUID, "/ab"), collections.ErrNotOwner)
	wantErr(t, "RemoveContent of somebody else", f.RemoveContent(ctx, other, col.UUID, a), collections.ErrNotOwner)
	wantErr(t, "RemovePath of a bad one", f.RemovePath(ctx, me, col.UUID, "ab"), collections.ErrPath)
	f.fill(col, b, 1100, "/many/%05d")
	wantErr(t, "RemovePath of many", f.RemovePath(ctx, me, col.UUID, "/many"), nil)
	want(t, "paths", f.paths(col), "/a- /ab")
	f.fill(col, b, 1100, "/many/%05d")
	wantErr(t, "RemoveContent of many", f.RemoveContent(ctx, me, col.UUID, b), nil)
	want(t, "paths", f.paths(col), "/a- /ab")
	wantErr(t, "RemovePath of all", f.RemovePath(ctx, me, col.UUID, "/"), nil)
	want(t, "rows", f.rows("colent"), 0)
}

// fill adds a content at n paths.
func (f *fixture) fill(col collections.Collection, id uint64, n int, path string) {
	f.t.Helper()
	list := make([]collections.Named, n)
	for i := range n {
		list[i] = collections.Named{Path: fmt.Sprintf(path, i), ID: id}
	}
	if err := f.Add(f.t.Context(), me, col.UUID, list, false); err != nil {
		f.t.Fatal(err)
	}
}
