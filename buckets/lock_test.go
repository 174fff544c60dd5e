package buckets_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// lockedBucket is a bucket with object lock.
func (f *fixture) lockedBucket(name string) buckets.Bucket {
	f.t.Helper()
	b, err := f.CreateBucket(f.t.Context(), 7, name, buckets.BucketOptions{ObjectLock: true})
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// putLocked puts an object under a retention and a hold.
func (f *fixture) putLocked(b buckets.Bucket, key, body string, r buckets.Retention, hold bool) buckets.Object {
	f.t.Helper()
	o, err := f.Put(f.t.Context(), b, key, 7, upload(body), buckets.Attributes{Retention: r, Hold: hold}, buckets.Conditions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return o
}

func TestLockedVersions(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.lockedBucket("one")
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	for name, tt := range map[string]struct {
		r            buckets.Retention
		hold         bool
		want, bypass error
	}{
		"nothing":            {want: nil, bypass: nil},
		"governance":         {r: buckets.Retention{Mode: buckets.Governance, Until: soon}, want: buckets.ErrLocked},
		"governance is over": {r: buckets.Retention{Mode: buckets.Governance, Until: past}},
		"compliance":         {r: buckets.Retention{Mode: buckets.Compliance, Until: soon}, want: buckets.ErrLocked, bypass: buckets.ErrLocked},
		"compliance is over": {r: buckets.Retention{Mode: buckets.Compliance, Until: past}},
		"hold":               {hold: true, want: buckets.ErrLocked, bypass: buckets.ErrLocked},
		"hold and governance": {
			r: buckets.Retention{Mode: buckets.Governance, Until: soon}, hold: true,
			want: buckets.ErrLocked, bypass: buckets.ErrLocked,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for bypass, want := range map[bool]error{false: tt.want, true: tt.bypass} {
				o := f.putLocked(b, "key", name, tt.r, tt.hold)
				// Neither a newer version nor a delete marker changes what is locked.
				f.put(b, "key", "newer")
				f.delete(b, "key")
				err := f.deleteErr(b, "key", buckets.DeleteOptions{Version: o.VersionID(), BypassGovernance: bypass})
				wantErr(t, "Delete of the version", err, want)
				got, err := f.Head(t.Context(), b, "key", o.VersionID())
				if want == nil {
					wantErr(t, "Head of the removed version", err, buckets.ErrNoVersion)
				} else if err != nil || f.read(got.CID) != name {
					t.Errorf("the locked version is %+v, %v", got, err)
				}
			}
		})
	}
	wantErr(t, "DeleteBucket", f.DeleteBucket(ctx, f.named("one")), buckets.ErrNotEmpty)
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("one"), buckets.Suspended), buckets.ErrVersioningLocked)
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("one"), buckets.Enabled), nil)
}

func TestSetRetention(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.lockedBucket("one")
	hour := func(n int) time.Time { return time.Now().Add(time.Duration(n) * time.Hour).Truncate(time.Second) }
	none := buckets.Retention{}
	governance := buckets.Retention{Mode: buckets.Governance, Until: hour(2)}
	compliance := buckets.Retention{Mode: buckets.Compliance, Until: hour(2)}
	for _, tt := range []struct {
		name         string
		from, to     buckets.Retention
		want, bypass error
	}{
		{"give governance", none, governance, nil, nil},
		{"give compliance", none, compliance, nil, nil},
		{"extend governance", governance, buckets.Retention{Mode: buckets.Governance, Until: hour(3)}, nil, nil},
		{"shorten governance", governance, buckets.Retention{Mode: buckets.Governance, Until: hour(1)}, buckets.ErrLocked, nil},
		{"end governance", governance, none, buckets.ErrLocked, nil},
		{"make compliance of governance", governance, compliance, buckets.ErrLocked, nil},
		{"compliance again", compliance, compliance, nil, nil},
		{"extend compliance", compliance, buckets.Retention{Mode: buckets.Compliance, Until: hour(3)}, nil, nil},
		{"shorten compliance", compliance, buckets.Retention{Mode: buckets.Compliance, Until: hour(1)}, buckets.ErrLocked, buckets.ErrLocked},
		{"make governance of compliance", compliance, buckets.Retention{Mode: buckets.Governance, Until: hour(3)}, buckets.ErrLocked, buckets.ErrLocked},
		{"end compliance", compliance, none, buckets.ErrLocked, buckets.ErrLocked},
		{"change what is over", buckets.Retention{Mode: buckets.Compliance, Until: hour(-1)}, governance, nil, nil},
		{"a mode without a time", none, buckets.Retention{Mode: buckets.Governance}, buckets.ErrRetention, buckets.ErrRetention},
		{"a time without a mode", none, buckets.Retention{Until: hour(1)}, buckets.ErrRetention, buckets.ErrRetention},
		{"another mode", none, buckets.Retention{Mode: "OTHER", Until: hour(1)}, buckets.ErrRetention, buckets.ErrRetention},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for bypass, want := range map[bool]error{false: tt.want, true: tt.bypass} {
				o := f.putLocked(b, "key", "body", tt.from, false)
				// Of the current version, and of one that is not any more.
				for _, archived := range []bool{false, true} {
					if archived {
						f.put(b, "key", "newer")
					}
					_, err := f.SetRetention(t.Context(), b, "key", o.VersionID(), tt.to, bypass)
					wantErr(t, "SetRetention", err, want)
					now, err := f.Head(t.Context(), b, "key", o.VersionID())
					expect := tt.from
					if want == nil {
						expect = tt.to
					}
					if err != nil || now.Retention.Mode != expect.Mode || !now.Retention.Until.Equal(expect.Until) {
						t.Errorf("bypass %v: retention is %+v, %v, want %+v", bypass, now.Retention, err, expect)
					}
					if want == nil {
						break // the second would start from another one
					}
				}
			}
		})
	}
}

func TestHold(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.lockedBucket("one")
	o := f.put(b, "key", "body")
	for _, on := range []bool{true, true, false} {
		got, err := f.SetHold(t.Context(), b, "key", "", on)
		if err != nil || got.Hold != on {
			t.Errorf("SetHold(%v) = %+v, %v", on, got, err)
		}
	}
	wantErr(t, "Delete", f.deleteErr(b, "key", buckets.DeleteOptions{Version: o.VersionID()}), nil)
	_, err := f.SetHold(t.Context(), b, "key", "", true)
	wantErr(t, "SetHold of nothing", err, buckets.ErrNoObject)
	_, err = f.SetHold(t.Context(), b, "key", o.VersionID(), true)
	wantErr(t, "SetHold of a version that is gone", err, buckets.ErrNoVersion)
}

func TestDefaultRetention(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.lockedBucket("one")
	year := &buckets.DefaultRetention{Mode: buckets.Compliance, Years: 1}
	wantErr(t, "SetObjectLock", f.SetObjectLock(ctx, f.named("one"), buckets.ObjectLock{Default: year}), nil)
	inAYear := func(name string, o buckets.Object) {
		t.Helper()
		want := time.Now().AddDate(1, 0, 0)
		if d := want.Sub(o.Retention.Until).Abs(); o.Retention.Mode != buckets.Compliance || d > time.Minute {
			t.Errorf("retention of %s is %+v, want %v", name, o.Retention, want)
		}
		wantErr(t, "Delete of "+name, f.deleteErr(b, o.Key, buckets.DeleteOptions{Version: o.VersionID(), BypassGovernance: true}), buckets.ErrLocked)
	}
	src := f.put(b, "put", "body")
	inAYear("a put", src)
	o, err := f.Copy(ctx, src, b, "copy", 7, buckets.Attributes{}, buckets.Conditions{})
	wantErr(t, "Copy", err, nil)
	inAYear("a copy", o)
	id, _ := f.begin(b, "upload", "part")
	o, err = f.complete(b, "upload", id, []buckets.CompletedPart{{Number: 1, ETag: etag("part")}})
	wantErr(t, "Complete", err, nil)
	inAYear("a multipart upload", o)
	own := buckets.Retention{Mode: buckets.Governance, Until: time.Now().Add(time.Hour)}
	if o = f.putLocked(b, "own", "body", own, false); o.Retention != own {
		t.Errorf("retention of an object with its own is %+v, want %+v", o.Retention, own)
	}
	days := &buckets.DefaultRetention{Mode: buckets.Governance, Days: 3}
	wantErr(t, "SetObjectLock", f.SetObjectLock(ctx, f.named("one"), buckets.ObjectLock{Default: days}), nil)
	o = f.put(b, "days", "body")
	if d := time.Until(o.Retention.Until); d < 71*time.Hour || d > 73*time.Hour {
		t.Errorf("retention of 3 days is %+v", o.Retention)
	}
	wantErr(t, "SetObjectLock", f.SetObjectLock(ctx, f.named("one"), buckets.ObjectLock{}), nil)
	if o = f.put(b, "none", "body"); o.Retention != (buckets.Retention{}) {
		t.Errorf("retention without a default is %+v", o.Retention)
	}
}

func TestLockRefused(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("plain")
	r := buckets.Retention{Mode: buckets.Governance, Until: time.Now().Add(time.Hour)}
	for _, attr := range []buckets.Attributes{{Retention: r}, {Hold: true}} {
		_, err := f.Put(ctx, b, "key", 7, upload("body"), attr, buckets.Conditions{})
		wantErr(t, "Put", err, buckets.ErrLockOff)
		_, err = f.CreateUpload(ctx, b, "key", 7, 7, attr, "")
		wantErr(t, "CreateUpload", err, buckets.ErrLockOff)
	}
	f.put(b, "key", "body")
	_, err := f.SetRetention(ctx, b, "key", "", r, true)
	wantErr(t, "SetRetention", err, buckets.ErrLockOff)
	_, err = f.SetHold(ctx, b, "key", "", true)
	wantErr(t, "SetHold", err, buckets.ErrLockOff)
	wantErr(t, "SetObjectLock", f.SetObjectLock(ctx, f.named("plain"), buckets.ObjectLock{}), buckets.ErrVersioningOff)
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("plain"), "On"), buckets.ErrVersioning)
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("plain"), ""), buckets.ErrVersioning)
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("plain"), buckets.Suspended), nil)
	wantErr(t, "SetObjectLock", f.SetObjectLock(ctx, f.named("plain"), buckets.ObjectLock{}), buckets.ErrVersioningOff)
	wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("plain"), buckets.Enabled), nil)
	for _, d := range []buckets.DefaultRetention{
		{}, {Mode: buckets.Governance}, {Days: 1}, {Mode: "OTHER", Days: 1}, {Mode: buckets.Governance, Days: 1, Years: 1},
		{Mode: buckets.Governance, Days: -1}, {Mode: buckets.Governance, Years: 101}, {Mode: buckets.Governance, Days: 36501},
	} {
		wantErr(t, "SetObjectLock", f.SetObjectLock(ctx, f.named("plain"), buckets.ObjectLock{Default: &d}), buckets.ErrRetention)
	}
	wantErr(t, "SetObjectLock", f.SetObjectLock(ctx, f.named("plain"), buckets.ObjectLock{}), nil)
	_, err = f.Put(ctx, b, "key", 7, upload("body"), buckets.Attributes{Retention: buckets.Retention{Mode: "OTHER", Until: time.Now()}}, buckets.Conditions{})
	wantErr(t, "Put", err, buckets.ErrRetention)
	// What was there before can be locked too, and a lock ends by itself.
	_, err = f.SetRetention(ctx, b, "key", "null", buckets.Retention{Mode: buckets.Compliance, Until: time.Now().Add(time.Hour)}, false)
	wantErr(t, "SetRetention", err, nil)
	del := buckets.DeleteOptions{Version: "null", BypassGovernance: true}
	wantErr(t, "Delete", f.deleteErr(b, "key", del), buckets.ErrLocked)
	wantErr(t, "ExpireRetention", f.ExpireRetention(ctx, b, "key", "null"), nil)
	wantErr(t, "Delete", f.deleteErr(b, "key", del), nil)
}
