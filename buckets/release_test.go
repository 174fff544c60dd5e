package buckets_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// dealing takes a zone that is to wait for its deals so far.
func dealing(f *fixture, id uint64) {
	f.t.Helper()
	later := f.Advance(f.t.Context(), id)
	if f.zone(id).State != buckets.ZoneDealing {
		f.t.Fatalf("zone is %+v after %v", f.zone(id), later)
	}
}

// TestDeleteByState: what a delete does to the content, its zone and its blocks
// depends on how far the zone is.
func TestDeleteByState(t *testing.T) {
	for _, tt := range []struct {
		name string
		to   func(f *fixture, b buckets.Bucket)
		gone bool // the content's rows
		held bool // its blocks
		size int64
	}{
		{"unassigned", func(f *fixture, b buckets.Bucket) {}, true, false, 0},
		{"open", func(f *fixture, b buckets.Bucket) { f.assigned(b) }, true, false, 4},
		{"sealed", func(f *fixture, b buckets.Bucket) { f.sealed(b) }, true, false, 4},
		{"packing", func(f *fixture, b buckets.Bucket) {
			if err := f.Advance(f.t.Context(), f.sealed(b).ID); err == nil {
				f.t.Fatal("packing did not fail")
			}
		}, false, true, 9},
		{"dealing", func(f *fixture, b buckets.Bucket) { dealing(f, f.sealed(b).ID) }, false, true, 9},
		{"complete", func(f *fixture, b buckets.Bucket) { f.completed(b) }, false, false, 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &dealer{}
			if tt.name == "packing" {
				d.pack = func(buckets.Zone, []buckets.Content) ([]string, error) { return nil, errors.New("fails") }
			}
			if tt.name == "dealing" {
				d.progress = func(buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 1}, nil }
			}
			f := newTest(t, buckets.Options{Dealer: d})
			b := f.bucket("one")
			first := f.put(b, "first", "12345")
			f.put(b, "second", "6789")
			tt.to(f, b)
			f.delete(b, "first")

			c, err := f.Content(t.Context(), first.Content)
			if tt.gone != errors.Is(err, buckets.ErrNoContent) || tt.gone == c.Deleted {
				t.Errorf("content is %+v, %v, want it gone: %v", c, err, tt.gone)
			}
			if held := f.roots()[first.CID]; held != tt.held {
				t.Errorf("root is held: %v, want %v", held, tt.held)
			}
			if list, err := f.Contents(t.Context(), 7, 10, 0); err != nil || len(list) != 1 {
				t.Errorf("Contents = %+v, %v, want one", list, err)
			}
			if list, err := f.ContentsByCID(t.Context(), first.CID); err != nil || len(list) != 0 {
				t.Errorf("ContentsByCID = %+v, %v, want none", list, err)
			}
			for _, z := range f.zones() {
				if z.Size != tt.size {
					t.Errorf("zone has %d bytes, want %d", z.Size, tt.size)
				}
			}
			if tt.name == "packing" {
				d.pack = func(buckets.Zone, []buckets.Content) ([]string, error) { return nil, errors.New("fails") }
			}
			if tt.name == "dealing" || tt.name == "packing" {
				d.progress, d.pack = nil, nil
				wantErr(t, "Advance", f.Advance(t.Context(), f.zones()[0].ID), nil)
				if f.roots()[first.CID] {
					t.Error("the zone is complete and still holds what was deleted")
				}
			}
		})
	}
}

// TestEmptyZoneGoes: a zone whose last member leaves is gone, and not packed.
func TestEmptyZoneGoes(t *testing.T) {
	f := newTest(t, buckets.Options{Dealer: &dealer{pack: func(z buckets.Zone, _ []buckets.Content) ([]string, error) {
		t.Errorf("zone %+v is packed", z)
		return nil, nil
	}}})
	b := f.bucket("one")
	f.put(b, "key", "body")
	f.assigned(b)
	f.delete(b, "key")
	if z := f.zones(); len(z) != 0 {
		t.Errorf("zones are %+v", z)
	}
	f.put(b, "key", "body")
	id := f.sealed(b).ID
	f.delete(b, "key")
	wantErr(t, "Advance", f.Advance(t.Context(), id), nil)
	if z := f.zones(); len(z) != 0 {
		t.Errorf("zones are %+v", z)
	}
	wantErr(t, "DeleteBucket", f.DeleteBucket(t.Context(), f.named("one")), nil)
}

// TestReleaseMany: completion lets go of more deleted members than one transaction takes.
func TestReleaseMany(t *testing.T) {
	d := &dealer{}
	f := newTest(t, buckets.Options{Dealer: d})
	b := f.bucket("one")
	keys := []string{"kept"}
	f.put(b, "kept", "kept")
	for i := range 1100 {
		keys = append(keys, fmt.Sprint("key", i))
	}
	f.putAll(b, keys[1:], "x")
	z := f.sealed(b)
	d.progress = func(buckets.Zone) (buckets.Progress, error) { return buckets.Progress{Wanted: 1}, nil }
	if err := f.Advance(t.Context(), z.ID); err == nil {
		t.Fatal("there is nothing to wait for")
	}
	d.progress = nil
	f.deleteAll(b, keys[1:])
	if n := len(f.roots()); n != 2 {
		t.Errorf("%d roots are held, want 2", n)
	}
	wantErr(t, "Advance", f.Advance(t.Context(), z.ID), nil)
	if n := len(f.roots()); n != 1 {
		t.Errorf("%d roots are held, want 1", n)
	}
}

func TestGC(t *testing.T) {
	const month = 30 * 24 * time.Hour
	forgot := 0
	d := &dealer{
		progress: func(buckets.Zone) (buckets.Progress, error) {
			return buckets.Progress{Wanted: 1, Active: 1}, nil // which does not keep a zone
		},
		forget: func(buckets.Zone) error { forgot++; return nil },
	}
	f := newTest(t, buckets.Options{Dealer: d})
	b := f.bucket("one")
	ctx := t.Context()
	first := f.put(b, "first", "1")
	f.put(b, "second", "2")
	id := f.completed(b).ID
	gc := func(why string, kept bool) {
		t.Helper()
		wantErr(t, "GC", f.GC(ctx), nil)
		_, err := f.Zone(ctx, id)
		if kept == errors.Is(err, buckets.ErrNoZone) || kept == (forgot > 0) {
			t.Errorf("%s: Zone = %v, forgotten %d times", why, err, forgot)
		}
	}
	wantErr(t, "AgeZone", f.AgeZone(ctx, id, 4*month), nil)
	gc("live members", true)
	f.delete(b, "first")
	gc("a live member", true)
	wantErr(t, "AgeZone", f.AgeZone(ctx, id, -3*month), nil)
	f.delete(b, "second")
	gc("too young", true)
	wantErr(t, "AgeZone", f.AgeZone(ctx, id, 3*month), nil)
	gc("old enough", false)
	_, err := f.Content(ctx, first.Content)
	wantErr(t, "Content of the zone", err, buckets.ErrNoContent)

	// What still fails after three months and nobody wants goes too.
	d.pack = func(buckets.Zone, []buckets.Content) ([]string, error) { return nil, errors.New("fails") }
	f.put(b, "third", "3")
	id, forgot = f.sealed(b).ID, 0
	if err := f.Advance(ctx, id); err == nil {
		t.Error("Advance did not fail")
	}
	wantErr(t, "AgeZone", f.AgeZone(ctx, id, 4*month), nil)
	gc("failing, wanted", true)
	f.delete(b, "third")
	gc("failing, unwanted", false)
	if n := len(f.roots()); n != 0 {
		t.Errorf("%d roots are held by nothing", n)
	}
}

func TestGCDone(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	id, list := f.begin(b, "key", "body")
	o, err := f.complete(b, "key", id, list)
	wantErr(t, "Complete", err, nil)
	wantErr(t, "GC", f.GC(t.Context()), nil)
	again, err := f.complete(b, "key", id, list)
	if err != nil || again.Content != o.Content {
		t.Errorf("Complete again = %+v, %v", again, err)
	}
	wantErr(t, "AgeDone", f.AgeDone(t.Context(), id, 25*time.Hour), nil)
	wantErr(t, "GC", f.GC(t.Context()), nil)
	_, err = f.complete(b, "key", id, list)
	wantErr(t, "Complete a day later", err, buckets.ErrNoUpload)
}

// Old records go however many there are, and looking for them among younger
// ones keeps no writer waiting.
func TestGCDoneMany(t *testing.T) {
	f := newTest(t, buckets.Options{})
	const all = 1300
	f.write(func(tx kv.Tx) error {
		var errs []error
		for i := range all {
			age := time.Duration(i%2) * 25 * time.Hour
			row := map[string]any{"Completed": time.Now().Add(-age)}
			errs = append(errs, kv.PutJSON(tx, kv.Key("done", fmt.Sprintf("%05d", i)), row))
		}
		return errors.Join(errs...)
	})
	left := func() (n int) {
		f.write(func(tx kv.Tx) error {
			n = 0
			for _, err := range tx.Scan(kv.Range("done")) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		return n
	}
	wantErr(t, "GC", f.GC(t.Context()), nil)
	if n := left(); n != all/2 {
		t.Errorf("%d records are left, want %d", n, all/2)
	}
	f.store.intercept(func() { t.Error("GC with nothing to do updates the store") })
	wantErr(t, "GC", f.GC(t.Context()), nil)
	f.store.intercept(nil)
}

// TestSweep: the space of what nothing names is given back, and all else stays readable.
func TestSweep(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	kept, gone := fresh(2<<20), fresh(3<<20)
	f.put(b, "kept", kept)
	o := f.put(b, "gone", gone)
	f.delete(b, "gone")
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.body(b, "kept") != kept {
		t.Error("the sweep damaged what was kept")
	}
	if r, err := f.Open(t.Context(), o.CID, o.Size); err == nil {
		r.Close()
		t.Error("what was deleted can be opened")
	}
}

func (f *fixture) deleteAll(b buckets.Bucket, keys []string) {
	f.t.Helper()
	var wg sync.WaitGroup
	next := make(chan string)
	for range 16 {
		wg.Go(func() {
			for key := range next {
				if err := f.deleteErr(b, key, buckets.DeleteOptions{}); err != nil {
					f.t.Errorf("Delete(%q): %v", key, err)
				}
			}
		})
	}
	for _, key := range keys {
		next <- key
	}
	close(next)
	wg.Wait()
}
