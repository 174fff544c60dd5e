package buckets_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// A copy of an object onto itself whose blocks are given up meanwhile does not
// say that they are here: a sweep may be about to remove them.
func TestCopyOntoItselfWhileOffloaded(t *testing.T) {
	f := newTest(t, buckets.Options{Dealer: &dealer{}})
	ctx := t.Context()
	b := f.bucket("one")
	o := f.put(b, "key", fresh(100))
	f.completed(b)
	f.store.intercept(func() { wantErr(t, "Offload", f.Offload(ctx, o.Content), nil) })
	_, err := f.Copy(ctx, o, b, "key", 7, buckets.Attributes{}, buckets.Conditions{})
	wantErr(t, "Copy", err, node.ErrNotFound)
	if c := f.content(o.Content); !c.Offloaded || f.roots()[o.CID] {
		t.Errorf("content is %+v, its root is held: %v", c, f.roots()[o.CID])
	}
}

// A part for a bucket that was made private since the caller looked does not
// bring public blocks into it, nor the other way round.
func TestPartWhilePublishChanges(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	before := f.policied("one", func(p *buckets.Policy) { p.Publish = true })
	now, err := f.SetPolicy(ctx, "one", func(p *buckets.Policy) { p.Publish = false })
	if err != nil {
		t.Fatal(err)
	}
	id, _ := f.begin(now, "key")
	_, err = f.PutPart(ctx, before, "key", id, 1, upload(fresh(100)))
	wantErr(t, "PutPart", err, buckets.ErrPublishChanged)
	f.part(now, "key", id, 1, fresh(100))
}

// A key that Add makes is one that no version has, also if somebody has put
// objects where the next ids would lead.
func TestAddTakesNoKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock stands still, so that ids can be told beforehand
		time.Sleep(30 * 365 * 24 * time.Hour)
		f := newTest(t, buckets.Options{})
		ctx := t.Context()
		b := f.lockedBucket("one")
		first := f.put(b, "first", "x")
		var held []buckets.Object
		for i := range uint64(10) {
			id := first.Content&^0xfff | (first.Content+14+i)&0xfff // ids are spent here too
			held = append(held, f.putLocked(b, fmt.Sprintf("%d/name", id), "held", buckets.Retention{}, true))
		}
		f.delete(b, held[9].Key)
		for range 10 {
			o, err := f.Add(ctx, b, "name", 7, upload("added"), buckets.Attributes{})
			if err != nil || o.Key != fmt.Sprintf("%d/name", o.Content) {
				t.Fatalf("Add = %+v, %v", o, err)
			}
		}
		for _, o := range held {
			got, err := f.Head(ctx, b, o.Key, o.VersionID())
			if err != nil || got.Content != o.Content {
				t.Errorf("what was held is %+v, %v, want %+v", got, err, o)
			}
		}
	})
}

// Rules that are taken away while they are applied remove nothing more.
func TestLifecycleWhileRulesChange(t *testing.T) {
	const expire = "<Prefix></Prefix><Expiration><Days>1</Days></Expiration>"
	const abort = "<Prefix></Prefix><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
	for _, rule := range []string{expire, abort} {
		f := newTest(t, buckets.Options{})
		ctx := t.Context()
		b := f.rules(f.bucket("one"), rule)
		f.put(b, "key", "body")
		f.begin(b, "key", "part")
		f.age(b, "key", 5*day)
		f.store.intercept(func() { wantErr(t, "SetLifecycle", f.SetLifecycle(ctx, b, nil), nil) })
		wantErr(t, "ApplyLifecycle", f.ApplyLifecycle(ctx, b.UUID), nil)
		uploads, err := f.Uploads(ctx, b, buckets.UploadQuery{Max: 10})
		if got := f.history(b); len(got) != 1 || len(uploads.Uploads) != 1 || err != nil {
			t.Errorf("objects %v and uploads %+v are left, %v", got, uploads.Uploads, err)
		}
	}

	// New ones are applied at once.
	f := newTest(t, buckets.Options{})
	b := f.rules(f.bucket("one"), expire)
	f.put(b, "a", "body")
	f.put(b, "b", "body")
	f.age(b, "a", 5*day)
	f.age(b, "b", 5*day)
	f.store.intercept(func() { f.rules(b, "<Prefix>b</Prefix><Expiration><Days>1</Days></Expiration>") })
	f.pass(b)
	if _, err := f.Head(t.Context(), b, "b", ""); !errors.Is(err, buckets.ErrNoObject) {
		t.Errorf("Head of what the new rules expire: %v", err)
	}
	f.wantHistory(b, "a*")
}
