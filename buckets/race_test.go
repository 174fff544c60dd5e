package buckets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// TestCompleteRace: of any number of Completes and an Abort exactly one thing happens.
func TestCompleteRace(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	completed, aborted := 0, 0
	for round := range 20 {
		key := fmt.Sprint("key", round)
		id, list := f.begin(b, key, fresh(10))
		var wg sync.WaitGroup
		start := make(chan struct{})
		objects := make([]buckets.Object, 3)
		errs := make([]error, 4)
		for i := range objects {
			wg.Go(func() {
				<-start
				objects[i], errs[i] = f.complete(b, key, id, list)
			})
		}
		wg.Go(func() {
			<-start
			for range round { // later and later, so that either side wins sometimes
				f.Head(t.Context(), b, key, "")
			}
			errs[3] = f.Abort(t.Context(), b, key, id)
		})
		close(start)
		wg.Wait()
		head, err := f.Head(t.Context(), b, key, "")
		switch {
		case err == nil:
			completed++
			wantErr(t, "Abort", errs[3], buckets.ErrNoUpload)
			for i, o := range objects {
				if errs[i] != nil || o.Content != head.Content {
					t.Errorf("Complete = %+v, %v, want %+v", o, errs[i], head)
				}
			}
		case errors.Is(err, buckets.ErrNoObject):
			aborted++
			for _, err := range errs[:3] {
				wantErr(t, "Complete", err, buckets.ErrNoUpload)
			}
			wantErr(t, "Abort", errs[3], nil)
		default:
			t.Fatal(err)
		}
	}
	t.Logf("%d completed, %d aborted", completed, aborted)
}

// churn is a fixture under random operations of several workers.
type churn struct {
	*fixture
	b      buckets.Bucket
	bodies []string // few, so that roots are shared
	byRoot sync.Map // cid.Cid -> body, for restores
	steps  int      // kinds of steps: the last two are about versions
}

// TestChurn lets everything run against everything: writers of the same few
// keys, the jobs, sweeps, offloading and restores. Whatever is listed at the end
// can be read, and the rows agree.
func TestChurn(t *testing.T) {
	for name, steps := range map[string]int{"without versions": 8, "with versions": 10} {
		t.Run(name, func(t *testing.T) { testChurn(t, &churn{steps: steps}) })
	}
}

func testChurn(t *testing.T, c *churn) {
	d := &dealer{restore: func(ctx context.Context, content buckets.Content) error {
		body, ok := c.byRoot.Load(content.CID)
		if !ok {
			return node.ErrNotFound
		}
		_, err := c.node.Import(ctx, strings.NewReader(body.(string)), node.ImportOptions{Private: true})
		return err
	}}
	c.fixture = newTest(t, buckets.Options{Dealer: d, Policy: buckets.Policy{Threshold: 1 << 16, Replication: 1}})
	c.run()
	c.b = c.bucket("one")
	for i := range 6 {
		c.bodies = append(c.bodies, string(noise(uint64(5000+i), 10_000*i)))
	}
	var reads atomic.Int64
	var wg sync.WaitGroup
	for worker := range 6 {
		r := rand.New(rand.NewPCG(uint64(worker), 1))
		wg.Go(func() {
			for range 100 {
				if err := c.step(r, &reads); err != nil && !expected(err) {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 30 {
			if _, err := c.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	page, err := c.Versions(t.Context(), c.b, buckets.VersionQuery{Max: 10000})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Versions {
		if want, _ := c.byRoot.Load(o.CID); !o.Marker && c.read(o.CID) != want {
			t.Errorf("object %q differs", o.Key)
		}
	}
	t.Logf("%d reads, %d versions at the end in %d zones", reads.Load(), len(page.Versions), len(c.zones()))
}

// expected are the errors of losing a race.
func expected(err error) bool {
	for _, e := range []error{buckets.ErrNoObject, buckets.ErrNoContent, buckets.ErrNotComplete, buckets.ErrNoUpload, buckets.ErrNoZone, node.ErrNotFound} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (c *churn) step(r *rand.Rand, reads *atomic.Int64) error {
	ctx := c.t.Context()
	key := fmt.Sprint("key", r.IntN(5))
	body := c.bodies[r.IntN(len(c.bodies))]
	switch r.IntN(c.steps) {
	case 0, 1:
		o, err := c.Put(ctx, c.b, key, 7, upload(body), buckets.Attributes{}, buckets.Conditions{})
		if err == nil {
			c.byRoot.Store(o.CID, body)
		}
		return err
	case 2:
		_, err := c.Delete(ctx, c.b, key, buckets.DeleteOptions{})
		return err
	case 3:
		src, err := c.Head(ctx, c.b, key, "")
		if err == nil {
			_, err = c.Copy(ctx, src, c.b, fmt.Sprint("key", r.IntN(5)), 7, buckets.Attributes{}, buckets.Conditions{})
		}
		return err
	case 4:
		return c.multipart(ctx, key, body)
	case 5:
		o, err := c.Head(ctx, c.b, key, "")
		if err != nil {
			return err
		}
		return c.Offload(ctx, o.Content)
	case 6:
		for _, z := range c.zones() {
			if z.State == buckets.ZoneOpen {
				return c.SealZone(ctx, z.ID)
			}
		}
		return nil
	case 8:
		return c.removeVersion(ctx, r)
	case 9:
		return c.SetVersioning(ctx, c.named("one"), []buckets.Versioning{buckets.Enabled, buckets.Enabled, buckets.Suspended}[r.IntN(3)])
	}
	o, err := c.Head(ctx, c.b, key, "")
	if err != nil {
		return err
	}
	reads.Add(1)
	return c.compare(ctx, o.CID)
}

// removeVersion removes some version, which another worker may do too.
func (c *churn) removeVersion(ctx context.Context, r *rand.Rand) error {
	page, err := c.Versions(ctx, c.b, buckets.VersionQuery{Max: 1000})
	if err != nil || len(page.Versions) == 0 {
		return err
	}
	o := page.Versions[r.IntN(len(page.Versions))]
	_, err = c.Delete(ctx, c.b, o.Key, buckets.DeleteOptions{Version: o.VersionID()})
	return err
}

// compare reads a root, which may be released meanwhile, but never differ.
func (c *churn) compare(ctx context.Context, root cid.Cid) error {
	rd, err := c.node.OpenFile(ctx, root)
	if err != nil {
		return err
	}
	defer rd.Close()
	got, err := io.ReadAll(rd)
	if err != nil {
		return err
	}
	if want, ok := c.byRoot.Load(root); ok && string(got) != want {
		return fmt.Errorf("%v differs", root)
	}
	return nil
}

func (c *churn) multipart(ctx context.Context, key, body string) error {
	u, err := c.CreateUpload(ctx, c.b, key, 7, 7, buckets.Attributes{}, "")
	if err != nil {
		return err
	}
	p, err := c.PutPart(ctx, c.b, key, u.ID, 1, upload(body))
	if err != nil {
		return err
	}
	list := []buckets.CompletedPart{{Number: p.Number, ETag: p.ETag}}
	o, err := c.Complete(ctx, c.b, key, u.ID, list, nil, buckets.Conditions{})
	if err == nil {
		c.byRoot.Store(o.CID, body)
	}
	return err
}

// TestFlights: callers share a call, and it ends when nobody waits for it.
func TestFlights(t *testing.T) {
	var f buckets.Flights
	var calls atomic.Int64
	release := make(chan struct{})
	began := make(chan struct{}, 10)
	fn := func(ctx context.Context) error {
		calls.Add(1)
		began <- struct{}{}
		select {
		case <-release:
			return errFault
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	first, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { errs <- f.Do(first, "key", fn) }()
	<-began
	go func() { errs <- f.Do(t.Context(), "key", fn) }()
	for f.Waiters("key") < 2 {
		runtime.Gosched()
	}
	cancel() // who began it goes; who joined still gets the answer
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller got %v", err)
	}
	close(release)
	if err := <-errs; !errors.Is(err, errFault) || calls.Load() != 1 {
		t.Errorf("the second caller got %v after %d calls", err, calls.Load())
	}

	alone, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		errs <- f.Do(alone, "key", func(ctx context.Context) error {
			began <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		})
	}()
	<-began
	cancel()
	<-errs
	select {
	case <-ended:
	default:
		t.Error("the call outlives its last caller")
	}
}
