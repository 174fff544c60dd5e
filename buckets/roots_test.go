package buckets_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
)

// wantRoots are the roots that must stay, worked out from what anyone can see:
// objects that are not offloaded, parts, and what zones on their way to
// completion were promised.
func (f *fixture) wantRoots(b buckets.Bucket) map[cid.Cid]bool {
	f.t.Helper()
	ctx := f.t.Context()
	want := map[cid.Cid]bool{}
	page, err := f.List(ctx, b, buckets.Query{Max: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, o := range page.Objects {
		if !f.content(o.Content).Offloaded {
			want[o.CID] = true
		}
	}
	uploads, err := f.Uploads(ctx, b, buckets.UploadQuery{Max: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, u := range uploads.Uploads {
		parts, _, err := f.Parts(ctx, b, u.Key, u.ID, 0, 1000)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, p := range parts {
			want[p.CID] = true
		}
	}
	for _, z := range f.zones() {
		if z.State == buckets.ZoneComplete {
			continue
		}
		for _, c := range mustMembers(f, z) {
			want[c.CID] = true
		}
	}
	return want
}

// TestRootsAgainstModel: after each of many random operations the held roots
// are those that are needed, no more and no fewer.
func TestRootsAgainstModel(t *testing.T) {
	dealt := false
	d := &dealer{progress: func(buckets.Zone) (buckets.Progress, error) {
		if dealt {
			return buckets.Progress{Wanted: 1, Active: 1}, nil
		}
		return buckets.Progress{Wanted: 1}, nil
	}}
	f := newTest(t, buckets.Options{Dealer: d, Policy: buckets.Policy{Threshold: 40}})
	ctx := t.Context()
	b := f.bucket("one")
	r := rand.New(rand.NewPCG(5, 6))
	var uploads [][2]string // key, id
	key := func() string { return fmt.Sprint("key", r.IntN(6)) }
	ops := []func() (string, error){
		func() (string, error) {
			k := key()
			return "put " + k, putErr(f, b, k, string(noise(uint64(r.IntN(5)), 10)))
		},
		func() (string, error) { k := key(); return "delete " + k, f.deleteErr(b, k, buckets.DeleteOptions{}) },
		func() (string, error) {
			src, err := f.Head(ctx, b, key(), "")
			if err != nil {
				return "copy nothing", nil
			}
			_, err = f.Copy(ctx, src, b, key(), 7, buckets.Attributes{}, buckets.Conditions{})
			if f.content(src.Content).Offloaded {
				err = nil // this dealer restores nothing
			}
			return "copy " + src.Key, err
		},
		func() (string, error) {
			k := key()
			id, _ := f.begin(b, k, string(noise(uint64(r.IntN(5)), 10)), "x")
			uploads = append(uploads, [2]string{k, id})
			return "begin", nil
		},
		func() (string, error) {
			if len(uploads) == 0 {
				return "end nothing", nil
			}
			i := r.IntN(len(uploads))
			u := uploads[i]
			uploads = append(uploads[:i], uploads[i+1:]...)
			if r.IntN(2) == 0 {
				return "abort", f.Abort(ctx, b, u[0], u[1])
			}
			_, err := f.complete(b, u[0], u[1], []buckets.CompletedPart{{Number: 2, ETag: etag("x")}})
			return "complete", err
		},
		func() (string, error) { return "assign", f.Assign(ctx, b.UUID) },
		func() (string, error) {
			zones := f.zones()
			if len(zones) == 0 {
				return "advance nothing", nil
			}
			z := zones[r.IntN(len(zones))]
			dealt = r.IntN(2) == 0
			f.Advance(ctx, z.ID) // its error says what it waits for
			return fmt.Sprintf("advance %s zone, dealt %v", z.State, dealt), nil
		},
		func() (string, error) {
			o, err := f.Head(ctx, b, key(), "")
			if err != nil {
				return "offload nothing", nil
			}
			dealt = true
			f.Offload(ctx, o.Content) // if its zone is complete
			return "offload " + o.Key, nil
		},
		func() (string, error) { return "write rows as before", f.OldRefs(ctx) },
	}
	for i := range 400 {
		what, err := ops[r.IntN(len(ops))]()
		if err != nil {
			t.Fatalf("step %d: %s: %v", i, what, err)
		}
		if got, want := f.roots(), f.wantRoots(b); !maps.Equal(got, want) {
			t.Fatalf("step %d: after %s %d roots are held, want %d", i, what, len(got), len(want))
		}
	}
}

// TestRootsMany: many roots, one of them held many times.
func TestRootsMany(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	id, _ := f.begin(b, "key", "shared")
	if err := f.RepeatPart(t.Context(), id, 3000); err != nil {
		t.Fatal(err)
	}
	if err := f.FakeRefs(t.Context(), 2500); err != nil {
		t.Fatal(err)
	}
	if n := len(f.roots()); n != 2501 {
		t.Errorf("%d roots are held, want 2501", n)
	}
	wantErr(t, "Abort", f.Abort(t.Context(), b, "key", id), nil)
	if err := f.FakeRefs(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
}

// TestSweepBesideComplete: an upload that is completed while a sweep lists the
// roots moves its leaves from one root to another. They must be under one of those listed.
func TestSweepBesideComplete(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	wantErr(t, "FakeRefs", f.FakeRefs(ctx, 2500), nil)
	type begun struct {
		id, body string
		parts    []buckets.CompletedPart
	}
	uploads := map[string]begun{}
	for i := range uint64(6) {
		key, bodies := fmt.Sprint("key", i), []string{string(noise(2*i, 5*mib)), string(noise(2*i+1, 10))}
		id, parts := f.begin(b, key, bodies...)
		uploads[key] = begun{id, strings.Join(bodies, ""), parts}
	}
	completed := false
	_, err := f.node.Sweep(ctx, func(yield func(cid.Cid) error) error {
		return f.Roots(ctx, func(c cid.Cid) error {
			if !completed {
				completed = true
				for key, u := range uploads {
					_, err := f.complete(b, key, u.id, u.parts)
					wantErr(t, "Complete", err, nil)
				}
			}
			return yield(c)
		})
	})
	wantErr(t, "Sweep", err, nil)
	for key, u := range uploads {
		o, err := f.Head(ctx, b, key, "")
		wantErr(t, "Head", err, nil)
		if f.read(o.CID) != u.body {
			t.Errorf("body of %s differs", key)
		}
		f.delete(b, key)
	}
	wantErr(t, "FakeRefs", f.FakeRefs(ctx, 0), nil)
}

// TestSweepOfWhatIsNotDurable: a snapshot may show a commit that a power cut
// undoes. Unless the store says that it is durable, a sweep removes nothing.
func TestSweepOfWhatIsNotDurable(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("durable")
	f.put(b, "gone", fresh(1000))
	f.delete(b, "gone")
	before := f.node.Usage().Blocks
	f.store.fail(0, false)
	_, err := f.Sweep(t.Context())
	wantErr(t, "Sweep on a store that fails", err, errFault)
	if got := f.node.Usage().Blocks; got != before || before != 1 {
		t.Errorf("%d blocks after the sweep, want %d", got, before)
	}
	f.store.heal()
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.node.Usage().Blocks; got != 0 {
		t.Errorf("%d blocks after the next sweep, want none", got)
	}
}
