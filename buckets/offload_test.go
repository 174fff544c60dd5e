package buckets_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// TestOffload: the blocks go, a read brings them back, and other contents of the root stay as they were.
func TestOffload(t *testing.T) {
	body := fresh(3 << 20)
	asked := 0
	var f *fixture
	d := &dealer{restore: func(ctx context.Context, c buckets.Content) error {
		asked++
		_, err := f.node.Import(ctx, strings.NewReader(body), node.ImportOptions{Private: true})
		return err
	}}
	f = newTest(t, buckets.Options{Dealer: d})
	ctx := t.Context()
	b := f.bucket("one")
	o := f.put(b, "key", body)
	wantErr(t, "Offload of an unassigned content", f.Offload(ctx, o.Content), buckets.ErrNotComplete)
	f.assigned(b)
	wantErr(t, "Offload in an open zone", f.Offload(ctx, o.Content), buckets.ErrNotComplete)
	f.completed(b)
	wantErr(t, "Offload of nothing", f.Offload(ctx, 1), buckets.ErrNoContent)
	wantErr(t, "Restore of what nothing names", f.Restore(ctx, cidOf(t, "none")), node.ErrNotFound)
	d.progress = func(z buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 6, Active: 5}, nil }
	wantErr(t, "Offload when a deal has ended", f.Offload(ctx, o.Content), buckets.ErrNotComplete)
	d.progress = nil
	offload := func() {
		t.Helper()
		wantErr(t, "Offload", f.Offload(ctx, o.Content), nil)
		if c := f.content(o.Content); !c.Offloaded || len(f.roots()) != 0 {
			t.Errorf("content is %+v, roots %v", c, f.roots())
		}
		if _, err := f.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if _, ok := f.node.HasBlock(ctx, o.CID); ok {
			t.Error("the root is still local")
		}
	}
	offload()
	if f.body(b, "key") != body || asked != 1 {
		t.Errorf("the body differs, or %d restores", asked)
	}
	if c := f.content(o.Content); c.Offloaded || len(f.roots()) != 1 {
		t.Errorf("content is %+v, roots %v", c, f.roots())
	}
	// A copy has to be local, because its own zone will be packed.
	offload()
	if _, err := f.Copy(ctx, o, b, "copy", 7, buckets.Attributes{}, buckets.Conditions{}); err != nil || asked != 2 {
		t.Errorf("Copy: %v after %d restores", err, asked)
	}
	wantErr(t, "Offload", f.Offload(ctx, o.Content), nil)
	if !f.roots()[o.CID] {
		t.Error("offloading one content took the root of another")
	}
	// What its owner deleted does not come back.
	f.delete(b, "copy")
	f.delete(b, "key")
	wantErr(t, "Restore of a deleted content", f.Restore(ctx, o.CID), node.ErrNotFound)
}

// TestRestoreFromPrivatePiece: the bytes of a public object may come back from
// the piece of a private bucket that has them too, and are public then.
func TestRestoreFromPrivatePiece(t *testing.T) {
	body := fresh(3 << 20)
	var f *fixture
	d := &dealer{restore: func(ctx context.Context, c buckets.Content) error {
		bucket, err := f.BucketByUUID(ctx, c.Bucket)
		if err != nil {
			return err
		}
		_, err = f.node.Import(ctx, strings.NewReader(body), node.ImportOptions{Private: !bucket.Policy.Publish})
		return err
	}}
	f = newTest(t, buckets.Options{Dealer: d})
	ctx := t.Context()
	private, public := f.bucket("private"), f.bucket("public")
	public, err := f.SetPolicy(ctx, "public", func(p *buckets.Policy) { p.Publish = true })
	wantErr(t, "SetPolicy", err, nil)
	for _, b := range []buckets.Bucket{private, public} {
		o := f.put(b, "key", body)
		f.completed(b)
		wantErr(t, "Offload", f.Offload(ctx, o.Content), nil)
	}
	_, err = f.Sweep(ctx)
	wantErr(t, "Sweep", err, nil)
	if f.body(public, "key") != body {
		t.Error("the body differs")
	}
	o, err := f.Head(ctx, public, "key", "")
	wantErr(t, "Head", err, nil)
	if code := f.gateway(o.CID); code != 200 {
		t.Errorf("the gateway answers %d for a public object, want 200", code)
	}
}

func TestRestoreFails(t *testing.T) {
	errGone := errors.New("no provider returned the data")
	d := &dealer{restore: func(context.Context, buckets.Content) error { return errGone }}
	f := newTest(t, buckets.Options{Dealer: d})
	b := f.bucket("one")
	o := f.put(b, "key", fresh(100))
	wantErr(t, "Restore of what is in no piece", f.Restore(t.Context(), o.CID), node.ErrNotFound)
	f.completed(b)
	wantErr(t, "Restore", f.Restore(t.Context(), o.CID), errGone)
}

// cidOf is the root some bytes would have.
func cidOf(t *testing.T, body string) cid.Cid {
	t.Helper()
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x12}.Sum([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
