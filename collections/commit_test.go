package collections_test

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

// get is what the node's gateway answers anyone.
func (f *fixture) get(path string) (int, string) {
	f.t.Helper()
	r := httptest.NewRequest("GET", "http://127.0.0.1/ipfs/"+path, nil)
	w := httptest.NewRecorder()
	f.node.Gateway().ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return w.Code, string(body)
}

func (f *fixture) commit(col collections.Collection) collections.Commit {
	f.t.Helper()
	got, err := f.Commit(f.t.Context(), me, col.UUID, time.Minute)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

// A commit keeps what was in the collection, whatever becomes of that.
func TestCommit(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col := f.create("album")
	a, b := f.content(me, "a", "body of a"), f.content(me, "b", strings.Repeat("body of b", 1<<18))
	f.add(col, "/d/a", a)
	f.add(col, "/b", b)
	f.add(col, "/b/below", a) // a name that is a file and a directory
	got := f.commit(col)
	if got.Pin.State != buckets.PinPinned || got.Pin.Name != "album" || got.Pin.Meta["collection"] != col.UUID {
		t.Errorf("the pin is %+v", got.Pin)
	}
	c, err := f.buckets.Content(ctx, got.Pin.Content)
	if err != nil || c.Owner != me || !c.CID.Equals(got.CID) {
		t.Errorf("the content is %+v, %v", c, err)
	}
	again := f.commit(col)
	if again.Pin.ID != got.Pin.ID || f.contents(me) != 3 {
		t.Errorf("the same again is %+v", again)
	}
	now, err := f.Collection(ctx, me, col.UUID)
	if err != nil || !now.CID.Equals(got.CID) {
		t.Errorf("the collection is %+v, %v", now, err)
	}
	f.remove(a)
	f.remove(b)
	if _, err := f.buckets.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if code, body := f.get(got.CID.String() + "/d/a"); code != 200 || body != "body of a" {
		t.Errorf("d/a is %d %q", code, body)
	}
	if code, body := f.get(got.CID.String() + "/b%25file"); code != 200 || len(body) != 9<<18 {
		t.Errorf("b is %d, %d bytes", code, len(body))
	}
	// What is in the collection now is another directory, of another content.
	next := f.commit(col)
	if next.CID.Equals(got.CID) || next.Pin.ID == got.Pin.ID {
		t.Errorf("the next commit is %+v", next)
	}
	if code, _ := f.get(got.CID.String() + "/d/a"); code != 200 {
		t.Errorf("d/a of the first commit is %d", code)
	}
	// A commit whose pin was removed is made anew.
	wantErr(t, "Unpin", f.buckets.Unpin(ctx, me, next.Pin.ID), nil)
	if anew := f.commit(col); !anew.CID.Equals(next.CID) || anew.Pin.ID == next.Pin.ID || anew.Pin.State != buckets.PinPinned {
		t.Errorf("the commit after its pin went is %+v", anew)
	}
	_, err = f.Commit(ctx, other, col.UUID, time.Minute)
	wantErr(t, "Commit by somebody else", err, collections.ErrNotOwner)
}

// A directory of very many is a HAMT, and is looked through by the job: until
// then none of it is swept.
func TestCommitOfMany(t *testing.T) {
	f := newTest(t)
	col := f.create("many")
	const n = 12_000
	f.fill(col, f.content(me, "n", "body"), n, "/%05d")
	for i := range 20 { // as distinct blocks, more than are looked at at once
		f.fill(col, f.content(me, "n", fmt.Sprint("another body ", i)), 600, fmt.Sprintf("/dir/%02d", i)+"-%03d")
	}
	got := f.commit(col)
	if got.Pin.State != buckets.PinPinning {
		t.Fatalf("the pin is %+v", got.Pin)
	}
	if _, err := f.buckets.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.committed(col)
	for _, path := range []string{"/00000", "/11999"} {
		if code, body := f.get(got.CID.String() + path); code != 200 || body != "body" {
			t.Errorf("%s is %d %q", path, code, body)
		}
	}
}

// What is private does not become public by a commit, and a private commit can
// be made of it.
func TestCommitOfPrivate(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	b, _ := f.bucket("secret", buckets.BucketOptions{})
	if _, err := f.buckets.SetPolicy(ctx, "secret", func(p *buckets.Policy) { p.Publish = false }); err != nil {
		t.Fatal(err)
	}
	b, err := f.buckets.BucketByUUID(ctx, b.UUID)
	wantErr(t, "BucketByUUID", err, nil)
	o := f.put(b, "x", "secret body")
	col := f.create("one")
	f.add(col, "/x", o.Content)
	_, err = f.Commit(ctx, me, col.UUID, time.Minute)
	wantErr(t, "Commit", err, buckets.ErrPrivate)
	if code, _ := f.get(o.CID.String()); code == 200 {
		t.Error("what is private is public")
	}

	f = newTestWith(t, buckets.Policy{})
	col = f.create("one")
	f.add(col, "/x", f.content(me, "x", "secret body"))
	got := f.commit(col)
	if got.Pin.State != buckets.PinPinned {
		t.Errorf("the pin of a private commit is %+v", got.Pin)
	}
	if code, _ := f.get(got.CID.String() + "/x"); code == 200 {
		t.Error("a private commit is public")
	}
}

var absent = cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")

// A pin is in its collection from the moment it is asked for, and is its content
// once it is pinned; what replaces it takes its place.
func TestPin(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	col := f.create("one")
	pin := func(place, dir string, r buckets.PinRequest) buckets.Pin {
		t.Helper()
		p, err := f.Pin(ctx, me, place, dir, false, r)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	waiting := pin(col.UUID, "/d", buckets.PinRequest{CID: absent, Name: "w"})
	unnamed := pin(col.UUID, "", buckets.PinRequest{CID: absent})
	have := f.content(other, "x", "public body")
	c, err := f.buckets.Content(ctx, have)
	wantErr(t, "Content", err, nil)
	done := pin(col.UUID, "/d", buckets.PinRequest{CID: c.CID, Name: "x"})
	if done.State != buckets.PinPinned {
		t.Fatalf("the pin of what is here is %+v", done)
	}
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/%s=%d /d/w=%d /d/x=%d", absent, unnamed.ID, waiting.ID, done.Content))

	before := f.pins()
	_, err = f.Pin(ctx, me, col.UUID, "/d", false, buckets.PinRequest{CID: absent, Name: "x"})
	wantErr(t, "Pin where something is", err, collections.ErrExists)
	_, err = f.Pin(ctx, me, "none", "/d", false, buckets.PinRequest{CID: absent})
	wantErr(t, "Pin in no collection", err, collections.ErrNotFound)
	_, err = f.Pin(ctx, other, col.UUID, "/d", false, buckets.PinRequest{CID: absent})
	wantErr(t, "Pin in somebody else's", err, collections.ErrNotOwner)
	want(t, "pins after refusals", f.pins(), before)

	// A commit has what is a content.
	root := f.commit(col)
	if code, body := f.get(root.CID.String() + "/d/x"); code != 200 || body != "public body" {
		t.Errorf("d/x is %d %q", code, body)
	}
	if code, _ := f.get(root.CID.String() + "/d/w"); code == 200 {
		t.Error("a pin that is no content yet is in the commit")
	}

	moved, err := f.Replace(ctx, me, done.ID, buckets.PinRequest{CID: absent, Name: "x2"})
	wantErr(t, "Replace", err, nil)
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/%s=%d /d/w=%d /d/x=%d", absent, unnamed.ID, waiting.ID, moved.ID))
	back, err := f.Replace(ctx, me, moved.ID, buckets.PinRequest{CID: c.CID, Name: "x3"})
	wantErr(t, "Replace", err, nil)
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/%s=%d /d/w=%d /d/x=%d", absent, unnamed.ID, waiting.ID, back.Content))

	wantErr(t, "RemoveContent of a pin's content", f.RemoveContent(ctx, me, col.UUID, back.Content), nil)
	wantErr(t, "RemoveContent of a pin", f.RemoveContent(ctx, me, col.UUID, unnamed.ID), nil)
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/d/w=%d", waiting.ID))
	wantErr(t, "AddTo of pins", f.AddTo(ctx, me, col.UUID, "/e", []uint64{waiting.ID, back.Content}, false), nil)
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/d/w=%d /e/w=%d /e/x3=%d", waiting.ID, waiting.ID, back.Content))
	wantErr(t, "Unpin", f.buckets.Unpin(ctx, me, waiting.ID), nil)
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/e/x3=%d", back.Content))
}

func TestPinInBucket(t *testing.T) {
	f := newTest(t)
	ctx := t.Context()
	b, col := f.bucket("abucket", buckets.BucketOptions{})
	c, err := f.buckets.Content(ctx, f.content(other, "x", "public body"))
	wantErr(t, "Content", err, nil)
	p, err := f.Pin(ctx, me, b.UUID, "/d", false, buckets.PinRequest{CID: c.CID, Name: "x"})
	wantErr(t, "Pin", err, nil)
	want(t, "entries", f.entries(col, 1), fmt.Sprintf("/d/x=%d", p.Content))
	_, err = f.Pin(ctx, me, b.UUID, "/d", false, buckets.PinRequest{CID: c.CID, Name: "x"})
	wantErr(t, "Pin where something is", err, collections.ErrExists)
	_, err = f.Pin(ctx, me, b.UUID, "/d", true, buckets.PinRequest{CID: c.CID, Name: "x"})
	wantErr(t, "Pin over something", err, nil)
	var missing *collections.MissingError
	waiting, err := f.buckets.Pin(ctx, me, buckets.PinRequest{CID: absent})
	wantErr(t, "Pin", err, nil)
	if err := f.AddTo(ctx, me, b.UUID, "/", []uint64{waiting.ID}, false); !errors.As(err, &missing) {
		t.Errorf("AddTo of a pin that is no content = %v", err)
	}
}

func (f *fixture) pins() int {
	f.t.Helper()
	return f.rows("pin")
}
