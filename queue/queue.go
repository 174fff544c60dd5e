package queue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// wakeChunk bounds how many jobs one transaction makes due.
const wakeChunk = 500

// Job is one piece of durable work. There is at most one job per Kind and ID:
// adding it again makes it due earlier, and if it is running, run once more.
type Job struct {
	Kind    string    // what handler runs it
	ID      string    // what it works on; its state lives in that thing's own rows
	Due     time.Time // time of the next try
	Tries   int       // failed tries in a row
	Reason  string    // why it waits, for a person
	Added   time.Time
	Running bool // a handler of this process is on it now
}

// Handler works on one job. nil ends the job; an error made by Later schedules
// it again without counting as a failure; any other error is kept as the
// reason and the job is tried again with growing back-off.
// A handler is idempotent: after a crash it runs again.
type Handler func(ctx context.Context, id string) error

// Options of a queue; the zero value works.
type Options struct {
	Log     *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil keeps none
	MinBack time.Duration         // first back-off; default 1 s
	MaxBack time.Duration         // largest back-off; default 1 h
	// Now tells the time; nil: time.Now. One who moves time himself calls Settle instead of Run.
	Now func() time.Time
}

// Queue holds durable jobs in a kv store and runs their handlers. It is safe
// for concurrent use.
type Queue struct {
	store   kv.Store
	log     *slog.Logger
	back    backoff
	now     func() time.Time
	metrics *metrics

	settled time.Time // the time of the last Settle; zero: there was none

	mu      sync.Mutex       // guards what follows
	kinds   map[string]*kind // not changed once running
	running bool
}

// New returns a queue over store. It does no I/O.
func New(store kv.Store, opt Options) *Queue {
	q := &Queue{
		store: store,
		log:   opt.Log,
		back:  newBackoff(opt.MinBack, opt.MaxBack),
		now:   opt.Now,
		kinds: make(map[string]*kind),
	}
	if q.log == nil {
		q.log = slog.New(slog.DiscardHandler)
	}
	if q.now == nil {
		q.now = time.Now
	}
	q.metrics = newMetrics(q, opt.Metrics)
	return q
}

// Now is the time by which jobs are due.
func (q *Queue) Now() time.Time { return q.now().UTC() }

// Handle registers the handler of a kind, with at most workers jobs of that
// kind running at once. It must be called before Run.
func (q *Queue) Handle(kind string, workers int, h Handler) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.running:
		panic("queue: Handle after Run")
	case q.kinds[kind] != nil:
		panic("queue: two handlers for " + kind)
	case workers < 1:
		panic("queue: no workers for " + kind)
	}
	q.kinds[kind] = newKind(q, kind, workers, h)
}

// Add puts a job into the caller's transaction, due at the given time (zero:
// at once). It starts as soon as the transaction commits.
func (q *Queue) Add(tx kv.Tx, kind, id string, due time.Time) error {
	now := q.Now()
	if due.IsZero() {
		due = now
	}
	old, err := getRow(tx, kind, id)
	if err != nil {
		return fmt.Errorf("add job %s/%s: %w", kind, id, err)
	}
	var was time.Time
	seen := false
	if old != nil {
		began, running := q.runningWith(kind, id)
		was, seen = old.Due, running && began == old.Stamp
	}
	next := add(old, seen, now, due.UTC())
	if err := putRow(tx, kind, id, next, was); err != nil {
		return fmt.Errorf("add job %s/%s: %w", kind, id, err)
	}
	if old == nil || !next.Due.Equal(was) {
		q.pokeAfter(tx, kind) // else it waits for that time already
	}
	return nil
}

// Has says whether there is a job, waiting or running.
func Has(tx kv.Tx, kind, id string) (bool, error) {
	r, err := getRow(tx, kind, id)
	return r != nil, err
}

// Remove takes a job out of the queue in the caller's transaction. A run of it
// that is under way goes on, but is not repeated. A missing job is no error.
func (q *Queue) Remove(tx kv.Tx, kind, id string) error {
	r, err := getRow(tx, kind, id)
	if err == nil && r != nil {
		err = deleteRow(tx, kind, id, r)
	}
	if err != nil {
		return fmt.Errorf("remove job %s/%s: %w", kind, id, err)
	}
	return nil
}

// Wake makes the waiting jobs of a kind due now: those named, or all of them.
// Jobs that do not exist are not made. One that is running, and decides to wait,
// runs again at once: it may have looked before the caller's news.
func (q *Queue) Wake(ctx context.Context, kind string, ids ...string) error {
	if len(ids) == 0 {
		jobs, err := q.List(ctx, kind)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			ids = append(ids, j.ID)
		}
	}
	for chunk := range slices.Chunk(ids, wakeChunk) {
		err := q.store.Update(ctx, func(tx kv.Tx) error {
			for _, id := range chunk {
				if err := q.wake(tx, kind, id); err != nil {
					return err
				}
			}
			q.pokeAfter(tx, kind)
			return nil
		})
		if err != nil {
			return fmt.Errorf("wake %s jobs: %w", kind, err)
		}
	}
	return nil
}

func (q *Queue) wake(tx kv.Tx, kind, id string) error {
	r, err := getRow(tx, kind, id)
	if err != nil || r == nil {
		return err
	}
	now := q.Now()
	was := r.Due
	running := q.isRunning(kind, id)
	if !running && !r.Due.After(now) {
		return nil // it only waits for a worker
	}
	// Both, as a job counts as running until shortly after its outcome is stored.
	next := r.right(now)
	next.Woken, next.At = running, now
	next.Due = earlier(next.Due, now)
	return putRow(tx, kind, id, &next, was)
}

// List returns the jobs of a kind, or of every kind if it is "", by kind and id.
func (q *Queue) List(ctx context.Context, kind string) ([]Job, error) {
	from, to := kv.Range(prefix, "job")
	if kind != "" {
		from, to = kv.Range(prefix, "job", kind)
	}
	var jobs []Job
	err := q.store.View(ctx, func(tx kv.Tx) error {
		jobs = nil
		for kvRow, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			j, err := q.readJob(kvRow)
			if err != nil {
				return err
			}
			jobs = append(jobs, j)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return jobs, nil
}

// Job returns one job, or kv.ErrNotFound.
func (q *Queue) Job(ctx context.Context, kind, id string) (Job, error) {
	var j Job
	key := jobKey(kind, id)
	err := q.store.View(ctx, func(tx kv.Tx) error {
		value, err := tx.Get(key)
		if err != nil {
			return err
		}
		j, err = q.readJob(kv.Row{Key: key, Value: value})
		return err
	})
	if err != nil {
		return Job{}, fmt.Errorf("job %s/%s: %w", kind, id, err)
	}
	return j, nil
}

// Kinds returns the kinds that have handlers, sorted.
func (q *Queue) Kinds() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	names := make([]string, 0, len(q.kinds))
	for name := range q.kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Run runs due jobs until ctx ends and their handlers have returned.
func (q *Queue) Run(ctx context.Context) error {
	defer q.occupy()()
	unregister := q.metrics.register()
	defer unregister()
	var wg sync.WaitGroup
	wg.Go(func() { q.watchClock(ctx) })
	for _, k := range q.kinds {
		wg.Go(func() { k.run(ctx) })
	}
	wg.Wait()
	return nil
}

// occupy makes sure that one call runs jobs, until what it returns is called.
func (q *Queue) occupy() (leave func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running {
		panic("queue: Run is running")
	}
	q.running = true
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.running = false
	}
}

func (q *Queue) kind(name string) *kind {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.kinds[name]
}

func (q *Queue) isRunning(kind, id string) bool {
	_, running := q.runningWith(kind, id)
	return running
}

// runningWith returns the stamp that the row of a running job had when it was started.
func (q *Queue) runningWith(kind, id string) (stamp uint64, running bool) {
	k := q.kind(kind)
	if k == nil {
		return 0, false
	}
	return k.runningWith(id)
}

// pokeAfter makes a kind look for work when tx has committed. A kind without a
// handler has nobody to wake.
func (q *Queue) pokeAfter(tx kv.Tx, kind string) {
	if k := q.kind(kind); k != nil {
		tx.OnCommit(k.poke)
	}
}
