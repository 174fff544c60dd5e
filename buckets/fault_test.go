package buckets_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// faultCase is a path that writes. before prepares; op is the path; after says
// what must hold once it has succeeded at last.
type faultCase struct {
	name   string
	before func(f *fixture, b buckets.Bucket) (upload string)
	op     func(f *fixture, b buckets.Bucket, upload string) error
	// packing happens while the zone is packed
	packing func(f *fixture, b buckets.Bucket) error
	again   error // what op may say when its effect is there already
	heals   bool  // op finds out by itself that its update was applied
	after   func(f *fixture, b buckets.Bucket) error
}

func nothing(*fixture, buckets.Bucket) string { return "" }

func objectIs(key, body string) func(*fixture, buckets.Bucket) error {
	return func(f *fixture, b buckets.Bucket) error {
		if got := f.body(b, key); got != body {
			return fmt.Errorf("object %q is %q, want %q", key, got, body)
		}
		return nil
	}
}

func noObject(key string) func(*fixture, buckets.Bucket) error {
	return func(f *fixture, b buckets.Bucket) error {
		if _, err := f.Head(context.Background(), b, key, ""); !errors.Is(err, buckets.ErrNoObject) {
			return fmt.Errorf("Head(%q) = %w", key, err)
		}
		return nil
	}
}

func zoneIs(state buckets.ZoneState) func(*fixture, buckets.Bucket) error {
	return func(f *fixture, b buckets.Bucket) error {
		if z := f.zones(); len(z) != 1 || z[0].State != state {
			return fmt.Errorf("zones are %+v, want one that is %s", z, state)
		}
		return nil
	}
}

var faultCases = append(append(versionFaults, treeFaults...), []faultCase{
	{
		name: "put", before: nothing, after: objectIs("key", "new"),
		op: func(f *fixture, b buckets.Bucket, _ string) error { return putErr(f, b, "key", "new") },
	},
	{
		name: "overwrite", after: objectIs("key", "new"),
		before: func(f *fixture, b buckets.Bucket) string { f.put(b, "key", "old"); f.assigned(b); return "" },
		op:     func(f *fixture, b buckets.Bucket, _ string) error { return putErr(f, b, "key", "new") },
	},
	{
		name: "add", before: nothing, after: func(*fixture, buckets.Bucket) error { return nil },
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			_, err := f.Add(f.t.Context(), b, "name", 7, upload("new"), buckets.Attributes{})
			return err
		},
	},
	{
		name: "copy", before: nothing, after: objectIs("key", "acked"),
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			src, err := f.Head(f.t.Context(), b, "acked", "")
			if err == nil {
				_, err = f.Copy(f.t.Context(), src, b, "key", 7, buckets.Attributes{}, buckets.Conditions{})
			}
			return err
		},
	},
	{
		name: "delete", after: noObject("key"),
		before: func(f *fixture, b buckets.Bucket) string { f.put(b, "key", "old"); return "" },
		op:     deleteKey,
	},
	{
		name: "delete from an open zone", after: noObject("key"),
		before: func(f *fixture, b buckets.Bucket) string { f.put(b, "key", "old"); f.assigned(b); return "" },
		op:     deleteKey,
	},
	{
		name: "delete from a sealed zone", after: noObject("key"),
		before: func(f *fixture, b buckets.Bucket) string { f.put(b, "key", "old"); f.sealed(b); return "" },
		op:     deleteKey,
	},
	{
		name: "create bucket", before: nothing, again: buckets.ErrBucketOwned,
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			_, err := f.CreateBucket(f.t.Context(), 7, "two", buckets.BucketOptions{})
			return err
		},
		after: func(f *fixture, b buckets.Bucket) error { _, err := f.Bucket(f.t.Context(), "two"); return err },
	},
	{
		name: "global bucket", before: nothing, after: func(*fixture, buckets.Bucket) error { return nil },
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			_, err := f.GlobalBucket(f.t.Context(), 7)
			return err
		},
	},
	{
		name: "delete bucket", again: buckets.ErrNoBucket,
		before: func(f *fixture, b buckets.Bucket) string { f.bucket("two"); return "" },
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			return f.DeleteBucket(f.t.Context(), f.named("two"))
		},
		after: func(f *fixture, b buckets.Bucket) error {
			if _, err := f.Bucket(f.t.Context(), "two"); !errors.Is(err, buckets.ErrNoBucket) {
				return fmt.Errorf("bucket: %w", err)
			}
			return nil
		},
	},
	{
		name: "set policy", before: nothing,
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			_, err := f.SetPolicy(f.t.Context(), "one", func(p *buckets.Policy) { p.Replication = 3 })
			return err
		},
		after: func(f *fixture, b buckets.Bucket) error {
			if b, err := f.Bucket(f.t.Context(), "one"); err != nil || b.Policy.Replication != 3 {
				return fmt.Errorf("bucket is %+v, %w", b, err)
			}
			return nil
		},
	},
	{
		name: "create upload", before: nothing, after: func(*fixture, buckets.Bucket) error { return nil },
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			_, err := f.CreateUpload(f.t.Context(), b, "key", 7, 7, buckets.Attributes{}, "")
			return err
		},
	},
	{
		name: "put part", after: func(*fixture, buckets.Bucket) error { return nil },
		before: func(f *fixture, b buckets.Bucket) string { id, _ := f.begin(b, "key", "old"); return id },
		op: func(f *fixture, b buckets.Bucket, id string) error {
			_, err := f.PutPart(f.t.Context(), b, "key", id, 1, upload("new"))
			return err
		},
	},
	{
		name: "complete", heals: true, after: objectIs("key", "part"),
		before: func(f *fixture, b buckets.Bucket) string {
			f.put(b, "key", "old")
			id, _ := f.begin(b, "key", "part")
			return id
		},
		op: func(f *fixture, b buckets.Bucket, id string) error {
			_, err := f.complete(b, "key", id, []buckets.CompletedPart{{Number: 1, ETag: etag("part")}})
			return err
		},
	},
	{
		name: "abort", again: buckets.ErrNoUpload, after: noObject("key"),
		before: func(f *fixture, b buckets.Bucket) string { id, _ := f.begin(b, "key", "part"); return id },
		op:     func(f *fixture, b buckets.Bucket, id string) error { return f.Abort(f.t.Context(), b, "key", id) },
	},
	{
		name: "assign", before: nothing, after: zoneIs(buckets.ZoneOpen),
		op: func(f *fixture, b buckets.Bucket, _ string) error { return f.Assign(f.t.Context(), b.UUID) },
	},
	{
		name: "seal", after: zoneIs(buckets.ZoneSealed),
		before: func(f *fixture, b buckets.Bucket) string {
			f.assigned(b)
			_, err := f.SetPolicy(f.t.Context(), "one", func(p *buckets.Policy) { p.Threshold = 1 })
			wantErr(f.t, "SetPolicy", err, nil)
			return ""
		},
		op: func(f *fixture, b buckets.Bucket, _ string) error { return f.SealIfDue(f.t.Context(), f.zones()[0].ID) },
	},
	{
		name: "advance", after: zoneIs(buckets.ZoneComplete),
		before: func(f *fixture, b buckets.Bucket) string {
			f.put(b, "gone", "gone")
			f.sealed(b)
			return ""
		},
		packing: func(f *fixture, b buckets.Bucket) error {
			return f.deleteErr(b, "gone", buckets.DeleteOptions{})
		},
		op: func(f *fixture, b buckets.Bucket, _ string) error { return f.Advance(f.t.Context(), f.zones()[0].ID) },
	},
	{
		name:   "offload",
		before: func(f *fixture, b buckets.Bucket) string { f.put(b, "key", "off"); f.completed(b); return "" },
		op: func(f *fixture, b buckets.Bucket, _ string) error {
			o, err := f.Head(f.t.Context(), b, "key", "")
			return errors.Join(err, f.Offload(f.t.Context(), o.Content))
		},
		after: func(f *fixture, b buckets.Bucket) error {
			o, err := f.Head(f.t.Context(), b, "key", "")
			if !f.content(o.Content).Offloaded || f.roots()[o.CID] {
				return fmt.Errorf("%+v is not offloaded", o)
			}
			return err
		},
	},
	{
		name: "gc",
		before: func(f *fixture, b buckets.Bucket) string {
			src, err := f.Head(f.t.Context(), b, "acked", "")
			wantErr(f.t, "Head", err, nil)
			f.put(b, "key", "old")
			z := f.completed(b)
			// acked lives on in a copy of its own zone, so that the first can be forgotten.
			_, err = f.Copy(f.t.Context(), src, b, "copy", 7, buckets.Attributes{}, buckets.Conditions{})
			wantErr(f.t, "Copy", err, nil)
			f.delete(b, "acked")
			f.delete(b, "key")
			f.put(b, "acked", "acked")
			wantErr(f.t, "AgeZone", f.AgeZone(f.t.Context(), z.ID, 100*24*time.Hour), nil)
			return ""
		},
		op: func(f *fixture, b buckets.Bucket, _ string) error { return f.GC(f.t.Context()) },
		after: func(f *fixture, b buckets.Bucket) error {
			if z := f.zones(); len(z) != 0 {
				return fmt.Errorf("zones are %+v", z)
			}
			return nil
		},
	},
}...)

func putErr(f *fixture, b buckets.Bucket, key, body string) error {
	_, err := f.Put(f.t.Context(), b, key, 7, upload(body), buckets.Attributes{}, buckets.Conditions{})
	return err
}

func deleteKey(f *fixture, b buckets.Bucket, _ string) error {
	return f.deleteErr(b, "key", buckets.DeleteOptions{})
}

// TestFaults lets each update of each path fail, with and without having been
// applied, then restarts: the rows must agree, what was acknowledged must be
// there, and trying again must bring about what was asked for.
func TestFaults(t *testing.T) {
	for _, tt := range faultCases {
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/applied=%v", tt.name, applied), func(t *testing.T) {
				at := 0
				for tt.strike(t, at, applied) {
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
func (tt faultCase) strike(t *testing.T, at int, applied bool) bool {
	progress := buckets.Progress{Wanted: 1, Active: 1}
	d := &dealer{progress: func(buckets.Zone) (buckets.Progress, error) { return progress, nil }}
	f := newTest(t, buckets.Options{Dealer: d, UploadExpiry: week})
	b := f.bucket("one")
	if tt.packing != nil {
		d.pack = func(buckets.Zone, []buckets.Content) ([]string, error) { return []string{"piece"}, tt.packing(f, b) }
	}
	f.put(b, "acked", "acked")
	id := tt.before(f, b)
	if tt.name == "gc" {
		progress.Active = 0 // its deals are over
	}
	f.store.fail(at, applied)
	err := tt.op(f, b, id)
	hit := f.store.heal()
	if !hit {
		wantErr(t, "the path without a fault", err, nil)
		return false
	}
	if want := errFault; !tt.heals || !applied {
		wantErr(t, fmt.Sprintf("update %d", at), err, want)
	}
	f.reopen()
	check := func(when string) {
		t.Helper()
		if err := f.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if got := f.body(b, "acked"); got != "acked" {
			t.Errorf("%s: the acknowledged object is %q", when, got)
		}
	}
	check("after the fault")
	if err := tt.op(f, b, id); err != nil && (tt.again == nil || !errors.Is(err, tt.again)) {
		t.Errorf("trying again: %v", err)
	}
	check("after trying again")
	if err := tt.after(f, b); err != nil {
		t.Error(err)
	}
	return true
}
