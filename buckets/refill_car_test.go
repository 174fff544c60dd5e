package buckets_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// The object that a CAR without a file became is read as a CAR again, block by
// block out of what comes back. A block that nobody has breaks the read off, and
// what was read before is right.
func TestRefillCAR(t *testing.T) {
	var f *fixture
	d := &recaller{copies: map[cid.Cid][]byte{}, node: func() *node.Node { return f.node }}
	d.restore = func(context.Context, buckets.Content) error { return errors.New("the whole was asked for") }
	f = newTestOn(t, node.Config{Refill: func(ctx context.Context, root cid.Cid) (node.Refill, error) { return f.Refill(ctx, root) }},
		buckets.Options{Dealer: d})
	ctx := t.Context()
	b := f.bucket("cars")
	body, root := listCAR(t, 40)
	o, err := f.Put(ctx, b, "key", 7, upload(string(body)), buckets.Attributes{CAR: true}, buckets.Conditions{})
	wantErr(t, "Put", err, nil)
	if o.CID != root || o.Size != int64(len(body)) {
		t.Fatalf("the CAR became %v of %d bytes, want %v of %d", o.CID, o.Size, root, len(body))
	}
	f.completed(b)
	var order []cid.Cid
	err = f.node.Walk(ctx, o.CID, func(c cid.Cid, _ int) error {
		order = append(order, c)
		d.copies[c], err = f.node.Block(ctx, c)
		return err
	})
	wantErr(t, "Walk", err, nil)
	give := func() {
		wantErr(t, "Offload", f.Offload(ctx, o.Content), nil)
		_, err := f.Sweep(ctx)
		wantErr(t, "Sweep", err, nil)
		if _, here := f.node.HasBlock(ctx, root); here {
			t.Fatal("the root is still here")
		}
	}
	read := func() ([]byte, error) {
		r, err := f.Open(ctx, o.CID, o.Size)
		if err != nil {
			return nil, err
		}
		got, err := io.ReadAll(r)
		return got, errors.Join(err, r.Close())
	}
	give()
	if got, err := read(); err != nil || !bytes.Equal(got, body) {
		t.Errorf("a CAR out of refills: %d bytes of %d, %v", len(got), len(body), err)
	}
	if c := f.content(o.Content); c.Offloaded {
		t.Error("all of it came back, and it is offloaded still")
	}
	give()
	lost := order[len(order)/2]
	delete(d.copies, lost)
	got, err := read()
	if err == nil || !bytes.HasPrefix(body, got) || len(got) > bytes.LastIndex(body, []byte(lost.KeyString())) {
		t.Errorf("without a block: %d bytes, %v", len(got), err)
	}
	if c := f.content(o.Content); !c.Offloaded {
		t.Error("a part of it came back, and it is not offloaded any more")
	}
}

// listCAR is the CAR of a list of raw blocks.
func listCAR(t *testing.T, n int) (file []byte, root cid.Cid) {
	t.Helper()
	var leaves [][]byte
	list := []byte{0x98, byte(n)}
	for range n {
		leaf := []byte(fresh(5000))
		leaves = append(leaves, leaf)
		id := append([]byte{0}, cidOf(t, string(leaf)).Bytes()...)
		list = append(append(list, 0xd8, 0x2a, 0x58, byte(len(id))), id...)
	}
	root, err := cid.V1Builder{Codec: cid.DagCBOR, MhType: 0x12}.Sum(list)
	if err != nil {
		t.Fatal(err)
	}
	file = append(car.Header(root), append(car.SectionHead(root, len(list)), list...)...)
	for _, leaf := range leaves {
		file = append(file, append(car.SectionHead(cidOf(t, string(leaf)), len(leaf)), leaf...)...)
	}
	return file, root
}
