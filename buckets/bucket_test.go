package buckets_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

func TestBucketNames(t *testing.T) {
	for _, tt := range []struct {
		name string
		want bool
	}{
		{"abc", true},
		{"a.b-c.9", true},
		{"123456", true},
		{strings.Repeat("a", 63), true},
		{"ab", false},
		{strings.Repeat("a", 64), false},
		{"", false},
		{"Abc", false},
		{"a_b", false},
		{"a/b", false},
		{"-abc", false},
		{"abc-", false},
		{".abc", false},
		{"abc.", false},
		{"a..b", false},
		{"192.168.5.4", false},
		{"1.2.3", true}, // not an address
		{"xn--abc", false},
		{"sthree-abc", false},
		{"abc-s3alias", false},
		{"abc--ol-s3", false},
		{"bücket", false},
	} {
		if got := buckets.ValidName(tt.name); got != tt.want {
			t.Errorf("validName(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestBuckets(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	one := f.bucket("one")
	if _, err := f.CreateBucket(ctx, 8, "another", buckets.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	two := f.bucket("two")

	_, err := f.CreateBucket(ctx, 7, "one", buckets.BucketOptions{})
	wantErr(t, "CreateBucket again", err, buckets.ErrBucketOwned)
	_, err = f.CreateBucket(ctx, 8, "one", buckets.BucketOptions{})
	wantErr(t, "CreateBucket of someone else's", err, buckets.ErrBucketExists)
	_, err = f.CreateBucket(ctx, 8, "No", buckets.BucketOptions{})
	wantErr(t, "CreateBucket with a bad name", err, buckets.ErrBucketName)

	if got, err := f.Bucket(ctx, "one"); err != nil || !reflect.DeepEqual(got, one) {
		t.Errorf("Bucket(one) = %+v, %v, want %+v", got, err, one)
	}
	if got, err := f.BucketByUUID(ctx, two.UUID); err != nil || !reflect.DeepEqual(got, two) {
		t.Errorf("BucketByUUID = %+v, %v, want %+v", got, err, two)
	}
	_, err = f.Bucket(ctx, "three")
	wantErr(t, "Bucket(three)", err, buckets.ErrNoBucket)
	if one.Policy.Threshold != 15<<30 || one.Policy.MaxAge != 48*time.Hour || one.Policy.Replication != 6 || one.Policy.Publish {
		t.Errorf("default policy is %+v", one.Policy)
	}

	global, err := f.GlobalBucket(ctx, 7)
	if err != nil || !global.Global || global.Owner != 7 {
		t.Fatalf("GlobalBucket = %+v, %v", global, err)
	}
	if again, err := f.GlobalBucket(ctx, 7); err != nil || !reflect.DeepEqual(again, global) {
		t.Errorf("GlobalBucket again = %+v, %v, want %+v", again, err, global)
	}

	for owner, want := range map[uint64]string{7: "one two", 8: "another", 9: "", 0: "another one two"} {
		page, err := f.ListBuckets(ctx, buckets.BucketQuery{Owner: owner})
		var names []string
		for _, b := range page.Buckets {
			names = append(names, b.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("ListBuckets(%d) = %q, %v, want %q", owner, got, err, want)
		}
	}
}

func TestDeleteBucket(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	f.put(b, "key", "body")
	wantErr(t, "DeleteBucket with an object", f.DeleteBucket(ctx, f.named("one")), buckets.ErrNotEmpty)
	f.delete(b, "key")
	var uploads []buckets.MultipartUpload
	for range 2 {
		u, err := f.CreateUpload(ctx, b, "key", 7, 7, buckets.Attributes{}, "")
		if err != nil {
			t.Fatal(err)
		}
		f.part(b, "key", u.ID, 1, "part")
		uploads = append(uploads, u)
	}
	f.put(b, "key", "body")
	wantErr(t, "DeleteBucket with an object", f.DeleteBucket(ctx, f.named("one")), buckets.ErrNotEmpty)
	if page, err := f.Uploads(ctx, b, buckets.UploadQuery{Max: 9}); err != nil || len(page.Uploads) != 2 {
		t.Errorf("uploads after a refusal = %v, %v; want both", page.Uploads, err)
	}
	f.delete(b, "key")
	wantErr(t, "DeleteBucket with uploads", f.DeleteBucket(ctx, f.named("one")), nil) // Check finds what is left of them
	wantErr(t, "Abort", f.Abort(ctx, b, "key", uploads[0].ID), buckets.ErrNoUpload)
	wantErr(t, "DeleteBucket again", f.DeleteBucket(ctx, f.named("one")), buckets.ErrNoBucket)

	// Who still has the bucket in hand must not write into it, nor see it come back.
	_, err := f.Put(ctx, b, "key", 7, upload("body"), buckets.Attributes{}, buckets.Conditions{})
	wantErr(t, "Put", err, buckets.ErrNoBucket)
	_, err = f.CreateUpload(ctx, b, "key", 7, 7, buckets.Attributes{}, "")
	wantErr(t, "CreateUpload", err, buckets.ErrNoBucket)
	_, err = f.List(ctx, b, buckets.Query{Max: 10})
	wantErr(t, "List", err, buckets.ErrNoBucket)
	_, err = f.Head(ctx, b, "key", "")
	wantErr(t, "Head", err, buckets.ErrNoObject)
	if next := f.bucket("one"); next.UUID == b.UUID {
		t.Error("a new bucket has the uuid of the deleted one")
	}
}

func TestSetPolicy(t *testing.T) {
	f := newTest(t, buckets.Options{})
	f.bucket("one")
	set := func(change func(*buckets.Policy)) error {
		_, err := f.SetPolicy(t.Context(), "one", change)
		return err
	}
	for name, change := range map[string]func(*buckets.Policy){
		"threshold 0":      func(p *buckets.Policy) { p.Threshold = 0 },
		"threshold < 0":    func(p *buckets.Policy) { p.Threshold = -1 },
		"age under 1 s":    func(p *buckets.Policy) { p.MaxAge = time.Second - 1 },
		"no replication":   func(p *buckets.Policy) { p.Replication = 0 },
		"replication 21":   func(p *buckets.Policy) { p.Replication = 21 },
		"piece no power":   func(p *buckets.Policy) { p.MaxPiece = 3 << 20 },
		"piece over a TiB": func(p *buckets.Policy) { p.MaxPiece = 1 << 40 },
		"piece too small":  func(p *buckets.Policy) { p.MaxPiece = 128 },
	} {
		wantErr(t, name, set(change), buckets.ErrPolicy)
	}
	wantErr(t, "good policy", set(func(p *buckets.Policy) { p.Threshold, p.Publish, p.MaxPiece = 1, true, 1<<20 }), nil)
	got, err := f.Bucket(t.Context(), "one")
	if err != nil || got.Policy.Threshold != 1 || !got.Policy.Publish || got.Policy.MaxPiece != 1<<20 || got.Policy.Replication != 6 {
		t.Errorf("policy is %+v, %v", got.Policy, err)
	}
	f.put(got, "key", "body")
	wantErr(t, "publish with objects", set(func(p *buckets.Policy) { p.Publish = false }), nil)
	wantErr(t, "other fields with objects", set(func(p *buckets.Policy) { p.Replication = 2 }), nil)
	_, err = f.SetPolicy(t.Context(), "two", func(*buckets.Policy) {})
	wantErr(t, "no bucket", err, buckets.ErrNoBucket)
}
