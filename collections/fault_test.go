package collections_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/kv/kvtest"
)

// A path that writes, and what must hold when it has succeeded at last.
type faultCase struct {
	name  string
	op    func(f *fixture, col, other collections.Collection) error
	again error // what op may say when its effect is there already
	after string
}

// before each path one collection has these, and the other, of a bucket, /acked.
const before = "/a/x /a/y /acked"

var faultCases = []faultCase{
	{name: "create", after: before, op: func(f *fixture, _, _ collections.Collection) error {
		_, err := f.Create(f.t.Context(), me, "another", "")
		return err
	}},
	{name: "delete", again: collections.ErrNotFound, op: func(f *fixture, col, _ collections.Collection) error {
		return f.Delete(f.t.Context(), me, col.UUID)
	}},
	{name: "add", after: before + " /b/1 /b/2", op: func(f *fixture, col, _ collections.Collection) error {
		ids := f.ids(col)
		return f.Add(f.t.Context(), me, col.UUID, []collections.Named{{Path: "/b/1", ID: ids["/acked"]}, {Path: "/b/2", ID: ids["/a/x"]}}, false)
	}},
	{name: "overwrite", after: before, op: func(f *fixture, col, _ collections.Collection) error {
		return f.Add(f.t.Context(), me, col.UUID, []collections.Named{{Path: "/a/x", ID: f.ids(col)["/acked"]}}, true)
	}},
	{name: "upload", after: before + " /up", again: collections.ErrExists, op: func(f *fixture, col, _ collections.Collection) error {
		_, err := f.upload(collections.Place{Collection: col.UUID}, "up", "new body")
		return err
	}},
	{name: "upload into a bucket and a collection", after: before + " /up", again: collections.ErrExists, op: func(f *fixture, col, _ collections.Collection) error {
		_, err := f.upload(collections.Place{Collection: col.UUID, Bucket: "abucket"}, "up", "new body")
		return err
	}},
	{name: "pin", after: before + " /p", again: collections.ErrExists, op: func(f *fixture, col, _ collections.Collection) error {
		_, err := f.Pin(f.t.Context(), me, col.UUID, "/", false, buckets.PinRequest{CID: cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"), Name: "p"})
		return err
	}},
	{name: "remove a path", after: "/acked", op: func(f *fixture, col, _ collections.Collection) error {
		return f.RemovePath(f.t.Context(), me, col.UUID, "/a")
	}},
	{name: "remove a content", after: "/a/y /acked", op: func(f *fixture, col, _ collections.Collection) error {
		return f.RemoveContent(f.t.Context(), me, col.UUID, f.ids(col)["/a/x"])
	}},
	{name: "clean", after: "/a/x /acked", op: func(f *fixture, col, _ collections.Collection) error {
		if id := f.ids(col)["/a/y"]; id != 0 {
			f.store.Choose(nil)
			f.remove(id)
			f.store.Choose(f.choose)
		}
		return f.Clean(f.t.Context())
	}},
	{name: "commit", after: before, op: func(f *fixture, col, _ collections.Collection) error {
		_, err := f.Commit(f.t.Context(), me, col.UUID, time.Minute)
		return err
	}},
	{name: "copy into a bucket", after: before, op: func(f *fixture, col, b collections.Collection) error {
		return f.AddTo(f.t.Context(), me, b.UUID, "/", []uint64{f.ids(col)["/a/x"]}, false)
	}},
}

// ids are those of a collection's entries.
func (f *fixture) ids(col collections.Collection) map[string]uint64 {
	f.t.Helper()
	page, err := f.Entries(f.t.Context(), col, "", 100)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		f.t.Fatal(err)
	}
	ids := map[string]uint64{}
	for _, e := range page.Entries {
		ids[e.Path] = e.ID()
	}
	return ids
}

// TestFaults lets each update of each path fail, with and without having been
// applied, then restarts: rows and contents must agree, what was acknowledged
// must be there, and trying again must bring about what was asked for.
func TestFaults(t *testing.T) {
	for _, tt := range faultCases {
		for _, fault := range []kvtest.Fault{kvtest.Before, kvtest.Applied} {
			t.Run(fmt.Sprintf("%s/applied=%v", tt.name, fault == kvtest.Applied), func(t *testing.T) {
				at := 0
				for tt.strike(t, at, fault) {
					at++
				}
				if at == 0 {
					t.Error("the path writes nothing")
				}
			})
		}
	}
}

// strike lets the update after at others fail. It returns false if the path has no more updates.
func (tt faultCase) strike(t *testing.T, at int, fault kvtest.Fault) bool {
	f := newTest(t)
	col := f.create("one")
	b, bcol := f.bucket("abucket", buckets.BucketOptions{})
	f.put(b, "acked", "in the bucket")
	for _, path := range []string{"/a/x", "/a/y", "/acked"} {
		f.add(col, path, f.content(me, "file"+path[len(path)-1:], path))
	}
	hit := false
	f.choose = func(n int) kvtest.Fault {
		if n == at {
			hit = true
			return fault
		}
		return kvtest.None
	}
	f.store.Choose(f.choose)
	err := tt.op(f, col, bcol)
	f.choose = nil
	if !hit {
		wantErr(t, "the path without a fault", err, nil)
		return false
	}
	if err != nil { // some look again, and find that it is done
		wantErr(t, fmt.Sprintf("update %d", at), err, kvtest.ErrFault)
	}
	f.reopen()
	f.whole(col)
	f.check("after the fault")
	if err := tt.op(f, col, bcol); err != nil && (tt.again == nil || !errors.Is(err, tt.again)) {
		t.Errorf("trying again: %v", err)
	}
	f.settle()
	f.whole(col)
	f.committed(col)
	f.check("after trying again")
	if tt.after != "" {
		want(t, "entries", f.paths(col), tt.after)
	}
	if _, ok := f.ids(bcol)["/acked"]; !ok {
		t.Error("the acknowledged object is gone")
	}
	return true
}

// committed fails if the last commit is not kept.
func (f *fixture) committed(col collections.Collection) {
	f.t.Helper()
	now, err := f.Collection(f.t.Context(), me, col.UUID)
	if err != nil || now.Pin == 0 {
		return // it is gone, or was not committed
	}
	p, err := f.buckets.PinByID(f.t.Context(), me, now.Pin)
	if err != nil || p.State != buckets.PinPinned || !p.CID.Equals(now.CID) {
		f.t.Errorf("the commit's pin is %+v, %v", p, err)
	}
}

// whole fails if an upload was torn: a content that is called up is in the
// collection, and what is in the collection is a content.
func (f *fixture) whole(col collections.Collection) {
	f.t.Helper()
	list, err := f.buckets.Contents(f.t.Context(), me, 100, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	up, ids := 0, f.ids(col)
	for _, c := range list {
		if c.Name == "up" {
			up++
			if ids["/up"] != c.ID {
				f.t.Errorf("content %+v is in no collection", c)
			}
		}
	}
	if _, ok := ids["/up"]; ok && up == 0 {
		f.t.Error("the reference has no content")
	}
}
