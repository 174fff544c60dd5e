package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

const (
	// maxRestores bounds the restores that strangers keep going at once.
	maxRestores = 16
	// A root whose restore failed is not tried again for a while.
	restoreRest = 30 * time.Second
	// maxResting bounds the memory of failures.
	maxResting = 4096
)

// errRestoring says that a DAG is not here now but may be soon.
var errRestoring = errors.New("content is being brought back")

// restorer runs Config.Restore for the gateway: one at a time for a root,
// few at once, and none for a while after one failed.
type restorer struct {
	restore func(context.Context, cid.Cid) error           // nil: nothing is ever restored
	refill  func(context.Context, cid.Cid) (Refill, error) // nil: DAGs come back whole, by restore
	public  func(context.Context, cid.Cid) bool            // nil: every root is
	local   func(context.Context, cid.Cid) bool
	log     *slog.Logger
	wg      sync.WaitGroup

	quit   context.Context // ends with close
	cancel context.CancelFunc

	mu      sync.Mutex      // guards what follows
	refills map[cid.Cid]int // requests, by root
	running map[cid.Cid]*restoration
	resting map[cid.Cid]time.Time // until when
	closed  bool
}

// restoration is one call of Config.Restore.
type restoration struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // readable once done is closed
}

func newRestorer(cfg Config, local func(context.Context, cid.Cid) bool) *restorer {
	quit, cancel := context.WithCancel(context.Background())
	return &restorer{
		quit:    quit,
		cancel:  cancel,
		refill:  cfg.Refill,
		refills: map[cid.Cid]int{},
		restore: cfg.Restore,
		public:  cfg.Published,
		local:   local,
		log:     cfg.Log,
		running: map[cid.Cid]*restoration{},
		resting: map[cid.Cid]time.Time{},
	}
}

// run restores the DAG under root because its block missed is not public here.
// nil means: look again. ErrNotFound: the miss stands. errRestoring: come back later.
func (r *restorer) run(ctx context.Context, root, missed cid.Cid) error {
	// A block that is here and yet missed is private. Restoring would not help,
	// and would let strangers start work on what is not theirs.
	if r.restore == nil || r.local(ctx, missed) {
		return ErrNotFound
	}
	if r.public != nil && !r.public(ctx, root) {
		return ErrNotFound
	}
	job, err := r.job(ctx, root)
	if err != nil {
		return err
	}
	wait := time.NewTimer(restoreWait)
	defer wait.Stop()
	select {
	case <-job.done:
	case <-wait.C:
		return errRestoring
	case <-ctx.Done():
		return ctx.Err()
	}
	switch {
	case job.err == nil, errors.Is(job.err, ErrNotFound):
		return job.err
	default:
		return errRestoring
	}
}

// job returns the running restoration of root, or starts it.
func (r *restorer) job(ctx context.Context, root cid.Cid) (*restoration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if job, ok := r.running[root]; ok {
		return job, nil
	}
	if r.closed || len(r.running) >= maxRestores || time.Now().Before(r.resting[root]) {
		return nil, errRestoring
	}
	// The reader may give up waiting long before a provider has delivered; the
	// next one then finds the content here.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	job := &restoration{cancel: cancel, done: make(chan struct{})}
	r.running[root] = job
	r.wg.Go(func() {
		defer cancel()
		job.err = r.restore(ctx, root)
		r.finish(ctx, root, job)
	})
	return job, nil
}

func (r *restorer) finish(ctx context.Context, root cid.Cid, job *restoration) {
	failed := job.err != nil && !errors.Is(job.err, ErrNotFound)
	if failed && ctx.Err() == nil {
		r.log.WarnContext(ctx, "restore for gateway", "cid", root.String(), "err", job.err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, root)
	delete(r.resting, root)
	if failed {
		r.rest(root)
	}
	close(job.done)
}

// rest keeps a root from being tried for a while. The caller holds mu.
func (r *restorer) rest(root cid.Cid) {
	now := time.Now()
	if len(r.resting) >= maxResting {
		for c, until := range r.resting {
			if now.After(until) {
				delete(r.resting, c)
			}
		}
	}
	if len(r.resting) < maxResting {
		r.resting[root] = now.Add(restoreRest)
	}
}

// close ends the running restores and waits for them; later ones do not start.
func (r *restorer) close() {
	r.cancel()
	r.mu.Lock()
	r.closed = true
	for _, job := range r.running {
		job.cancel()
	}
	r.mu.Unlock()
	r.wg.Wait()
}
