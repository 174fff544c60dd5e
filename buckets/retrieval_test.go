package buckets_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// retriever is a dealer with copies of blocks, each of which is a window.
type retriever struct {
	dealer
	node func() *node.Node
	gave func(buckets.Content) // called before each block; nil: nothing is

	mu      sync.Mutex // guards what follows
	copies  map[cid.Cid]map[cid.Cid][]byte
	order   map[cid.Cid][]cid.Cid
	fetched []uint64 // contents of the blocks that were asked for, in order
	fault   error
}

func newRetriever() (*retriever, func(*fixture)) {
	r := &retriever{copies: map[cid.Cid]map[cid.Cid][]byte{}, order: map[cid.Cid][]cid.Cid{}}
	return r, func(f *fixture) { r.node = func() *node.Node { return f.node } }
}

// hold takes copies of what an object consists of.
func (r *retriever) hold(f *fixture, root cid.Cid) {
	f.t.Helper()
	all := map[cid.Cid][]byte{}
	err := f.node.Walk(f.t.Context(), root, func(c cid.Cid, _ int) (err error) {
		r.order[root] = append(r.order[root], c)
		all[c], err = f.node.Block(f.t.Context(), c)
		return err
	})
	wantErr(f.t, "Walk", err, nil)
	r.copies[root] = all
}

func (r *retriever) Retrieve(ctx context.Context, c buckets.Content, o buckets.RetrieveOrder) error {
	for _, id := range r.order[c.CID] {
		if _, here := r.node().HasBlock(ctx, id); here {
			continue
		}
		if r.gave != nil {
			r.gave(c)
		}
		data := r.copies[c.CID][id]
		if err := o.Allow(ctx, int64(len(data))); err != nil {
			return err
		}
		r.mu.Lock()
		fault := r.fault
		r.fetched = append(r.fetched, c.ID)
		r.mu.Unlock()
		if err := errors.Join(ctx.Err(), fault); err != nil {
			return err
		}
		if err := r.node().PutBlocks(ctx, []node.Block{{Cid: id, Data: data}}, true); err != nil {
			return err
		}
		o.Came(int64(len(data)))
	}
	return nil
}

func (r *retriever) asked() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]uint64(nil), r.fetched...)
}

// away puts objects of n MiB each, which then are at providers alone.
func (r *retriever) away(f *fixture, b buckets.Bucket, mib int, keys ...string) (list []buckets.Object) {
	f.t.Helper()
	for _, key := range keys {
		list = append(list, f.put(b, key, fresh(mib<<20)))
	}
	f.completed(b)
	for _, o := range list {
		r.hold(f, o.CID)
		wantErr(f.t, "Offload", f.Offload(f.t.Context(), o.Content), nil)
	}
	_, err := f.Sweep(f.t.Context())
	wantErr(f.t, "Sweep", err, nil)
	return list
}

func (f *fixture) retrieve(o buckets.Object, cause buckets.Cause) buckets.Retrieval {
	f.t.Helper()
	r, err := f.Retrieve(f.t.Context(), o.Content, cause)
	wantErr(f.t, "Retrieve", err, nil)
	return r
}

func (f *fixture) retrieval(id uint64) buckets.Retrieval {
	f.t.Helper()
	r, err := f.Retrieval(f.t.Context(), id)
	wantErr(f.t, "Retrieval", err, nil)
	return r
}

func (f *fixture) awaitState(id uint64, want buckets.RetrievalState) buckets.Retrieval {
	f.t.Helper()
	f.await("retrieval "+string(want), func() bool { return f.retrieval(id).State == want })
	return f.retrieval(id)
}

// A content that is asked for comes back whole, once, and is local again.
func TestRetrieve(t *testing.T) {
	r, on := newRetriever()
	f := newTest(t, buckets.Options{Dealer: r})
	on(f)
	ctx := t.Context()
	b := f.bucket("one")
	unpacked := f.put(f.bucket("open"), "key", "body")
	_, err := f.Retrieve(ctx, unpacked.Content, buckets.CauseRestore)
	wantErr(t, "Retrieve of what is in no piece", err, buckets.ErrNotPacked)
	_, err = f.Retrieve(ctx, 77, buckets.CauseRestore)
	wantErr(t, "Retrieve of nothing", err, buckets.ErrNoContent)
	wantErr(t, "Cancel of nothing", f.CancelRetrieval(ctx, 77), buckets.ErrNoRetrieval)

	list := r.away(f, b, 3, "a", "b")
	first := f.retrieve(list[0], buckets.CauseSample)
	again := f.retrieve(list[0], buckets.CauseRestore)
	if again.ID != first.ID || again.Cause != buckets.CauseRestore {
		t.Errorf("asked for again: %+v, want the first one, %+v, for the better cause", again, first)
	}
	if worse := f.retrieve(list[0], buckets.CauseRepair); worse.Cause != buckets.CauseRestore {
		t.Errorf("asked for again, for a worse cause: %+v", worse)
	}
	if n, err := f.RetrieveBucket(ctx, b, buckets.CauseRefresh); err != nil || n != 2 {
		t.Errorf("RetrieveBucket = %d, %v, want 2", n, err)
	}
	f.run()
	done := f.awaitState(first.ID, buckets.RetrievalDone)
	if done.Bytes < 3<<20 || done.Ended.IsZero() || done.Reason != "" {
		t.Errorf("done: %+v", done)
	}
	f.await("the others", func() bool {
		all, err := f.Retrievals(ctx, 0, 10, 10)
		wantErr(t, "Retrievals", err, nil)
		return len(all) == 2 && all[0].State == buckets.RetrievalDone && all[1].State == buckets.RetrievalDone
	})
	for _, o := range list {
		if !f.local(o) {
			t.Errorf("%s is not local", o.Key)
		}
	}
	if got := len(r.asked()); got != 8 {
		t.Errorf("%d blocks were fetched, want 8", got)
	}
	if all, err := f.Retrievals(ctx, 8, 10, 10); err != nil || len(all) > 0 {
		t.Errorf("retrievals of somebody else: %+v, %v", all, err)
	}
	wantErr(t, "Cancel of what has ended", f.CancelRetrieval(ctx, first.ID), buckets.ErrNoRetrieval)
}

// The more urgent goes first, also before one that runs; that one goes on after.
func TestRetrieveUrgent(t *testing.T) {
	r, on := newRetriever()
	f := newTest(t, buckets.Options{Dealer: r, Retrievals: buckets.RetrievalOptions{Workers: 1}})
	on(f)
	list := r.away(f, f.bucket("one"), 3, "sample", "repair", "restore")
	at, ok := make(chan buckets.Content), make(chan struct{})
	r.gave = func(c buckets.Content) {
		at <- c
		<-ok
	}
	f.run()
	sample := f.retrieve(list[0], buckets.CauseSample)
	<-at // it runs
	repair, restore := f.retrieve(list[1], buckets.CauseRepair), f.retrieve(list[2], buckets.CauseRestore)
	go func() {
		for {
			select {
			case ok <- struct{}{}:
			case <-at:
			case <-t.Context().Done():
				return
			}
		}
	}()
	for _, id := range []uint64{restore.ID, repair.ID, sample.ID} {
		f.awaitState(id, buckets.RetrievalDone)
	}
	var order []uint64
	for _, c := range r.asked() {
		if len(order) == 0 || order[len(order)-1] != c {
			order = append(order, c)
		}
	}
	want := []uint64{list[2].Content, list[1].Content, list[0].Content}
	if len(order) != 3 || order[0] != want[0] || order[1] != want[1] || order[2] != want[2] {
		t.Errorf("contents came in the order %v, want %v", order, want)
	}
	if ended := f.retrieval(sample.ID).Ended; ended.Before(f.retrieval(repair.ID).Ended) {
		t.Error("the least urgent one has ended first")
	}
}

// A budget that is used up ends a run, also after a restart. What came until
// then stays through sweeps, and is not fetched again.
func TestRetrieveBudget(t *testing.T) {
	r, on := newRetriever()
	f := newTest(t, buckets.Options{Dealer: r, Retrievals: buckets.RetrievalOptions{PerDay: 2<<20 + 1}})
	on(f)
	o := r.away(f, f.bucket("one"), 5, "key")[0]
	stop := f.start()
	id := f.retrieve(o, buckets.CauseRestore).ID
	spent := func() bool {
		now := f.retrieval(id)
		return strings.Contains(now.Reason, "used up") && now.State == buckets.RetrievalWaiting
	}
	f.await("the end of the budget", spent)
	stop()
	came := len(r.asked())
	if now := f.retrieval(id); came < 3 || came > 4 || now.Bytes < 2<<20 || !now.Next.After(time.Now()) {
		t.Errorf("%d blocks came, want 3 or 4; %+v", came, now)
	}
	f.reopen()
	_, err := f.Sweep(t.Context())
	wantErr(t, "Sweep", err, nil)
	stop = f.start()
	f.retrieve(o, buckets.CauseRestore)
	f.await("the job's word", func() bool {
		jobs, err := f.queue.List(t.Context(), "retrieve")
		wantErr(t, "jobs", err, nil)
		waiting := 0
		for _, j := range jobs {
			if !j.Running && strings.Contains(j.Reason, "used up") {
				waiting++
			}
		}
		return waiting == 4
	})
	stop()
	if n := len(r.asked()); n != came {
		t.Errorf("%d blocks came after a restart, with the budget used up", n-came)
	}
	if spent, err := f.RetrievalBudget(t.Context()); err != nil || spent.Day < 2<<20 {
		t.Errorf("the budget is %+v, %v", spent, err)
	}
	f.opt.Retrievals = buckets.RetrievalOptions{PerDay: 1 << 40}
	f.reopen()
	wantErr(t, "Wake", f.queue.Wake(t.Context(), "retrieve"), nil)
	stop = f.start()
	f.retrieve(o, buckets.CauseRestore)
	f.awaitState(id, buckets.RetrievalDone)
	stop()
	if n := len(r.asked()); n != 6 {
		t.Errorf("%d blocks were fetched in all, want 6", n)
	}
	if !f.local(o) {
		t.Error("it is not local")
	}
}

// What fails is tried again later, and says why; what is cancelled, or whose
// object is deleted, ends.
func TestRetrieveEnds(t *testing.T) {
	r, on := newRetriever()
	f := newTest(t, buckets.Options{Dealer: r})
	on(f)
	ctx := t.Context()
	b := f.bucket("one")
	list := r.away(f, b, 1, "fails", "runs", "deleted")
	f.run()
	r.fault = errors.New("nobody\nanswers")
	fails := f.retrieve(list[0], buckets.CauseRestore).ID
	f.await("a failure", func() bool {
		return f.retrieval(fails).Tries == 1 && f.retrieval(fails).State != buckets.RetrievalRunning
	})
	if now := f.retrieval(fails); now.State != buckets.RetrievalWaiting || !now.Next.After(time.Now()) || now.Reason != "nobody; answers" {
		t.Errorf("after a failure: %+v", now)
	}
	wantErr(t, "Cancel", f.CancelRetrieval(ctx, fails), nil)
	if now := f.retrieval(fails); now.State != buckets.RetrievalCancelled || f.roots()[list[0].CID] {
		t.Errorf("cancelled: %+v, held %v", now, f.roots()[list[0].CID])
	}

	r.mu.Lock()
	r.fault = nil
	r.mu.Unlock()
	at, goOn := make(chan struct{}), make(chan struct{})
	r.gave = func(c buckets.Content) {
		if c.ID == list[1].Content {
			at <- struct{}{}
			<-goOn
		}
	}
	runs := f.retrieve(list[1], buckets.CauseRestore).ID
	<-at
	if now := f.retrieval(runs); now.State != buckets.RetrievalRunning {
		t.Errorf("while it runs: %+v", now)
	}
	wantErr(t, "Cancel of what runs", f.CancelRetrieval(ctx, runs), nil)
	close(goOn)
	f.await("the end of the run", func() bool { return f.retrieval(runs).State == buckets.RetrievalCancelled })
	if f.local(list[1]) {
		t.Error("a cancelled retrieval made its content local")
	}

	r.mu.Lock()
	r.fault = errors.New("not now")
	r.mu.Unlock()
	gone := f.retrieve(list[2], buckets.CauseRestore).ID
	f.await("a failure", func() bool {
		return f.retrieval(gone).Tries == 1 && f.retrieval(gone).State != buckets.RetrievalRunning
	})
	f.delete(b, "deleted")
	if now := f.retrieval(gone); now.State != buckets.RetrievalCancelled {
		t.Errorf("of a deleted object: %+v", now)
	}
}

// A restore over S3 waits for the queue, goes on when that is done, and ends
// when the operator cancels it.
func TestRestoreThroughQueue(t *testing.T) {
	r, on := newRetriever()
	f, _ := hooked(t, buckets.Options{Dealer: r, Policy: buckets.Policy{Archive: true}})
	on(f)
	ctx := t.Context()
	b := f.bucket("cold")
	list := r.away(f, b, 1, "one", "two")
	r.fault = errors.New("not now")
	f.run()
	for _, o := range list {
		_, err := f.RestoreObject(ctx, b, o.Key, "", 3)
		wantErr(t, "RestoreObject", err, nil)
	}
	of := func(o buckets.Object) (found buckets.Retrieval) {
		all, err := f.Retrievals(ctx, 0, 10, 10)
		wantErr(t, "Retrievals", err, nil)
		for _, x := range all {
			if x.Content == o.Content {
				found = x
			}
		}
		return found
	}
	f.await("failures", func() bool { return of(list[0]).Tries == 1 && of(list[1]).Tries == 1 })
	if now := f.restoration(b, "one"); !now.Ongoing {
		t.Errorf("the restoration is %+v", now)
	}
	wantErr(t, "Cancel", f.CancelRetrieval(ctx, of(list[1]).ID), nil)
	if now := f.restoration(b, "two"); now.Ongoing {
		t.Errorf("a cancelled restoration is %+v", now)
	}
	r.mu.Lock()
	r.fault = nil
	r.mu.Unlock()
	f.retrieve(list[0], buckets.CauseRestore) // the operator is impatient
	f.await("the restoration", func() bool { now := f.restoration(b, "one"); return !now.Ongoing && !now.Until.IsZero() })
	if !f.local(list[0]) || f.local(list[1]) {
		t.Error("the wrong one is local")
	}
}

// A zone whose replicas are fewer than wanted has what is not here brought back.
func TestEndangered(t *testing.T) {
	r, on := newRetriever()
	f := newTest(t, buckets.Options{Dealer: r})
	on(f)
	b := f.bucket("one")
	list := r.away(f, b, 1, "away", "too")
	f.retrieve(list[0], buckets.CauseSample)
	wantErr(t, "Endangered", f.Endangered(t.Context(), f.content(list[0].Content).Zone, buckets.CauseRepair), nil)
	wantErr(t, "Endangered of nothing", f.Endangered(t.Context(), 77, buckets.CauseSample), nil)
	f.run()
	f.await("both", func() bool { return !f.content(list[0].Content).Offloaded && !f.content(list[1].Content).Offloaded })
}

// Whatever update fails, a retrieval is done in the end, and its rows fit.
func TestRetrieveFaults(t *testing.T) {
	for skip := range 6 {
		for _, applied := range []bool{false, true} {
			r, on := newRetriever()
			f := newTest(t, buckets.Options{Dealer: r})
			on(f)
			o := r.away(f, f.bucket("one"), 2, "key")[0]
			f.store.fail(skip, applied)
			got, err := f.Retrieve(t.Context(), o.Content, buckets.CauseRestore)
			if errors.Is(err, errFault) {
				got, err = f.Retrieve(t.Context(), o.Content, buckets.CauseRestore)
			}
			wantErr(t, "Retrieve", err, nil)
			stop := f.start()
			f.await("the content", func() bool {
				now := f.retrieval(got.ID)
				if now.Tries > 0 && now.Next.After(time.Now()) {
					f.retrieve(o, buckets.CauseRestore) // sooner than by itself
				}
				return now.State == buckets.RetrievalDone
			})
			stop()
			if !f.local(o) {
				t.Errorf("fault at %d, applied %v: it is not local", skip, applied)
			}
		}
	}
}
