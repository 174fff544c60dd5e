package buckets_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// A content is a pinned pin under its own id, for its owner and nobody else.
func TestContentAsPin(t *testing.T) {
	f := newTest(t, buckets.Options{})
	o := f.put(f.bucket("uploads"), "a.txt", fresh(1000))
	p, err := f.PinByID(t.Context(), 7, o.Content)
	if err != nil || p.ID != o.Content || p.State != buckets.PinPinned || !p.CID.Equals(o.CID) || p.Size != 1000 || p.Name != "a.txt" || p.Created.IsZero() {
		t.Errorf("content as pin: %+v, %v", p, err)
	}
	ids := []uint64{o.Content, 12}
	for owner, want := range map[uint64]int{7: 1, 0: 1, 8: 0} {
		page, err := f.Pins(t.Context(), buckets.PinQuery{Owner: owner, IDs: ids})
		if err != nil || page.Count != want || len(page.Pins) != want {
			t.Errorf("pins of user %d: %+v, %v", owner, page, err)
		}
	}
	// It is found by its id alone: who lists pins did not ask for it.
	if page, err := f.Pins(t.Context(), buckets.PinQuery{Owner: 7}); err != nil || page.Count != 0 {
		t.Errorf("all pins: %+v, %v", page, err)
	}
	if _, err := f.PinByID(t.Context(), 8, o.Content); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("another's: %v", err)
	}
	// What has been pinned is the pin under both ids.
	made := f.pin(7, buckets.PinRequest{CID: o.CID, Name: "again", Meta: map[string]string{"k": "v"}})
	if p, err := f.PinByID(t.Context(), 7, made.Content); err != nil || p.ID != made.Content || p.Name != "again" || p.Meta["k"] != "v" {
		t.Errorf("by its content's id: %+v, %v", p, err)
	}
	wantErr(t, "Unpin by another", f.Unpin(t.Context(), 8, o.Content), buckets.ErrNoPin)
	wantErr(t, "Unpin", f.Unpin(t.Context(), 7, o.Content), nil)
	if _, err := f.Head(t.Context(), f.named("uploads"), "a.txt", ""); !errors.Is(err, buckets.ErrNoObject) {
		t.Errorf("the object is there still: %v", err)
	}
	wantErr(t, "Unpin again", f.Unpin(t.Context(), 7, o.Content), buckets.ErrNoPin)
	wantErr(t, "Unpin by the content's id", f.Unpin(t.Context(), 7, made.Content), nil)
	if _, err := f.PinByID(t.Context(), 7, made.ID); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("the pin is there still: %v", err)
	}
}

// A content is removed as a pin whatever its zone does. From when that is packed
// it stays a range of a piece, and is not shown.
func TestUnpinInEveryState(t *testing.T) {
	for name, to := range map[string]func(*fixture, buckets.Bucket){
		"unassigned": func(*fixture, buckets.Bucket) {},
		"open":       func(f *fixture, b buckets.Bucket) { f.assigned(b) },
		"sealed":     func(f *fixture, b buckets.Bucket) { f.sealed(b) },
		"dealing":    func(f *fixture, b buckets.Bucket) { dealing(f, f.sealed(b).ID) },
		"complete":   func(f *fixture, b buckets.Bucket) { f.completed(b) },
	} {
		t.Run(name, func(t *testing.T) {
			d := &dealer{}
			if name == "dealing" {
				d.progress = func(buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 1}, nil }
			}
			f := newTest(t, buckets.Options{Dealer: d})
			b := f.bucket("uploads")
			o := f.put(b, "key", "12345")
			pin := f.pin(7, buckets.PinRequest{CID: o.CID, Bucket: b.UUID, Key: "pin"})
			to(f, b)
			for _, id := range []uint64{o.Content, pin.ID} {
				wantErr(t, "Unpin", f.Unpin(t.Context(), 7, id), nil)
				if _, err := f.PinByID(t.Context(), 7, id); !errors.Is(err, buckets.ErrNoPin) {
					t.Errorf("%d is shown: %v", id, err)
				}
				if page, err := f.Pins(t.Context(), buckets.PinQuery{Owner: 7, IDs: []uint64{id}}); err != nil || page.Count != 0 {
					t.Errorf("%d is listed: %+v, %v", id, page, err)
				}
			}
			if list, err := f.Contents(t.Context(), 7, 10, 0); err != nil || len(list) != 0 {
				t.Errorf("contents %+v, %v", list, err)
			}
		})
	}
}

// An upload is replaced like a pin: it stays until the new pin is pinned.
func TestReplaceContent(t *testing.T) {
	f := newPinTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	origin := newOrigin(t)
	dag := shelves(1, 3)
	origin.put(dag[1:]...)
	defer f.start()()
	bucket := f.bucket("uploads")
	o := f.put(bucket, "a.txt", fresh(1000))
	_, err := f.Replace(t.Context(), 8, o.Content, buckets.PinRequest{CID: rootOf(dag)})
	wantErr(t, "Replace by another", err, buckets.ErrNoPin)
	p, err := f.Replace(t.Context(), 7, o.Content, buckets.PinRequest{CID: rootOf(dag), Name: "new", Origins: []string{origin.addr()}})
	if err != nil {
		t.Fatal(err)
	}
	f.awaitPin(p, buckets.PinPinning)
	if _, err := f.PinByID(t.Context(), 7, o.Content); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("what is replaced is shown: %v", err)
	}
	if now, err := f.Head(t.Context(), bucket, "a.txt", ""); err != nil || now.Content != o.Content {
		t.Errorf("meanwhile the key has %+v, %v", now, err)
	}
	if err := f.Check(t.Context()); err != nil {
		t.Error(err)
	}
	origin.put(dag[:1]...)
	p = f.awaitPin(p, buckets.PinPinned)
	if now, err := f.Head(t.Context(), bucket, "a.txt", ""); err != nil || !now.CID.Equals(p.CID) || now.Content != p.Content {
		t.Errorf("afterwards the key has %+v, %v", now, err)
	}
	if _, err := f.PinByID(t.Context(), 7, o.Content); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("what was replaced is shown: %v", err)
	}
}

// With the root it has, only what is said about it changes: the object keeps its
// ETag and its headers. So clients of V1 keep times in meta.
func TestReplaceSameRoot(t *testing.T) {
	f := newTest(t, buckets.Options{})
	bucket := f.bucket("uploads")
	o := f.put(bucket, "a.txt", fresh(1000))
	id := o.Content
	for i, text := range []string{"1", "2"} {
		p, err := f.Replace(t.Context(), 7, id, buckets.PinRequest{CID: o.CID, Name: "a.txt", Meta: map[string]string{"modTime": text}})
		if err != nil || p.State != buckets.PinPinned || p.ID == id || p.Content != o.Content || p.Meta["modTime"] != text || p.Size != 1000 {
			t.Fatalf("Replace %d: %+v, %v", i, p, err)
		}
		if now, err := f.Head(t.Context(), bucket, "a.txt", ""); err != nil || now.ETag != o.ETag || now.Content != o.Content || !now.Modified.Equal(o.Modified) {
			t.Errorf("the object is %+v, %v, and was %+v", now, err, o)
		}
		if id = p.ID; i > 0 {
			break
		}
	}
	page, err := f.Pins(t.Context(), buckets.PinQuery{Owner: 7, States: []buckets.PinState{buckets.PinPinned}})
	if err != nil || page.Count != 1 || page.Pins[0].ID != id {
		t.Errorf("pins %+v, %v", page, err)
	}
	// By the content's id it is the pin that stands for it, and is replaced as that.
	p, err := f.Replace(t.Context(), 7, o.Content, buckets.PinRequest{CID: o.CID, Name: "third"})
	if err != nil || p.State != buckets.PinPinned || p.Name != "third" {
		t.Fatalf("Replace by the content's id: %+v, %v", p, err)
	}
	if _, err := f.PinByID(t.Context(), 7, id); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("the second is shown: %v", err)
	}
}

// Store errors leave it replaced or not, and nothing in between.
func TestReplaceContentFaults(t *testing.T) {
	f := newTest(t, buckets.Options{})
	bucket := f.bucket("uploads")
	for _, applied := range []bool{false, true} {
		for _, same := range []bool{false, true} {
			o := f.put(bucket, "key", fresh(1000))
			r := buckets.PinRequest{CID: rootOf(shelves(1, 1)), Name: "n"}
			if same {
				r.CID = o.CID
			}
			f.store.fail(0, applied)
			_, err := f.Replace(t.Context(), 7, o.Content, r)
			f.store.heal()
			if err == nil {
				t.Fatal("no error of a store that fails")
			}
			page, err := f.Pins(context.Background(), buckets.PinQuery{Owner: 7, Name: "n"})
			if err != nil || (page.Count == 1) != applied {
				t.Errorf("applied %v: %+v, %v", applied, page, err)
			}
			if err := f.Check(t.Context()); err != nil {
				t.Errorf("applied %v: %v", applied, err)
			}
			for _, p := range slices.Backward(page.Pins) {
				wantErr(t, "Unpin", f.Unpin(t.Context(), 7, p.ID), nil)
			}
		}
	}
}
