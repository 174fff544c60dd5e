package buckets_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/whypfs/whypfs/buckets"
)

func TestPut(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	body := fresh(3 << 20)
	sum := sha256.New()
	attr := buckets.Attributes{Headers: map[string]string{"Content-Type": "text/plain"}, Meta: map[string]string{"a": "b"}}
	up := buckets.Upload{
		Body:   strings.NewReader(body),
		Hashes: []hash.Hash{sum},
		Check: func(a *buckets.Attributes) error {
			a.Checksums = map[string]string{"SHA256": hex.EncodeToString(sum.Sum(nil))}
			return nil
		},
	}
	o, err := f.Put(ctx, b, "a/../b//c", 7, up, attr, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", md5.Sum([]byte(body))); o.ETag != want {
		t.Errorf("etag is %s, want %s", o.ETag, want)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(body))); o.Checksums["SHA256"] != want {
		t.Errorf("checksum is %s, want %s", o.Checksums["SHA256"], want)
	}
	f.reopen()
	head, err := f.Head(ctx, b, "a/../b//c", "")
	if err != nil || !reflect.DeepEqual(head, o) {
		t.Errorf("Head = %+v, %v, want %+v", head, err, o)
	}
	if f.read(o.CID) != body {
		t.Error("the body differs after a restart")
	}
	_, err = f.Head(ctx, b, "a/b/c", "")
	wantErr(t, "Head of a key that a path would clean to", err, buckets.ErrNoObject)
	c := f.content(o.Content)
	if c.Owner != 7 || c.Bucket != b.UUID || c.Name != o.Key || !c.CID.Equals(o.CID) || c.Size != o.Size || !c.Created.Equal(o.Modified) {
		t.Errorf("content is %+v of %+v", c, o)
	}
}

// TestPutRefused: an upload that is refused leaves the object that was there.
func TestPutRefused(t *testing.T) {
	errCheck := errors.New("checked")
	for _, tt := range []struct {
		name string
		up   buckets.Upload
		cond buckets.Conditions
		want error
	}{
		{"body breaks off", buckets.Upload{Body: io.MultiReader(strings.NewReader("new"), iotest.ErrReader(io.ErrUnexpectedEOF))}, buckets.Conditions{}, io.ErrUnexpectedEOF},
		{"check refuses", buckets.Upload{Body: strings.NewReader("new"), Check: func(*buckets.Attributes) error { return errCheck }}, buckets.Conditions{}, errCheck},
		{"other md5", buckets.Upload{Body: strings.NewReader("new"), ContentMD5: make([]byte, 16)}, buckets.Conditions{}, buckets.ErrDigest},
		{"other etag", upload("new"), buckets.Conditions{IfMatch: "00"}, buckets.ErrPrecondition},
		{"exists", upload("new"), buckets.Conditions{IfNoneMatch: "*"}, buckets.ErrPrecondition},
		{"same etag", upload("new"), buckets.Conditions{IfNoneMatch: etag("old")}, buckets.ErrPrecondition},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newTest(t, buckets.Options{})
			b := f.bucket("one")
			f.put(b, "key", "old")
			_, err := f.Put(t.Context(), b, "key", 7, tt.up, buckets.Attributes{}, tt.cond)
			wantErr(t, "Put", err, tt.want)
			if got := f.body(b, "key"); got != "old" {
				t.Errorf("the object is %q now", got)
			}
			if n := len(f.roots()); n != 1 {
				t.Errorf("%d roots are held, want 1", n)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	put := func(body string, cond buckets.Conditions) error {
		_, err := f.Put(ctx, b, "key", 7, upload(body), buckets.Attributes{}, cond)
		return err
	}
	wantErr(t, "match of nothing", put("1", buckets.Conditions{IfMatch: "*"}), buckets.ErrNoObject)
	wantErr(t, "first", put("1", buckets.Conditions{IfNoneMatch: "*"}), nil)
	wantErr(t, "match any", put("2", buckets.Conditions{IfMatch: "*"}), nil)
	wantErr(t, "match", put("3", buckets.Conditions{IfMatch: etag("2")}), nil)
	wantErr(t, "match what was", put("4", buckets.Conditions{IfMatch: etag("2")}), buckets.ErrPrecondition)
	wantErr(t, "none match what was", put("4", buckets.Conditions{IfNoneMatch: etag("2")}), nil)
	wantErr(t, "delete what was", f.deleteErr(b, "key", buckets.DeleteOptions{Conditions: buckets.Conditions{IfMatch: etag("3")}}), buckets.ErrPrecondition)
	wantErr(t, "delete", f.deleteErr(b, "key", buckets.DeleteOptions{Conditions: buckets.Conditions{IfMatch: etag("4")}}), nil)
	wantErr(t, "delete nothing", f.deleteErr(b, "key", buckets.DeleteOptions{}), nil)
	wantErr(t, "delete a certain nothing", f.deleteErr(b, "key", buckets.DeleteOptions{Conditions: buckets.Conditions{IfMatch: "*"}}), buckets.ErrNoObject)
}

func TestKeys(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	for _, key := range []string{"", "a\xff", strings.Repeat("k", 1025), strings.Repeat("ü", 513)} {
		_, err := f.Put(t.Context(), b, key, 7, upload("x"), buckets.Attributes{}, buckets.Conditions{})
		wantErr(t, fmt.Sprintf("Put(%.20q)", key), err, buckets.ErrKey)
		_, err = f.CreateUpload(t.Context(), b, key, 7, 7, buckets.Attributes{}, "")
		wantErr(t, fmt.Sprintf("CreateUpload(%.20q)", key), err, buckets.ErrKey)
	}
	for _, key := range []string{"/", "//", ".", "..", "\x00", "a\x00b", "ü", strings.Repeat("k", 1024), "a\x00\xef\xbf\xbf"} {
		f.put(b, key, key)
		if got := f.body(b, key); got != key {
			t.Errorf("object %q is %q", key, got)
		}
	}
}

func TestOverwrite(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	first := f.put(b, "key", "one")
	again := f.put(b, "key", "one")
	if again.Content != first.Content || again.Modified.Before(first.Modified) {
		t.Errorf("the same bytes again are %+v after %+v", again, first)
	}
	second := f.put(b, "key", "two")
	if second.Content <= first.Content {
		t.Errorf("content %d came after %d", second.Content, first.Content)
	}
	_, err := f.Content(t.Context(), first.Content)
	wantErr(t, "the content that was replaced", err, buckets.ErrNoContent)
	if roots := f.roots(); len(roots) != 1 || !roots[second.CID] {
		t.Errorf("roots are %v, want %v", roots, second.CID)
	}
}

func TestAdd(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b, err := f.GlobalBucket(ctx, 7)
	if err != nil {
		t.Fatal(err)
	}
	o1, err := f.Add(ctx, b, "a file", 7, upload("same"), buckets.Attributes{})
	if err != nil {
		t.Fatal(err)
	}
	o2, err := f.Add(ctx, b, "a file", 7, upload("same"), buckets.Attributes{})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d/a file", o1.Content); o1.Key != want || o1.Content == o2.Content {
		t.Errorf("keys are %q and %q, want %q and another", o1.Key, o2.Key, want)
	}
	if c := f.content(o1.Content); c.Name != "a file" || c.Key != o1.Key {
		t.Errorf("content is %+v", c)
	}
	_, err = f.Add(ctx, b, strings.Repeat("n", 1024), 7, upload("x"), buckets.Attributes{})
	wantErr(t, "Add with a long name", err, buckets.ErrKey)

	both, err := f.ContentsByCID(ctx, o1.CID)
	if err != nil || len(both) != 2 {
		t.Errorf("ContentsByCID = %v, %v, want two", both, err)
	}
	f.delete(b, o1.Key)
	both, err = f.ContentsByCID(ctx, o1.CID)
	if err != nil || len(both) != 1 || both[0].ID != o2.Content {
		t.Errorf("ContentsByCID = %v, %v, want %d", both, err, o2.Content)
	}
}

func TestContents(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	var ids []uint64
	for i := range 5 {
		ids = append(ids, f.put(b, fmt.Sprint("key", i), fresh(10)).Content)
	}
	other, err := f.CreateBucket(t.Context(), 8, "other", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	otherID := f.put(other, "key", fresh(10)).Content
	f.delete(b, "key2")
	for _, tt := range []struct {
		owner         uint64
		limit, offset int
		want          []uint64
	}{
		{7, 10, 0, []uint64{ids[4], ids[3], ids[1], ids[0]}},
		{7, 2, 1, []uint64{ids[3], ids[1]}},
		{0, 3, 0, []uint64{otherID, ids[4], ids[3]}},
		{0, 10, 4, []uint64{ids[0]}},
		{8, 10, 0, []uint64{otherID}},
		{9, 10, 0, nil},
		{7, 0, 0, nil},
	} {
		list, err := f.Contents(t.Context(), tt.owner, tt.limit, tt.offset)
		var got []uint64
		for _, c := range list {
			got = append(got, c.ID)
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Contents(%d, %d, %d) = %v, %v, want %v", tt.owner, tt.limit, tt.offset, got, err, tt.want)
		}
	}
}

func TestCopy(t *testing.T) {
	f := newTest(t, buckets.Options{Dealer: &dealer{}})
	ctx := t.Context()
	b, dst := f.bucket("one"), f.bucket("two")
	src := f.put(b, "src", fresh(2<<20))
	attr := buckets.Attributes{Meta: map[string]string{"new": "yes"}}
	o, err := f.Copy(ctx, src, dst, "dst", 7, attr, buckets.Conditions{IfNoneMatch: "*"})
	if err != nil {
		t.Fatal(err)
	}
	if !o.CID.Equals(src.CID) || o.ETag != src.ETag || o.Size != src.Size || o.Content == src.Content || o.Meta["new"] != "yes" {
		t.Errorf("copy of %+v is %+v", src, o)
	}
	f.delete(b, "src")
	if !f.roots()[o.CID] {
		t.Error("deleting the source took the copy's root")
	}
	_, err = f.Copy(ctx, src, dst, "other", 7, attr, buckets.Conditions{})
	wantErr(t, "Copy of what was deleted", err, buckets.ErrNoObject)
	_, err = f.Copy(ctx, o, dst, "dst", 7, attr, buckets.Conditions{IfMatch: "00"})
	wantErr(t, "Copy against a condition", err, buckets.ErrPrecondition)

	// Onto itself only the attributes change: its zone need not know.
	f.completed(dst)
	self, err := f.Copy(ctx, o, dst, "dst", 7, buckets.Attributes{}, buckets.Conditions{})
	if err != nil || self.Content != o.Content || self.Meta != nil {
		t.Errorf("copy onto itself is %+v, %v", self, err)
	}
}

// TestCopyPublishes: what is copied from a private bucket to a published one can be read by anyone.
func TestCopyPublishes(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("private")
	f.bucket("public")
	public, err := f.SetPolicy(t.Context(), "public", func(p *buckets.Policy) { p.Publish = true })
	if err != nil {
		t.Fatal(err)
	}
	src := f.put(b, "src", fresh(2<<20))
	if code := f.gateway(src.CID); code == 200 {
		t.Fatal("the gateway serves a private object")
	}
	o, err := f.Copy(t.Context(), src, public, "dst", 7, buckets.Attributes{}, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	if code := f.gateway(o.CID); code != 200 {
		t.Errorf("the gateway answers %d to a published copy", code)
	}
}

func etag(body string) string { return fmt.Sprintf("%x", md5.Sum([]byte(body))) }
