package buckets_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// An origin that has only a part, goes away, and comes back with the rest: the
// pin goes on where it was.
func TestPinOriginComesBack(t *testing.T) {
	f := newPinTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	dag := shelves(20, 20)
	o := newOrigin(t)
	o.put(dag[200:]...) // the root, the shelves, and half of the leaves
	defer f.start()()
	p := f.pin(7, buckets.PinRequest{CID: rootOf(dag), Origins: []string{o.addr()}})
	f.awaitPin(p, buckets.PinPinning)
	at := o.listens()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	f.await("a try in vain", func() bool { now := f.pinNow(p); return now.Tries > 0 })
	if now := f.pinNow(p); now.State != buckets.PinPinning || now.Reason == "" || now.Next.IsZero() || now.Blocks == 0 {
		t.Errorf("while the origin is away: %+v", now)
	}
	o.open(at)
	o.put(dag[:200]...)
	if now := f.awaitPin(p, buckets.PinPinned); now.Blocks != int64(len(dag)) {
		t.Errorf("pinned %+v, want %d blocks", now, len(dag))
	}
}

// A crash during a fetch, and sweeps meanwhile and afterwards, cost nothing
// that was fetched.
func TestPinAfterCrash(t *testing.T) {
	f := newPinTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	dag := shelves(20, 20)
	o := newOrigin(t)
	o.put(dag[100:]...)
	stop := f.start()
	p := f.pin(7, buckets.PinRequest{CID: rootOf(dag), Origins: []string{o.addr()}})
	f.await("what the origin has", func() bool { return f.pinNow(p).Tries > 0 })
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := f.pinNow(p)
	f.store.fail(0, false) // as if the process had no time to write anything down
	stop()
	f.store.heal()
	f.reopen()
	if _, err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	there := 0
	for _, b := range dag {
		if _, ok := f.node.HasBlock(t.Context(), b.Cid); ok {
			there++
		}
	}
	if int64(there) < before.Blocks || there < 21 {
		t.Errorf("%d blocks are left of %d that were fetched", there, before.Blocks)
	}
	o.put(dag[:100]...)
	defer f.start()()
	fetched := f.fetched()
	f.awaitPin(p, buckets.PinPinned)
	if got := f.fetched() - fetched; got > len(dag)-there {
		t.Errorf("%d blocks were fetched again, and %d were missing", got, len(dag)-there)
	}
}

// A pin that is removed while it is fetched is fetched no more.
func TestUnpinEndsFetch(t *testing.T) {
	f := newPinTest(t, buckets.Options{Pins: buckets.PinOptions{Idle: time.Hour}})
	dag := shelves(2, 20)
	o := newOrigin(t)
	o.put(dag[10:]...)
	defer f.start()()
	p := f.pin(7, buckets.PinRequest{CID: rootOf(dag), Origins: []string{o.addr()}})
	// From then on it writes nothing down for two seconds, and waits for what nobody has.
	f.await("blocks", func() bool { return f.pinNow(p).Blocks > 0 })
	if !f.roots()[p.CID] {
		t.Error("its blocks are not kept")
	}
	wantErr(t, "Unpin", f.Unpin(t.Context(), 7, p.ID), nil)
	f.settle() // with an idle time of an hour it would not without a cancel
	if f.roots()[p.CID] {
		t.Error("its blocks are kept")
	}
}

// settle returns when no pin is being fetched.
func (f *fixture) settle() {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); f.Pinning() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatal("pins are still being fetched")
		}
	}
}

// An owner with many pins that nobody has does not hold up the others, nor his
// own that somebody has.
func TestPinFairness(t *testing.T) {
	f := newPinTest(t, buckets.Options{Pins: buckets.PinOptions{Workers: 4, Idle: 50 * time.Millisecond, MinBack: time.Hour, MaxBack: time.Hour}})
	o := newOrigin(t)
	const many = 500
	var nobody []buckets.PinRequest
	for i := range many {
		nobody = append(nobody, buckets.PinRequest{CID: rootOf(shelves(1, 1)), Name: fmt.Sprint(i), Origins: []string{o.addr()}})
	}
	if _, err := f.PinAll(t.Context(), 7, nobody); err != nil {
		t.Fatal(err)
	}
	dag, mine := shelves(2, 2), shelves(2, 2)
	o.put(append(dag, mine...)...)
	defer f.start()()
	p := f.pin(8, buckets.PinRequest{CID: rootOf(dag), Origins: []string{o.addr()}})
	q := f.pin(7, buckets.PinRequest{CID: rootOf(mine), Origins: []string{o.addr()}})
	tried := func(p buckets.Pin) bool { p = f.pinNow(p); return p.Tries > 0 || p.State == buckets.PinPinned }
	f.await("both are tried", func() bool { return tried(p) && tried(q) })
	page, err := f.Pins(t.Context(), buckets.PinQuery{Owner: 7, States: []buckets.PinState{buckets.PinQueued}})
	if err != nil {
		t.Fatal(err)
	}
	untried := 0
	for _, p := range page.Pins {
		if p.Tries == 0 {
			untried++
		}
	}
	if untried < many/2 {
		t.Errorf("%d of %d that nobody has were tried first", many-untried, many)
	}
	for _, p := range []buckets.Pin{p, q} {
		f.await(fmt.Sprint("pinned ", p.ID), func() bool {
			// On a busy machine a try may end before a block comes, and the next is far off.
			if now := f.pinNow(p); now.State != buckets.PinPinned && time.Until(now.Next) > time.Minute {
				if err := f.PutOffPin(t.Context(), p.ID, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			return f.pinNow(p).State == buckets.PinPinned
		})
	}
}

// The new pin stands for the old one at once; what that had pinned goes when
// the new one is pinned.
func TestPinReplace(t *testing.T) {
	f := newPinTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	o := newOrigin(t)
	first, second := shelves(1, 3), shelves(1, 3)
	o.put(first...)
	defer f.start()()
	old := f.pin(7, buckets.PinRequest{CID: rootOf(first), Name: "v1", Origins: []string{o.addr()}})
	old = f.awaitPin(old, buckets.PinPinned)
	_, err := f.Replace(t.Context(), 8, old.ID, buckets.PinRequest{CID: rootOf(second)})
	wantErr(t, "Replace by another", err, buckets.ErrNoPin)
	p, err := f.Replace(t.Context(), 7, old.ID, buckets.PinRequest{CID: rootOf(second), Name: "v2", Origins: []string{o.addr()}})
	if err != nil || p.ID == old.ID {
		t.Fatalf("Replace: %+v, %v", p, err)
	}
	gone := func(id uint64) {
		t.Helper()
		if _, err := f.PinByID(t.Context(), 7, id); !errors.Is(err, buckets.ErrNoPin) {
			t.Errorf("pin %d: %v, want it gone", id, err)
		}
		page, err := f.Pins(t.Context(), buckets.PinQuery{Owner: 7})
		if err != nil || page.Count != 1 || page.Pins[0].ID == id {
			t.Errorf("pins %+v, %v", page, err)
		}
		if page, err := f.Pins(t.Context(), buckets.PinQuery{IDs: []uint64{id}}); err != nil || page.Count != 0 {
			t.Errorf("by its id: %+v, %v", page, err)
		}
	}
	gone(old.ID)
	wantErr(t, "Unpin of what is replaced", f.Unpin(t.Context(), 7, old.ID), buckets.ErrNoPin)
	if !f.roots()[old.CID] {
		t.Error("what is replaced went before its time")
	}
	// A second one in the place of the first, which was not pinned.
	q, err := f.Replace(t.Context(), 7, p.ID, buckets.PinRequest{CID: rootOf(second), Name: "v3", Origins: []string{o.addr()}})
	if err != nil {
		t.Fatal(err)
	}
	gone(p.ID)
	o.put(second...)
	q = f.awaitPin(q, buckets.PinPinned)
	gone(old.ID)
	if f.roots()[old.CID] || !f.roots()[q.CID] {
		t.Errorf("kept: the old one %v, the new one %v", f.roots()[old.CID], f.roots()[q.CID])
	}
	// Removing one that replaces another removes both.
	r, err := f.Replace(t.Context(), 7, q.ID, buckets.PinRequest{CID: rootOf(shelves(1, 1))})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Unpin", f.Unpin(t.Context(), 7, r.ID), nil)
	if f.roots()[q.CID] {
		t.Error("what was to be replaced is kept")
	}
	if list, err := f.Contents(t.Context(), 7, 10, 0); err != nil || len(list) != 0 {
		t.Errorf("contents %+v, %v", list, err)
	}
}

// Versions and locks hold for pins as for any object.
func TestPinVersions(t *testing.T) {
	f := newPinTest(t, buckets.Options{})
	bucket, err := f.CreateBucket(t.Context(), 7, "locked", buckets.BucketOptions{ObjectLock: true})
	if err != nil {
		t.Fatal(err)
	}
	o := newOrigin(t)
	first, second := shelves(1, 3), shelves(1, 3)
	o.put(append(first, second...)...)
	defer f.start()()
	pin := func(root buckets.PinRequest) buckets.Pin {
		root.Bucket, root.Key, root.Origins = bucket.UUID, "dag", []string{o.addr()}
		return f.awaitPin(f.pin(7, root), buckets.PinPinned)
	}
	p, q := pin(buckets.PinRequest{CID: rootOf(first)}), pin(buckets.PinRequest{CID: rootOf(second)})
	if f.pinNow(p).State != buckets.PinPinned {
		t.Error("the older version is not pinned any more")
	}
	head, err := f.Head(t.Context(), bucket, "dag", "")
	if err != nil || !head.CID.Equals(q.CID) {
		t.Errorf("current is %+v, %v", head, err)
	}
	if _, err := f.SetHold(t.Context(), bucket, "dag", head.VersionID(), true); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Unpin of what is locked", f.Unpin(t.Context(), 7, q.ID), buckets.ErrLocked)
	if _, err := f.SetHold(t.Context(), bucket, "dag", head.VersionID(), false); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Unpin", f.Unpin(t.Context(), 7, q.ID), nil)
	if head, err = f.Head(t.Context(), bucket, "dag", ""); err != nil || !head.CID.Equals(p.CID) {
		t.Errorf("current is %+v, %v, want the version before", head, err)
	}
}

// Whatever write fails, applied or not, the pin is pinned in the end, once.
func TestPinFaults(t *testing.T) {
	for _, applied := range []bool{false, true} {
		for skip := range 12 {
			f := newPinTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
			o := newOrigin(t)
			dag := shelves(1, 3)
			o.put(dag...)
			p := f.pin(7, buckets.PinRequest{CID: rootOf(dag), Origins: []string{o.addr()}})
			f.store.fail(skip, applied)
			stop := f.start()
			f.awaitPin(p, buckets.PinPinned)
			stop()
			if list, err := f.Contents(t.Context(), 7, 10, 0); err != nil || len(list) != 1 {
				t.Errorf("fault after %d writes, applied %v: contents %+v, %v", skip, applied, list, err)
			}
		}
	}
}
