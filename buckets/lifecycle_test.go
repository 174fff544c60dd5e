package buckets_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/lifecycle"
)

const day = 24 * time.Hour

// rules sets the lifecycle of a bucket and returns the bucket as it is then.
func (f *fixture) rules(b buckets.Bucket, rules ...string) buckets.Bucket {
	f.t.Helper()
	var c lifecycle.Config
	doc := "<LifecycleConfiguration>"
	for _, r := range rules {
		doc += "<Rule><Status>Enabled</Status>" + r + "</Rule>"
	}
	if err := xml.Unmarshal([]byte(doc+"</LifecycleConfiguration>"), &c); err != nil {
		f.t.Fatal(err)
	}
	if err := errors.Join(c.Validate(), f.SetLifecycle(f.t.Context(), b, &c)); err != nil {
		f.t.Fatal(err)
	}
	return f.again(b)
}

// again is a bucket as it is now.
func (f *fixture) again(b buckets.Bucket) buckets.Bucket {
	f.t.Helper()
	b, err := f.Buckets.Bucket(f.t.Context(), b.Name)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// versioned is a bucket with versions.
func (f *fixture) versioned(name string) buckets.Bucket {
	f.t.Helper()
	b := f.bucket(name)
	if err := f.SetVersioning(f.t.Context(), f.named(name), buckets.Enabled); err != nil {
		f.t.Fatal(err)
	}
	return f.again(b)
}

// pass applies the rules of a bucket now, and returns what the job waits with.
func (f *fixture) pass(b buckets.Bucket) string {
	f.t.Helper()
	err := f.ApplyLifecycle(f.t.Context(), b.UUID)
	if err == nil {
		return ""
	}
	if !strings.HasPrefix(err.Error(), "runs daily") {
		f.t.Fatalf("lifecycle: %v", err)
	}
	return err.Error()
}

func (f *fixture) age(b buckets.Bucket, key string, by time.Duration) {
	f.t.Helper()
	if err := f.Age(f.t.Context(), b.UUID, key, by); err != nil {
		f.t.Fatal(err)
	}
}

// history is every version of a bucket, newest first by key: "key" is an
// object, "key-" a marker, and "*" the newest.
func (f *fixture) history(b buckets.Bucket) []string {
	f.t.Helper()
	page, err := f.Versions(f.t.Context(), b, buckets.VersionQuery{Max: 10000})
	if err != nil {
		f.t.Fatal(err)
	}
	var list []string
	for _, o := range page.Versions {
		s := o.Key
		if o.Marker {
			s += "-"
		}
		if o.Latest {
			s += "*"
		}
		list = append(list, s)
	}
	return list
}

func (f *fixture) wantHistory(b buckets.Bucket, want ...string) {
	f.t.Helper()
	if got := f.history(b); !slices.Equal(got, want) {
		f.t.Errorf("versions %q, want %q", got, want)
	}
}

func TestExpiration(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.rules(f.bucket("expires"),
		"<Prefix>a/</Prefix><Expiration><Days>3</Days></Expiration>",
		"<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Expiration><Days>1</Days></Expiration>")
	for _, key := range []string{"a/old", "a/young", "b/old", "b/tagged"} {
		f.put(b, key, key)
		if !strings.HasSuffix(key, "young") {
			f.age(b, key, 5*day)
		}
	}
	if _, err := f.SetTags(t.Context(), b, "b/tagged", "", []buckets.Tag{{Key: "x", Value: "y"}, {Key: "k", Value: "v"}}); err != nil {
		t.Fatal(err)
	}
	if got := f.pass(b); got != "runs daily; last time 2 removed" {
		t.Errorf("the job waits with %q", got)
	}
	f.wantHistory(b, "a/young*", "b/old*")
	f.age(b, "a/young", 3*day+time.Minute)
	f.pass(b)
	f.wantHistory(b, "a/young*", "b/old*") // rounded up to midnight
	f.age(b, "a/young", day)
	f.pass(b)
	f.wantHistory(b, "b/old*")
	if err := f.SetLifecycle(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	if got := f.pass(b); got != "" {
		t.Errorf("without rules the job waits with %q", got)
	}
}

func TestExpirationOfVersions(t *testing.T) {
	const current = "<Prefix></Prefix><Expiration><Days>1</Days></Expiration>"
	const noncurrent = "<Filter/><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration>"
	f := newTest(t, buckets.Options{})
	b := f.rules(f.versioned("versions"), current, noncurrent)
	f.put(b, "a", "1")
	f.age(b, "a", 10*day)
	f.put(b, "a", "2")
	f.pass(b) // the first became noncurrent just now, whatever its age
	f.wantHistory(b, "a*", "a")
	f.age(b, "a", 3*day+time.Hour)
	f.pass(b)
	f.wantHistory(b, "a-*", "a")
	if _, err := f.Head(t.Context(), b, "a", ""); !errors.Is(err, buckets.ErrNoObject) {
		t.Errorf("Head of what expired = %v", err)
	}
	f.age(b, "a", 4*day)
	f.pass(b)
	f.wantHistory(b) // the version, and with it the marker that had outlived it
}

func TestExpirationOfNewerVersions(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.rules(f.versioned("newer"), "<Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>")
	for i := range 6 {
		f.put(b, "a", fmt.Sprint(i))
	}
	f.put(b, "b", "1")
	f.age(b, "a", 3*day)
	f.pass(b)
	f.wantHistory(b, "a*", "a", "a", "b*")
	if got := f.body(b, "a"); got != "5" {
		t.Errorf("the current version is %q", got)
	}
}

func TestExpirationOfMarkers(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.rules(f.versioned("markers"), "<Prefix></Prefix><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>")
	f.put(b, "hides", "1")
	f.delete(b, "hides")
	f.delete(b, "alone")
	f.delete(b, "two")
	f.delete(b, "two")
	f.pass(b)
	f.wantHistory(b, "hides-*", "hides", "two-*", "two-")
}

// What is locked stays, and the rest goes all the same.
func TestLifecycleSparesLocks(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b, err := f.CreateBucket(t.Context(), 7, "locked", buckets.BucketOptions{ObjectLock: true})
	if err != nil {
		t.Fatal(err)
	}
	b = f.rules(b, "<Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>")
	for _, lock := range []buckets.Attributes{
		{Hold: true},
		{},
		{Retention: buckets.Retention{Mode: buckets.Compliance, Until: time.Now().Add(time.Hour)}},
		{Retention: buckets.Retention{Mode: buckets.Governance, Until: time.Now().Add(time.Hour)}},
		{},
		{},
	} {
		if _, err := f.Put(t.Context(), b, "a", 7, upload(fresh(9)), lock, buckets.Conditions{}); err != nil {
			t.Fatal(err)
		}
	}
	f.age(b, "a", 3*day)
	if got := f.pass(b); got != "runs daily; last time 2 removed, 3 locked" {
		t.Errorf("the job waits with %q", got)
	}
	f.wantHistory(b, "a*", "a", "a", "a")
}

func TestLifecycleOfUploads(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.rules(f.bucket("uploads"), "<Prefix>a</Prefix><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
	for _, key := range []string{"a/old", "a/young", "b/old"} {
		u, err := f.CreateUpload(t.Context(), b, key, 7, 7, buckets.Attributes{}, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.PutPart(t.Context(), b, key, u.ID, 1, upload(key)); err != nil {
			t.Fatal(err)
		}
		if key != "a/young" {
			f.age(b, key, 4*day)
		}
	}
	f.pass(b)
	page, err := f.Uploads(t.Context(), b, buckets.UploadQuery{Max: 10})
	if err != nil || len(page.Uploads) != 2 || page.Uploads[0].Key != "a/young" || page.Uploads[1].Key != "b/old" {
		t.Errorf("uploads %+v, %v", page.Uploads, err)
	}
}

// A pass of many pages that is interrupted goes on where it was, and the
// faults of a store stop nothing for good.
func TestLifecycleOfManyGoesOn(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.rules(f.bucket("many"), "<Prefix></Prefix><Expiration><Days>1</Days></Expiration>")
	var keys []string
	for i := range 1200 {
		keys = append(keys, fmt.Sprintf("k%04d", i))
	}
	f.putAll(b, keys, "body")
	for i, key := range keys {
		if i%100 == 0 || i > 1150 {
			f.age(b, key, 5*day)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := f.store.next()
	ended := make(chan error, 1)
	go func() { ended <- f.ApplyLifecycle(ctx, b.UUID) }()
	<-first
	cancel()
	<-ended // with or without an error: it may have been done
	f.reopen()
	for skip := range 3 {
		f.store.fail(skip, skip == 1)
		err := f.ApplyLifecycle(t.Context(), b.UUID)
		if err == nil {
			t.Error("the job of a bucket with rules has ended")
		}
	}
	f.store.heal()
	f.pass(b)
	if got := len(f.history(b)); got != 1200-61 {
		t.Errorf("%d objects left, want %d", got, 1200-61)
	}
}

// With a day that is short the queue runs the job by itself, again and again.
func TestLifecycleRuns(t *testing.T) {
	f := newTest(t, buckets.Options{LifecycleDay: 200 * time.Millisecond})
	b := f.rules(f.bucket("short"), "<Prefix>a</Prefix><Expiration><Days>1</Days></Expiration>")
	f.run()
	for _, key := range []string{"a1", "a2"} {
		f.put(b, key, key)
		f.put(b, "b", key)
		f.await("the end of "+key, func() bool { return slices.Equal(f.history(b), []string{"b*"}) })
	}
}

func TestLifecycleEvents(t *testing.T) {
	f, r := hooked(t, buckets.Options{})
	plain := f.rules(f.bucket("plain"), "<Prefix></Prefix><Expiration><Days>1</Days></Expiration>")
	b := f.rules(f.versioned("told"), "<Prefix></Prefix><Expiration><Days>1</Days></Expiration>",
		"<Prefix></Prefix><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>")
	for _, bucket := range []buckets.Bucket{plain, b} {
		f.notify(bucket, "s3:LifecycleExpiration:*")
		f.put(bucket, "a", "1")
		f.age(bucket, "a", 3*day)
		f.pass(bucket)
	}
	f.age(b, "a", 3*day)
	f.pass(b)
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	want := []string{"LifecycleExpiration:Delete a", "LifecycleExpiration:DeleteMarkerCreated a", "LifecycleExpiration:Delete a", "LifecycleExpiration:Delete a"}
	if got := r.names(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
