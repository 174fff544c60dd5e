package buckets_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/acl"
)

// versionsOf lists the bodies of a key's versions, newest first; a delete marker is a minus.
func versionsOf(f *fixture, b buckets.Bucket, key string) (s string) {
	f.t.Helper()
	page, err := f.Versions(context.Background(), b, buckets.VersionQuery{Prefix: key, Max: 100})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, o := range page.Versions {
		if o.Marker {
			s += "- "
			continue
		}
		s += f.read(o.CID) + " "
	}
	return s
}

// versionsAre wants one of some lists: what was applied though it failed is
// there once more after another try.
func versionsAre(want ...string) func(*fixture, buckets.Bucket) error {
	return func(f *fixture, b buckets.Bucket) error {
		got := versionsOf(f, b, "key")
		for _, w := range want {
			if got == w {
				return nil
			}
		}
		return fmt.Errorf("versions are %q, want one of %q", got, want)
	}
}

// begun puts old, and then new with the state given in between.
func begun(states ...buckets.Versioning) func(*fixture, buckets.Bucket) string {
	return func(f *fixture, b buckets.Bucket) string {
		f.put(b, "key", "old")
		f.assigned(b)
		for _, s := range states {
			wantErr(f.t, "SetVersioning", f.SetVersioning(f.t.Context(), f.named("one"), s), nil)
			f.put(b, "key", string(s))
		}
		return ""
	}
}

// versionNamed is the id of a version by what is in it.
func versionNamed(f *fixture, b buckets.Bucket, body string) string {
	page, err := f.Versions(f.t.Context(), b, buckets.VersionQuery{Prefix: "key", Max: 100})
	wantErr(f.t, "Versions", err, nil)
	for _, o := range page.Versions {
		if !o.Marker && f.read(o.CID) == body {
			return o.VersionID()
		}
	}
	return "0000000000000001" // gone already
}

func deleteBody(body string) func(*fixture, buckets.Bucket, string) error {
	return func(f *fixture, b buckets.Bucket, _ string) error {
		return f.deleteErr(b, "key", buckets.DeleteOptions{Version: versionNamed(f, b, body)})
	}
}

func putNew(f *fixture, b buckets.Bucket, _ string) error { return putErr(f, b, "key", "new") }

var versionFaults = []faultCase{
	{
		name: "put a version", before: begun(buckets.Enabled), op: putNew,
		after: versionsAre("new Enabled old ", "new new Enabled old "),
	},
	{
		name: "replace the null version", before: begun(buckets.Suspended), op: putNew, after: versionsAre("new "),
	},
	{
		name: "replace an older null version", before: begun(buckets.Enabled),
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			if err := f.SetVersioning(f.t.Context(), f.named("one"), buckets.Suspended); err != nil {
				return err
			}
			return putErr(f, b, "key", "new")
		},
		after: versionsAre("new Enabled "),
	},
	{
		name: "delete with a marker", before: begun(buckets.Enabled), op: deleteKey,
		after: versionsAre("- Enabled old ", "- - Enabled old "),
	},
	{
		name: "delete with the null marker", before: begun(buckets.Enabled, buckets.Suspended), op: deleteKey,
		after: versionsAre("- Enabled "),
	},
	{
		name: "delete the current version", before: begun(buckets.Enabled), op: deleteBody("Enabled"),
		after: versionsAre("old "),
	},
	{
		name: "delete an older version", before: begun(buckets.Enabled, buckets.Enabled), op: deleteBody("old"),
		after: versionsAre("Enabled Enabled "),
	},
	{
		name: "copy an older version",
		before: func(f *fixture, b buckets.Bucket) string {
			begun(buckets.Enabled)(f, b)
			f.delete(b, "key")
			return ""
		},
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			src, err := f.Head(f.t.Context(), b, "key", "null")
			if err == nil {
				_, err = f.Copy(f.t.Context(), src, b, "key", 7, buckets.Attributes{}, buckets.Conditions{})
			}
			return err
		},
		after: versionsAre("old - Enabled old ", "old old - Enabled old "),
	},
	{
		name: "tag an older version", before: begun(buckets.Enabled),
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			_, err := f.SetTags(f.t.Context(), b, "key", "null", []buckets.Tag{{Key: "a", Value: "1"}})
			return err
		},
		after: func(f *fixture, b buckets.Bucket) error {
			if o, err := f.Head(f.t.Context(), b, "key", "null"); err != nil || len(o.Tags) != 1 {
				return fmt.Errorf("%+v, %w", o, err)
			}
			return nil
		},
	},
	{
		name: "lock", before: begun(buckets.Enabled),
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			until := time.Now().Add(time.Hour)
			return errors.Join(
				f.SetObjectLock(f.t.Context(), f.named("one"), buckets.ObjectLock{}),
				func() error {
					_, err := f.SetRetention(f.t.Context(), b, "key", "null", buckets.Retention{Mode: buckets.Compliance, Until: until}, false)
					return err
				}())
		},
		after: func(f *fixture, b buckets.Bucket) error {
			if err := deleteBody("old")(f, b, ""); !errors.Is(err, buckets.ErrLocked) {
				return fmt.Errorf("delete of what is locked: %w", err)
			}
			return nil
		},
	},
	{
		name: "set grants and a document", before: nothing,
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			grants := []acl.Grant{{Grantee: acl.Grantee{ID: "000000000008"}, Permission: acl.Read}}
			if err := f.SetBucketGrants(f.t.Context(), f.named("one"), grants); err != nil {
				return err
			}
			return f.SetDocument(f.t.Context(), f.named("one"), "cors", []byte("text"))
		},
		after: func(f *fixture, _ buckets.Bucket) error {
			b, err := f.Bucket(f.t.Context(), "one")
			if err != nil || len(b.Grants) != 1 {
				return fmt.Errorf("bucket is %+v, %w", b, err)
			}
			_, err = f.Document(f.t.Context(), b, "cors")
			return err
		},
	},
	{
		name: "expire an upload", after: func(*fixture, buckets.Bucket) error { return nil },
		before: func(f *fixture, b buckets.Bucket) string {
			id, _ := f.begin(b, "key", "part")
			wantErr(f.t, "AgeUpload", f.AgeUpload(f.t.Context(), b, "key", id, 0, 2*week), nil)
			wantErr(f.t, "AgeUpload", f.AgeUpload(f.t.Context(), b, "key", id, 1, 2*week), nil)
			return id
		},
		op: func(f *fixture, b buckets.Bucket, _ string) error { return f.GC(f.t.Context()) },
	},
}
