package buckets_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

var errFault = errors.New("injected fault")

// testStore is a store whose updates fail on demand, and that says when
// something was committed.
type testStore struct {
	kv.Store

	mu      sync.Mutex
	skip    int  // updates before the fault; -1: no fault
	applied bool // the faulty update is applied all the same
	hit     bool
	before  func()        // runs before the next update, once
	changed chan struct{} // closed and replaced after each commit
}

func newTestStore(s kv.Store) *testStore {
	return &testStore{Store: s, skip: -1, changed: make(chan struct{})}
}

// fail makes the update after skip others fail, once.
func (s *testStore) fail(skip int, applied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skip, s.applied, s.hit = skip, applied, false
}

// intercept lets fn come before the next update, of whoever it is.
func (s *testStore) intercept(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = fn
}

// heal takes the fault away and says whether it has struck.
func (s *testStore) heal() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skip = -1
	return s.hit
}

func (s *testStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	s.mu.Lock()
	faulty := s.skip == 0
	if s.skip >= 0 {
		s.skip--
	}
	s.hit = s.hit || faulty
	applied, before := s.applied, s.before
	s.before = nil
	s.mu.Unlock()
	if before != nil {
		before()
	}
	if faulty && !applied {
		return errFault
	}
	err := s.Store.Update(ctx, fn)
	if err == nil {
		s.mu.Lock()
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
	}
	if faulty && err == nil {
		return errFault
	}
	return err
}

func (s *testStore) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// fixture is Buckets on real parts in a temporary directory.
type fixture struct {
	*buckets.Buckets
	t       *testing.T
	dir     string
	opt     buckets.Options
	cfg     node.Config          // of the node, but for what open sets
	metrics *prometheus.Registry // of the process; nil: none
	store   *testStore
	node    *node.Node
	queue   *queue.Queue
}

// newTest opens a fixture whose rows are checked when the test ends.
func newTest(t *testing.T, opt buckets.Options) *fixture {
	t.Helper()
	return newTestOn(t, node.Config{}, opt)
}

// newTestOn is newTest with a node of that configuration.
func newTestOn(t *testing.T, cfg node.Config, opt buckets.Options) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), opt: opt, cfg: cfg}
	f.open()
	t.Cleanup(func() {
		f.store.heal()
		if err := f.Check(context.Background()); err != nil {
			t.Error(err)
		}
		f.close()
	})
	return f
}

func (f *fixture) open() {
	f.t.Helper()
	ctx := context.Background()
	store, err := kv.OpenBolt(ctx, filepath.Join(f.dir, "meta.db"), kv.BoltOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	f.store = newTestStore(store)
	cfg := f.cfg
	cfg.Dir = filepath.Join(f.dir, "blocks")
	// Through f, because the restorer is made after the node.
	cfg.Restore = func(ctx context.Context, root cid.Cid) error { return f.Restore(ctx, root) }
	f.node, err = node.Open(ctx, cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.queue = queue.New(f.store, queue.Options{MinBack: time.Millisecond, MaxBack: 20 * time.Millisecond})
	opt := f.opt
	if f.metrics != nil {
		f.metrics = prometheus.NewRegistry()
		opt.Metrics = f.metrics
	}
	f.Buckets = buckets.New(f.store, f.node, f.queue, opt)
}

func (f *fixture) close() {
	f.t.Helper()
	if err := errors.Join(f.node.Close(), f.store.Close()); err != nil {
		f.t.Error(err)
	}
}

// reopen is a restart of the process.
func (f *fixture) reopen() {
	f.t.Helper()
	f.close()
	f.open()
}

// run runs the jobs until the test ends.
func (f *fixture) run() {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.queue.Run(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	})
}

// await returns when ok holds, looking again after each commit.
func (f *fixture) await(what string, ok func() bool) {
	f.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		next := f.store.next()
		if ok() {
			return
		}
		select {
		case <-next:
		case <-timeout:
			f.t.Fatalf("%s: not within 20 s; zones %+v", what, f.zones())
		}
	}
}

func (f *fixture) zones() []buckets.Zone {
	f.t.Helper()
	list, err := f.Zones(f.t.Context(), 0, "", 1000, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

func (f *fixture) bucket(name string) buckets.Bucket {
	f.t.Helper()
	b, err := f.CreateBucket(f.t.Context(), 7, name, buckets.BucketOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// named is the bucket of that name, or one that there is not.
func (f *fixture) named(name string) buckets.Bucket {
	f.t.Helper()
	b, err := f.Bucket(f.t.Context(), name)
	if errors.Is(err, buckets.ErrNoBucket) {
		return buckets.Bucket{Name: name, UUID: name}
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *fixture) put(b buckets.Bucket, key, body string) buckets.Object {
	f.t.Helper()
	o, err := f.Put(f.t.Context(), b, key, 7, upload(body), buckets.Attributes{}, buckets.Conditions{})
	if err != nil {
		f.t.Fatalf("Put(%q): %v", key, err)
	}
	return o
}

func (f *fixture) delete(b buckets.Bucket, key string) {
	f.t.Helper()
	if err := f.deleteErr(b, key, buckets.DeleteOptions{}); err != nil {
		f.t.Fatalf("Delete(%q): %v", key, err)
	}
}

// body reads an object back.
func (f *fixture) body(b buckets.Bucket, key string) string {
	f.t.Helper()
	o, err := f.Head(f.t.Context(), b, key, "")
	if err != nil {
		f.t.Fatalf("Head(%q): %v", key, err)
	}
	return f.read(o.CID)
}

func (f *fixture) read(root cid.Cid) string {
	f.t.Helper()
	r, err := f.node.OpenFile(f.t.Context(), root)
	if err != nil {
		f.t.Fatalf("Open(%v): %v", root, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		f.t.Fatalf("read %v: %v", root, err)
	}
	return string(data)
}

func (f *fixture) content(id uint64) buckets.Content {
	f.t.Helper()
	c, err := f.Content(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// roots are the roots that must stay, as a set; it fails on a root listed twice.
func (f *fixture) roots() map[cid.Cid]bool {
	f.t.Helper()
	set := map[cid.Cid]bool{}
	err := f.Roots(f.t.Context(), func(c cid.Cid) error {
		if set[c] {
			f.t.Errorf("Roots yields %v twice", c)
		}
		set[c] = true
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return set
}

// assigned puts the contents of a bucket into zones now.
func (f *fixture) assigned(b buckets.Bucket) {
	f.t.Helper()
	if err := f.Assign(f.t.Context(), b.UUID); err != nil {
		f.t.Fatal(err)
	}
}

// sealed assigns, and closes the bucket's open zone, which it returns.
func (f *fixture) sealed(b buckets.Bucket) buckets.Zone {
	f.t.Helper()
	f.assigned(b)
	z := f.zones()[0]
	if err := f.SealZone(f.t.Context(), z.ID); err != nil {
		f.t.Fatal(err)
	}
	return f.zone(z.ID)
}

// completed takes the bucket's open zone as far as complete.
func (f *fixture) completed(b buckets.Bucket) buckets.Zone {
	f.t.Helper()
	z := f.sealed(b)
	if err := f.Advance(f.t.Context(), z.ID); err != nil {
		f.t.Fatal(err)
	}
	if z = f.zone(z.ID); z.State != buckets.ZoneComplete {
		f.t.Fatalf("zone is %+v, want it complete", z)
	}
	return z
}

func (f *fixture) zone(id uint64) buckets.Zone {
	f.t.Helper()
	z, err := f.Zone(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return z
}

func upload(body string) buckets.Upload { return buckets.Upload{Body: strings.NewReader(body)} }

// wantErr fails unless err is want; a nil want wants no error.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil && err != nil) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

// noise is n bytes that are the same for the same seed.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	r := rand.NewChaCha8(key)
	data := make([]byte, n)
	r.Read(data)
	return data
}

var sequence atomic.Uint64

// fresh is a body that no other test or call has.
func fresh(n int) string { return string(noise(sequence.Add(1), n)) }

// gateway is what the node's gateway answers anyone who asks for root.
func (f *fixture) gateway(root cid.Cid) int {
	r := httptest.NewRequest("GET", "http://127.0.0.1/ipfs/"+root.String(), nil)
	w := httptest.NewRecorder()
	f.node.Gateway().ServeHTTP(w, r)
	return w.Code
}

// putAll puts bodies that differ, several at a time: the store commits them together.
func (f *fixture) putAll(b buckets.Bucket, keys []string, body string) {
	f.t.Helper()
	var wg sync.WaitGroup
	next := make(chan string)
	for range 16 {
		wg.Go(func() {
			for key := range next {
				if _, err := f.Put(f.t.Context(), b, key, 7, upload(body), buckets.Attributes{}, buckets.Conditions{}); err != nil {
					f.t.Errorf("Put(%q): %v", key, err)
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
