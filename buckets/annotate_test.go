package buckets_test

import (
	"reflect"
	"testing"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/acl"
)

func TestAnnotations(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	attr := buckets.Attributes{
		Tags:   []buckets.Tag{{"b", "2"}, {"a", "1"}},
		Grants: []acl.Grant{{Grantee: acl.Grantee{URI: acl.AllUsers}, Permission: acl.Read}},
	}
	put, err := f.Put(ctx, b, "key", 9, upload("body"), attr, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	want := func(step string, attr buckets.Attributes) {
		t.Helper()
		o, err := f.Head(ctx, b, "key", "")
		if err != nil || !reflect.DeepEqual(o.Attributes, attr) || o.Owner != 9 || !o.Modified.Equal(put.Modified) || o.Content != put.Content {
			t.Errorf("%s: Head = %+v, %v, want %+v", step, o, err, attr)
		}
	}
	want("put", attr)
	attr.Tags = []buckets.Tag{{"c", ""}}
	o, err := f.SetTags(ctx, b, "key", "", attr.Tags)
	wantErr(t, "SetTags", err, nil)
	if o.VersionID() != "null" {
		t.Errorf("SetTags changed version %q, want null", o.VersionID())
	}
	want("tags", attr)
	attr.Grants = nil
	_, err = f.SetGrants(ctx, b, "key", "null", nil)
	wantErr(t, "SetGrants", err, nil)
	want("grants", attr)

	_, err = f.SetTags(ctx, b, "none", "", nil)
	wantErr(t, "SetTags of no object", err, buckets.ErrNoObject)
	_, err = f.SetTags(ctx, b, "none", "null", nil)
	wantErr(t, "SetTags of no version", err, buckets.ErrNoVersion)
	_, err = f.SetTags(ctx, b, "key", "00000000000000ff", nil)
	wantErr(t, "SetTags of another version", err, buckets.ErrNoVersion)
	for _, id := range []string{"x", "NULL", "00000000000000FF", "00000000000000f", "00000000000000fff"} {
		_, err = f.Head(ctx, b, "key", id)
		wantErr(t, "Head of version "+id, err, buckets.ErrVersionID)
	}
}

func TestBucketOptions(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	grants := []acl.Grant{{Grantee: acl.Grantee{ID: "000000000009"}, Permission: acl.Write}}
	b, err := f.CreateBucket(ctx, 7, "locked", buckets.BucketOptions{ObjectLock: true, Grants: grants})
	if err != nil || b.Versioning != buckets.Enabled || b.Lock == nil || !reflect.DeepEqual(b.Grants, grants) {
		t.Errorf("CreateBucket = %+v, %v", b, err)
	}
	wantErr(t, "SetBucketGrants", f.SetBucketGrants(ctx, f.named("locked"), nil), nil)
	if b, err = f.Bucket(ctx, "locked"); err != nil || b.Grants != nil || b.Lock == nil {
		t.Errorf("Bucket = %+v, %v", b, err)
	}
	wantErr(t, "SetBucketGrants of none", f.SetBucketGrants(ctx, f.named("none"), nil), buckets.ErrNoBucket)
}

func TestDocuments(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	stale := f.bucket("one")
	now := func() buckets.Bucket {
		t.Helper()
		b, err := f.Bucket(ctx, "one")
		wantErr(t, "Bucket", err, nil)
		return b
	}
	get := func(b buckets.Bucket, name string, want string, wanted error) {
		t.Helper()
		got, err := f.Document(ctx, b, name)
		if wantErr(t, "Document", err, wanted); string(got) != want {
			t.Errorf("Document(%q) = %q, want %q", name, got, want)
		}
	}
	get(now(), "cors", "", buckets.ErrNoDocument)
	var last uint64
	for _, text := range []string{"<a/>", "<b/>", "", "<c/>"} {
		wantErr(t, "SetDocument", f.SetDocument(ctx, f.named("one"), "cors", []byte(text)), nil)
		get(now(), "cors", text, nil)
		if rev := now().Documents["cors"]; rev <= last {
			t.Errorf("revision %d of %q is not above %d", rev, text, last)
		} else {
			last = rev
		}
	}
	get(stale, "cors", "", buckets.ErrNoDocument)
	get(now(), "policy", "", buckets.ErrNoDocument)
	before := now()
	wantErr(t, "delete document", f.SetDocument(ctx, f.named("one"), "cors", nil), nil)
	get(now(), "cors", "", buckets.ErrNoDocument)
	get(before, "cors", "", buckets.ErrNoDocument)
	if n := len(now().Documents); n != 0 {
		t.Errorf("%d documents are left", n)
	}
	wantErr(t, "SetDocument", f.SetDocument(ctx, f.named("one"), "cors", []byte("d")), nil)
	if rev := now().Documents["cors"]; rev <= last {
		t.Errorf("revision %d of a document that was deleted before is not above %d", rev, last)
	}
	wantErr(t, "SetDocument of no bucket", f.SetDocument(ctx, f.named("none"), "cors", nil), buckets.ErrNoBucket)
	wantErr(t, "DeleteBucket", f.DeleteBucket(ctx, f.named("one")), nil) // Check finds what is left of it
}

func TestListBucketPages(t *testing.T) {
	f := newTest(t, buckets.Options{})
	for _, name := range []string{"aaa", "aab", "bab", "bac", "bad"} {
		f.bucket(name)
	}
	if _, err := f.CreateBucket(t.Context(), 8, "bae", buckets.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		q    buckets.BucketQuery
		want []string
		more bool
	}{
		{buckets.BucketQuery{}, []string{"aaa", "aab", "bab", "bac", "bad", "bae"}, false},
		{buckets.BucketQuery{Owner: 8}, []string{"bae"}, false},
		{buckets.BucketQuery{Owner: 7, Max: 2}, []string{"aaa", "aab"}, true},
		{buckets.BucketQuery{Owner: 7, Max: 2, After: "aab"}, []string{"bab", "bac"}, true},
		{buckets.BucketQuery{Owner: 7, Max: 2, After: "bac"}, []string{"bad"}, false},
		{buckets.BucketQuery{Owner: 7, Prefix: "aa", After: "a", Max: 2}, []string{"aaa", "aab"}, false},
		{buckets.BucketQuery{Owner: 7, Prefix: "aa", After: "b"}, nil, false},
		{buckets.BucketQuery{Prefix: "ba", After: "ba", Max: 1}, []string{"bab"}, true},
		{buckets.BucketQuery{Prefix: "c"}, nil, false},
	} {
		page, err := f.ListBuckets(t.Context(), tt.q)
		var got []string
		for _, b := range page.Buckets {
			got = append(got, b.Name)
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) || page.More != tt.more {
			t.Errorf("ListBuckets(%+v) = %q, more %v, %v, want %q, more %v", tt.q, got, page.More, err, tt.want, tt.more)
		}
	}
}

// TestBucketBornWith: a bucket never exists without what it was asked to have,
// and an empty list of grants is not the default one.
func TestBucketBornWith(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	_, err := f.CreateBucket(ctx, 7, "born", buckets.BucketOptions{
		Grants: []acl.Grant{}, Documents: map[string][]byte{"ownership": []byte("ObjectWriter")},
	})
	wantErr(t, "CreateBucket", err, nil)
	b, err := f.Bucket(ctx, "born")
	wantErr(t, "Bucket", err, nil)
	if b.Grants == nil || len(b.Grants) != 0 {
		t.Errorf("grants = %#v, want an empty list", b.Grants)
	}
	got, err := f.Document(ctx, b, "ownership")
	if wantErr(t, "Document", err, nil); string(got) != "ObjectWriter" {
		t.Errorf("document = %q", got)
	}
	wantErr(t, "DeleteBucket", f.DeleteBucket(ctx, f.named("born")), nil)
}
