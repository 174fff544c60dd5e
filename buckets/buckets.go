package buckets

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/internal/aged"
	"github.com/whypfs/whypfs/internal/lifecycle"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// Options of Buckets; the zero value works, except that nothing is dealt without a Dealer.
type Options struct {
	Dealer Dealer
	Policy Policy // of new buckets; zero fields take the defaults named at Policy (Publish too: false means false)
	// Announce says that the node is in a DHT: RunAnnouncer announces there what
	// is published.
	Announce bool
	// UploadExpiry is how long an upload in progress stays after its last part;
	// GC aborts it then. 0: for ever.
	UploadExpiry time.Duration
	// LifecycleDay is what lifecycle rules take for a day; 0 is a real one. For tests.
	LifecycleDay time.Duration
	Webhooks     map[string]Webhook // by the name that notification rules know them by
	// Backlog is how many events wait for a webhook at most; default 100,000.
	Backlog int
	// Gather is how long a new content waits for others before all of them are
	// put into zones: one by one that costs more than the upload's own rows.
	Gather  time.Duration
	Offload OffloadOptions
	Pins    PinOptions
	// Retrievals bounds what the queue brings back from providers.
	Retrievals RetrievalOptions
	// Quota says how much an owner may keep, 0 for no limit. It may be nil, and
	// is never called in a transaction.
	Quota   func(ctx context.Context, owner uint64) (bytes, objects int64, err error)
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Buckets keeps the namespace, contents and zones. It is safe for concurrent use.
type Buckets struct {
	store     kv.Store
	node      *node.Node
	queue     *queue.Queue
	dealer    Dealer
	policy    Policy
	announcer *announcer    // nil: nothing is announced
	expiry    time.Duration // of uploads; 0: never
	log       *slog.Logger
	metrics   metrics

	clock         lifecycle.Clock
	webhooks      map[string]Webhook
	limit         uint64 // of the events that wait for a webhook
	lifecycles    documentCache[lifecycle.Config]
	notifications documentCache[[]NotificationRule]

	seq      atomic.Uint64 // low bits of the next id
	restores flights
	trees    flights      // by bucket
	hiding   sync.RWMutex // held for writing while a tree is made private

	writes     *writes
	publishing sync.RWMutex  // held for reading by who reads the rows and then publishes
	flipping   chan struct{} // full while a step of a flip runs

	treeChunk int           // how many touched keys are worked on at a time
	treeDelay time.Duration // after a change its bucket's tree is brought up to date
	gather    time.Duration
	assigned  assignMarks
	totals    aged.Value[Totals]

	offloading OffloadOptions
	reads      reads
	traffic    traffic
	room       room

	pinOptions PinOptions
	pinning    pinning
	pinCounts  aged.Value[map[PinState]int64]

	retrievals RetrievalOptions
	retrieving retrieving
	spending   spending
	quota      func(ctx context.Context, owner uint64) (bytes, objects int64, err error)
}

// New returns the buckets in store and registers the zone jobs with q.
func New(store kv.Store, n *node.Node, q *queue.Queue, opt Options) *Buckets {
	b := &Buckets{
		store:     store,
		node:      n,
		queue:     q,
		dealer:    opt.Dealer,
		policy:    opt.Policy.withDefaults(),
		expiry:    opt.UploadExpiry,
		log:       opt.Log,
		clock:     lifecycle.Clock{Day: opt.LifecycleDay},
		webhooks:  opt.Webhooks,
		limit:     uint64(opt.Backlog),
		treeChunk: treeChunk,
		treeDelay: treeDelay,
		gather:    opt.Gather,

		offloading: opt.Offload,
		pinOptions: opt.Pins.withDefaults(),
		retrievals: opt.Retrievals.withDefaults(),
		quota:      opt.Quota,
	}
	b.writes, b.flipping = newWrites(), make(chan struct{}, 1)
	if opt.Announce {
		b.announcer = newAnnouncer()
	}
	if b.limit == 0 {
		b.limit = defaultBacklog
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	// A random start keeps two processes on one store from trying the same ids.
	b.seq.Store(rand.Uint64())
	b.metrics = newMetrics(opt.Metrics, b)
	b.handleJobs()
	return b
}

// newID is a candidate for freeID. It is taken before a transaction, whose
// function may run again.
func (b *Buckets) newID() uint64 { return makeID(time.Now(), b.seq.Add(1)) }

// view runs fn on a snapshot.
func (b *Buckets) view(ctx context.Context, fn func(kv.Tx) error) error {
	return b.store.View(ctx, fn)
}

// update runs fn, perhaps more than once, and makes its writes durable.
func (b *Buckets) update(ctx context.Context, fn func(kv.Tx) error) error {
	return b.store.Update(ctx, fn)
}
