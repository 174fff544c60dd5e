package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// repairWait is how long a reader waits for a block that is being repaired.
	repairWait = 20 * time.Second
	// peerWait is how long connected peers are asked for a block.
	peerWait = 15 * time.Second
	// maxRepairs bounds the blocks that wait for a repair. What is found beyond
	// that is found again.
	maxRepairs = 4096
	// repairsAtOnce bounds those that are being brought back.
	repairsAtOnce = 4

	repairRest    = 5 * time.Second // after the first failure, doubled after each
	maxRepairRest = time.Hour
)

var (
	errNoRepair = errors.New("nobody is known to have the block")
	errResting  = errors.New("a repair failed a while ago and is tried again later")
)

// How a repair ended.
const (
	repairRestored = "restored" // by Config.Restore
	repairFetched  = "fetched"  // from a peer
	repairNeedless = "needless" // no root reaches it any more, or it came back otherwise
	repairFailed   = "failed"   // one try
	repairRefused  = "refused"  // too many wait
)

// A repairer brings back single blocks that were found damaged or missing: each
// once, however many readers meet it, few at a time, and after a failure again
// with growing pauses until it is done or no root reaches the block any more.
type repairer struct {
	n      *Node
	log    *slog.Logger
	ctx    context.Context // ends with the node
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{}
	rest   time.Duration // first pause; tests make it short

	ended   *prometheus.CounterVec
	waiting prometheus.GaugeFunc

	mu     sync.Mutex // guards what follows
	jobs   map[string]*repair
	closed bool

	locating sync.Mutex // one search for roots at a time
}

// A repair is one block that is to be brought back.
type repair struct {
	cid cid.Cid

	// repairer.mu guards the rest.
	root cid.Cid       // that reaches it, if known
	late bool          // its finder called Config.Restore already
	try  chan struct{} // closed when the try under way ends; nil between tries
	now  chan struct{} // closed to end the pause between tries
	err  error         // of the last try
}

func newRepairer(n *Node) *repairer {
	r := &repairer{
		n: n, log: n.log, slots: make(chan struct{}, repairsAtOnce), rest: repairRest,
		jobs: map[string]*repair{},
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_repairs_total", Help: "Tries to bring a damaged or missing block back, by how they ended.",
		}, []string{"result"}),
	}
	r.waiting = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "whypfs_repairs_waiting", Help: "Blocks that were found damaged or missing and are not back yet.",
	}, func() float64 { return float64(r.count()) })
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

func (r *repairer) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	return errors.Join(reg.Register(r.ended), reg.Register(r.waiting))
}

// close ends the repairs and waits for them.
func (r *repairer) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	if reg := r.n.cfg.Metrics; reg != nil {
		reg.Unregister(r.ended)
		reg.Unregister(r.waiting)
	}
}

func (r *repairer) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.jobs)
}

// report has a block brought back that is damaged or missing under root, which
// may be undefined. late says that Config.Restore was just tried.
func (r *repairer) report(c, root cid.Cid, late bool) *repair {
	r.mu.Lock()
	defer r.mu.Unlock()
	job, ok := r.jobs[string(c.Hash())]
	if ok {
		if !job.root.Defined() && root.Defined() {
			job.root = root
			if job.try == nil { // that is worth a try now
				job.try = make(chan struct{})
				close(job.now)
			}
		}
		return job
	}
	if r.closed {
		return nil
	}
	if len(r.jobs) >= maxRepairs {
		r.ended.WithLabelValues(repairRefused).Inc()
		return nil
	}
	job = &repair{cid: c, root: root, late: late, try: make(chan struct{})}
	r.jobs[string(c.Hash())] = job
	r.wg.Go(func() { r.run(job) })
	return job
}

// await reports a block and waits for the try that is under way, if one is. nil
// means that it is back.
func (r *repairer) await(ctx context.Context, c, root cid.Cid, late bool) error {
	job := r.report(c, root, late)
	if job == nil {
		return errNoRepair
	}
	r.mu.Lock()
	try := job.try
	r.mu.Unlock()
	if try == nil {
		return errResting
	}
	wait := time.NewTimer(repairWait)
	defer wait.Stop()
	select {
	case <-try:
	case <-wait.C:
		return errResting
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return job.err
}

// run tries until the block is back, or not needed.
func (r *repairer) run(job *repair) {
	for rest := r.rest; ; rest = min(2*rest, maxRepairRest) {
		select {
		case r.slots <- struct{}{}:
		case <-r.ctx.Done():
			r.end(job, r.ctx.Err())
			return
		}
		result, err := r.attempt(job)
		<-r.slots
		if err == nil {
			r.ended.WithLabelValues(result).Inc()
			if result != repairNeedless {
				r.log.Warn("block repaired", "cid", job.cid.String(), "result", result)
			}
		}
		if err == nil || r.ctx.Err() != nil {
			r.end(job, err)
			return
		}
		r.ended.WithLabelValues(repairFailed).Inc()
		r.log.Warn("repair block", "cid", job.cid.String(), "next", rest.String(), "err", err)
		select {
		case <-time.After(rest):
		case <-r.pause(job, err):
		case <-r.ctx.Done():
			r.end(job, r.ctx.Err())
			return
		}
		if err := r.recheck(job); err != nil {
			r.log.Warn("repair block", "cid", job.cid.String(), "err", err)
		}
		r.mu.Lock()
		if job.try == nil {
			job.try = make(chan struct{})
		}
		r.mu.Unlock()
	}
}

// recheck forgets the root of job if nobody wants it any more; another may reach the block.
func (r *repairer) recheck(job *repair) error {
	r.mu.Lock()
	root := job.root
	r.mu.Unlock()
	if !root.Defined() || r.n.cfg.Roots == nil {
		return nil
	}
	live := false
	err := r.n.cfg.Roots(r.ctx, func(c cid.Cid) error {
		live = live || c.Equals(root)
		return r.ctx.Err()
	})
	if err != nil || live {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	job.root = cid.Undef
	return nil
}

// pause tells those who wait that a try failed. now is closed when there is
// reason for the next.
func (r *repairer) pause(job *repair, err error) (now chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	job.err = err
	close(job.try)
	job.try, job.now = nil, make(chan struct{})
	return job.now
}

// end tells them how it ended.
func (r *repairer) end(job *repair, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.jobs, string(job.cid.Hash()))
	job.err = err
	if job.try != nil {
		close(job.try)
	}
}

// attempt is one try.
func (r *repairer) attempt(job *repair) (result string, err error) {
	ctx := r.ctx
	if r.here(ctx, job.cid) {
		return repairNeedless, nil
	}
	root, needed, err := r.rootOf(ctx, job)
	if err != nil {
		return "", err
	}
	if !needed {
		return repairNeedless, nil
	}
	// What is brought back is reached by a root, which keeps it from later sweeps.
	lease := r.n.Lease()
	defer lease.Release()
	var errs []error
	r.mu.Lock()
	late := job.late
	job.late = false
	r.mu.Unlock()
	if restore := r.n.cfg.Restore; restore != nil && root.Defined() && !late {
		err := restore(ctx, root)
		if r.here(ctx, job.cid) {
			return repairRestored, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, fmt.Errorf("restore: %w", err))
		}
	}
	err = r.fromPeers(ctx, job.cid, root)
	if err == nil {
		return repairFetched, nil
	}
	return "", errors.Join(append(errs, err)...)
}

func (r *repairer) here(ctx context.Context, c cid.Cid) bool {
	_, ok := r.n.blocks.Find(ctx, c)
	return ok
}

// fromPeers asks connected peers for a public block. Who asks for a private one
// would tell of it.
func (r *repairer) fromPeers(ctx context.Context, c, root cid.Cid) error {
	if p := r.n.cfg.Published; p != nil && (!root.Defined() || !p(ctx, root)) {
		return errNoRepair
	}
	h := r.n.host
	if h == nil || h.swap == nil || len(h.p2p.Network().Peers()) == 0 {
		return errNoRepair
	}
	ctx, cancel := context.WithTimeout(ctx, peerWait)
	defer cancel() // ends the session
	b, err := h.swap.NewSession(ctx).GetBlock(ctx, c)
	if err != nil {
		return fmt.Errorf("%w: ask peers: %w", errNoRepair, err)
	}
	return r.keep(ctx, Block{Cid: c, Data: b.RawData()}, root)
}

// rootOf is a root that reaches the block of job: as its finder told, or else
// the first that a walk of all finds. Without Config.Roots it may be unknown,
// and the block counts as needed.
func (r *repairer) rootOf(ctx context.Context, job *repair) (root cid.Cid, needed bool, err error) {
	r.mu.Lock()
	root = job.root
	r.mu.Unlock()
	if root.Defined() || r.n.cfg.Roots == nil {
		return root, true, nil
	}
	r.locating.Lock()
	defer r.locating.Unlock()
	r.mu.Lock()
	root = job.root // another search may have found it
	want := map[string]*repair{}
	for mh, j := range r.jobs {
		if !j.root.Defined() {
			want[mh] = j
		}
	}
	r.mu.Unlock()
	if root.Defined() {
		return root, true, nil
	}
	if err := r.locate(ctx, want); err != nil {
		return root, true, fmt.Errorf("look for the root: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return job.root, job.root.Defined(), nil
}

// locate walks the DAGs of all roots for the blocks that are wanted.
func (r *repairer) locate(ctx context.Context, want map[string]*repair) error {
	return r.n.cfg.Roots(ctx, func(root cid.Cid) error {
		w := newWalker(root, r.n.look)
		for len(want) > 0 {
			c, _, err := w.next(ctx)
			if !c.Defined() {
				break // the end, or the end of ctx
			}
			if err != nil && !isMiss(err) {
				r.log.WarnContext(ctx, "walk for repairs", "cid", c.String(), "err", err)
			}
			if job, ok := want[string(c.Hash())]; ok {
				r.mu.Lock()
				job.root = root
				r.mu.Unlock()
				delete(want, string(c.Hash()))
			}
		}
		return ctx.Err()
	})
}
