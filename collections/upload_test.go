package collections_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

func TestUpload(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col := f.create("one")
	b, bcol := f.bucket("abucket", buckets.BucketOptions{})
	_, bother := f.bucket("bother", buckets.BucketOptions{})

	// Into a collection: a content of the global bucket, and a reference.
	o, err := f.upload(collections.Place{Collection: col.UUID, Dir: "/d"}, "x", "1")
	wantErr(t, "Upload", err, nil)
	want(t, "entries", f.entries(col, 9), fmt.Sprintf("/d/x=%d", o.Content))
	want(t, "key", o.Key, fmt.Sprintf("%d/x", o.Content))
	_, err = f.upload(collections.Place{Collection: col.UUID, Dir: "/d"}, "x", "2")
	wantErr(t, "Upload where something is", err, collections.ErrExists)
	want(t, "contents after a refusal", f.contents(me), 1)
	over, err := f.upload(collections.Place{Collection: col.UUID, Dir: "/d", Overwrite: true}, "x", "2")
	wantErr(t, "Upload over", err, nil)
	want(t, "entries", f.entries(col, 9), fmt.Sprintf("/d/x=%d", over.Content))

	// Into a bucket, by its name or its uuid.
	for i, p := range []collections.Place{{Bucket: "abucket"}, {Collection: b.UUID}, {Bucket: "abucket", Collection: b.UUID}} {
		p.Dir = fmt.Sprintf("/%d", i)
		o, err := f.upload(p, "x", "body")
		if err != nil || o.Bucket != b.UUID || o.Key != fmt.Sprintf("%d/x", i) {
			t.Errorf("Upload to %+v = %+v, %v", p, o, err)
		}
		_, err = f.upload(p, "x", "other")
		wantErr(t, "Upload where an object is", err, collections.ErrExists)
		p.Overwrite = true
		_, err = f.upload(p, "x", "other")
		wantErr(t, "Upload over an object", err, nil)
	}
	want(t, "entries", f.paths(bcol), "/0/x /1/x /2/x")

	// Into a bucket, with a reference.
	o, err = f.upload(collections.Place{Bucket: "abucket", Collection: col.UUID, Dir: "/both"}, "x", "3")
	if err != nil || o.Key != "both/x" {
		t.Errorf("Upload = %+v, %v", o, err)
	}
	want(t, "entries", f.entries(col, 9), fmt.Sprintf("/both/x=%d /d/x=%d", o.Content, over.Content))
	// Neither without the other.
	f.add(col, "/taken/x", o.Content)
	_, err = f.upload(collections.Place{Bucket: "abucket", Collection: col.UUID, Dir: "/taken"}, "x", "4")
	wantErr(t, "Upload where the reference is taken", err, collections.ErrExists)
	_, err = f.upload(collections.Place{Bucket: "abucket", Collection: col.UUID, Dir: "/0"}, "x", "4")
	wantErr(t, "Upload where the object is taken", err, collections.ErrExists)
	want(t, "entries", f.paths(bcol), "/0/x /1/x /2/x /both/x")
	want(t, "entries", f.paths(col), "/both/x /d/x /taken/x")

	for _, tt := range []struct {
		place collections.Place
		want  error
	}{
		{collections.Place{Collection: "none"}, collections.ErrNotFound},
		{collections.Place{Bucket: "none"}, buckets.ErrNoBucket},
		{collections.Place{Dir: "d"}, collections.ErrPath},
		{collections.Place{Bucket: "abucket", Collection: bother.UUID}, collections.ErrInvalid},
	} {
		_, err := f.Find(ctx, me, tt.place)
		wantErr(t, fmt.Sprintf("Find(%+v)", tt.place), err, tt.want)
	}
	for _, p := range []collections.Place{{Collection: col.UUID}, {Bucket: "abucket"}, {Collection: b.UUID}} {
		_, err := f.Find(ctx, other, p)
		wantErr(t, fmt.Sprintf("Find(%+v) by somebody else", p), err, collections.ErrNotOwner)
		_, err = f.upload(p, "..", "body")
		wantErr(t, "Upload without a name", err, collections.ErrPath)
	}
}

// A duplicate is refused before anything is stored, in a collection too.
func TestUploadUnique(t *testing.T) {
	f := newTest(t)
	col := f.create("one")
	unique := func(p collections.Place, name, body string) error {
		_, err := f.uploadAs(p, name, buckets.Upload{Body: strings.NewReader(body), Unique: true})
		return err
	}
	f.content(other, "x", "1")
	wantErr(t, "Upload of what somebody else has", unique(collections.Place{Collection: col.UUID}, "x", "1"), nil)
	id := f.content(me, "y", "2")
	var dup *buckets.DuplicateError
	if err := unique(collections.Place{Collection: col.UUID}, "y", "2"); !errors.As(err, &dup) || dup.Content != id {
		t.Errorf("Upload of a duplicate = %v", err)
	}
	want(t, "entries", f.paths(col), "/x")
	want(t, "contents", f.contents(me), 2)
	f.remove(id)
	wantErr(t, "Upload of what is gone", unique(collections.Place{Collection: col.UUID}, "y", "2"), nil)
}

// What goes while a body comes is missed when it ends, and leaves no content.
func TestUploadMeanwhile(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col := f.create("one")
	meanwhile := func(do func()) io.Reader {
		return io.MultiReader(strings.NewReader("body"), readerFunc(func() { do() }))
	}
	up := func(p collections.Place, do func()) error {
		_, err := f.uploadAs(p, "x", buckets.Upload{Body: meanwhile(do)})
		return err
	}
	err := up(collections.Place{Collection: col.UUID}, func() { f.add(col, "/x", f.content(me, "a", "a")) })
	wantErr(t, "Upload to a path that is taken meanwhile", err, collections.ErrExists)
	err = up(collections.Place{Collection: col.UUID, Overwrite: true}, func() { wantErr(t, "Delete", f.Delete(ctx, me, col.UUID), nil) })
	wantErr(t, "Upload to a collection that goes meanwhile", err, collections.ErrNotFound)
	b, _ := f.bucket("abucket", buckets.BucketOptions{})
	err = up(collections.Place{Bucket: "abucket"}, func() { f.put(b, "x", "first") })
	wantErr(t, "Upload to a key that is taken meanwhile", err, collections.ErrExists)
	want(t, "contents", f.contents(me), 2)
}

// readerFunc runs a function when it is read, and ends.
type readerFunc func()

func (f readerFunc) Read([]byte) (int, error) { f(); return 0, io.EOF }
