package buckets_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// carOf is the CAR of a DAG-CBOR link to a raw block of data; the link is its root.
func carOf(t *testing.T, data string) (root cid.Cid, file string) {
	t.Helper()
	leaf := cidOf(t, data)
	link := "\xd8\x2a\x58\x25\x00" + string(leaf.Bytes())
	root, err := cid.V1Builder{Codec: cid.DagCBOR, MhType: 0x12}.Sum([]byte(link))
	if err != nil {
		t.Fatal(err)
	}
	b := append(car.Header(root), car.SectionHead(root, len(link))...)
	b = append(append(b, link...), car.SectionHead(leaf, len(data))...)
	return root, string(b) + data
}

func (f *fixture) readObject(o buckets.Object) string {
	f.t.Helper()
	r, err := f.Open(f.t.Context(), o.CID, o.Size)
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

// An imported DAG goes through a zone, is offloaded and comes back like any object.
func TestCARInZone(t *testing.T) {
	var f *fixture
	var file string
	d := &dealer{restore: func(ctx context.Context, c buckets.Content) error {
		_, err := f.node.ImportCAR(ctx, strings.NewReader(file), node.ImportOptions{Private: true})
		return err
	}}
	f = newTest(t, buckets.Options{Dealer: d})
	b := f.bucket("one")
	root, whole := carOf(t, fresh(2000))
	file = whole
	o, err := f.Put(t.Context(), b, "key", 7, upload(file), buckets.Attributes{CAR: true}, buckets.Conditions{})
	if err != nil || o.CID != root || o.Size != int64(len(file)) {
		t.Fatalf("Put = %+v, %v", o, err)
	}
	copied, err := f.Copy(t.Context(), o, b, "copy", 7, o.Attributes, buckets.Conditions{})
	if err != nil || copied.CID != root {
		t.Fatalf("Copy = %+v, %v", copied, err)
	}
	f.completed(b)
	for _, o := range []buckets.Object{o, copied} {
		if err := f.Offload(t.Context(), o.Content); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.node.Usage().Blocks; n != 0 {
		t.Fatalf("%d blocks are left of what was offloaded", n)
	}
	if f.readObject(copied) != file {
		t.Error("other bytes after a restore")
	}
}

// Neither a refused CAR nor the parts of an imported one leave anything behind.
func TestCARLeavesNothing(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	ctx := t.Context()
	root, file := carOf(t, fresh(2000))
	attr := buckets.Attributes{CAR: true}
	var bad *node.CARError
	_, err := f.Put(ctx, b, "key", 7, upload(file[:len(file)-2]), attr, buckets.Conditions{})
	if !errors.As(err, &bad) {
		t.Errorf("Put of half a CAR: %v", err)
	}
	if _, err := f.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := f.node.Usage().Blocks; n != 0 {
		t.Errorf("%d blocks are left of a refused CAR", n)
	}

	for _, body := range []string{file[:len(file)-2], file} {
		u, err := f.CreateUpload(ctx, b, "key", 7, 7, attr, "")
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.PutPart(ctx, b, "key", u.ID, 1, upload(body))
		if err != nil {
			t.Fatal(err)
		}
		list := []buckets.CompletedPart{{Number: 1, ETag: p.ETag}}
		o, err := f.Complete(ctx, b, "key", u.ID, list, nil, buckets.Conditions{})
		if body != file {
			if !errors.As(err, &bad) {
				t.Errorf("Complete of half a CAR: %v", err)
			}
			if err := f.Abort(ctx, b, "key", u.ID); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err != nil || o.CID != root || !strings.HasSuffix(o.ETag, "-1") || len(o.Parts) != 0 || f.readObject(o) != file {
			t.Errorf("Complete = %+v, %v", o, err)
		}
	}
	if _, err := f.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := f.node.Usage().Blocks; n != 2 {
		t.Errorf("%d blocks are left, want the DAG's 2", n)
	}
}
