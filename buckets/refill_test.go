package buckets_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// recaller is a dealer with copies of blocks, which it gives one by one.
type recaller struct {
	dealer
	copies map[cid.Cid][]byte
	node   func() *node.Node
}

func (r *recaller) Recall(_ context.Context, c buckets.Content, put func(context.Context, []node.Block) error) (buckets.Recall, error) {
	return &recall{r, put}, nil
}

type recall struct {
	*recaller
	put func(context.Context, []node.Block) error
}

func (r *recall) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, ok := r.copies[c]
	if !ok {
		return nil, node.ErrNotFound
	}
	return data, r.put(ctx, []node.Block{{Cid: c, Data: data}})
}

func (r *recall) Seen(cid.Cid) {}
func (r *recall) Close()       {}

func (r *recall) Whole(ctx context.Context) (bool, error) {
	for c := range r.copies {
		if _, ok := r.node().HasBlock(ctx, c); !ok {
			return false, nil
		}
	}
	return true, nil
}

// What is read of an offloaded content comes back, as public as its bucket is.
// Once all has, it is local again, and no sweep takes it.
func TestRefill(t *testing.T) {
	body := fresh(3 << 20)
	var f *fixture
	d := &recaller{copies: map[cid.Cid][]byte{}, node: func() *node.Node { return f.node }}
	d.restore = func(context.Context, buckets.Content) error { return errors.New("the whole was asked for") }
	f = newTestOn(t, node.Config{Refill: func(ctx context.Context, root cid.Cid) (node.Refill, error) { return f.Refill(ctx, root) }},
		buckets.Options{Dealer: d})
	ctx := t.Context()
	b := f.bucket("public")
	b, err := f.SetPolicy(ctx, "public", func(p *buckets.Policy) { p.Publish = true })
	wantErr(t, "SetPolicy", err, nil)
	o := f.put(b, "key", body)
	f.completed(b)
	err = f.node.Walk(ctx, o.CID, func(c cid.Cid, _ int) error {
		d.copies[c], err = f.node.Block(ctx, c)
		return err
	})
	wantErr(t, "Walk", err, nil)
	sweep := func() {
		_, err := f.Sweep(ctx)
		wantErr(t, "Sweep", err, nil)
	}
	offloaded := func(want bool) {
		t.Helper()
		if c, err := f.Content(ctx, o.Content); err != nil || c.Offloaded != want {
			t.Errorf("offloaded = %v, %v, want %v", c.Offloaded, err, want)
		}
	}
	wantErr(t, "Offload", f.Offload(ctx, o.Content), nil)
	sweep()

	r, err := f.Open(ctx, o.CID, o.Size)
	wantErr(t, "Open", err, nil)
	part := make([]byte, 100)
	_, err = io.ReadFull(r, part)
	wantErr(t, "Read", errors.Join(err, r.Close()), nil)
	if string(part) != body[:100] {
		t.Error("the first bytes differ")
	}
	offloaded(true)
	sweep()
	if _, ok := f.node.HasBlock(ctx, o.CID); ok {
		t.Error("a part that came back outlives a sweep")
	}
	var all strings.Builder
	r, err = f.Open(ctx, o.CID, o.Size)
	wantErr(t, "Open", err, nil)
	_, err = io.Copy(&all, r)
	wantErr(t, "Read", errors.Join(err, r.Close()), nil)
	if all.String() != body {
		t.Error("the body differs")
	}
	offloaded(false)
	sweep()
	clear(d.copies)
	if f.body(b, "key") != body {
		t.Error("what came back does not outlive a sweep")
	}
	if code := f.gateway(o.CID); code != 200 {
		t.Errorf("the gateway answers %d for a public object that came back, want 200", code)
	}
}
