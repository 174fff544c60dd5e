package buckets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	// retrieveSave is how often it is written down how far a retrieval is.
	retrieveSave = 2 * time.Second
	retrieveBack = 30 * time.Second // after the first try in vain, doubled after each
	maxRetrieve  = time.Hour
)

var (
	errRetrievalEnded = errors.New("the retrieval was cancelled, or somebody else has ended it")
	errRetrievalYield = errors.New("a more urgent one has its turn")
)

// retrieving is the retrievals that run in this process.
type retrieving struct {
	mu sync.Mutex // guards m; held while the next one is chosen
	m  map[uint64]*retrievalTry
}

// cancel ends the try of a retrieval that has ended.
func (r *retrieving) cancel(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.m[id]; t != nil {
		t.cancel(errRetrievalEnded)
	}
}

func (r *retrieving) end(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.m, id)
}

// ids are those of the retrievals that run.
func (r *retrieving) ids() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.m))
}

// running returns how many bytes have come for a retrieval that runs.
func (r *retrieving) running(id uint64) (bytes int64, ok bool) {
	r.mu.Lock()
	t := r.m[id]
	r.mu.Unlock()
	if t == nil {
		return 0, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.came, true
}

// runRetrievals is the job of a slot: it runs the retrievals that are due, one
// after the other. The job of a zone lists what is to be retrieved of it.
func (b *Buckets) runRetrievals(ctx context.Context, job string) error {
	slot, zone, cause, err := parseRetrieveJob(job)
	if err != nil {
		return err
	}
	if zone != 0 {
		if _, err := b.retrieveZone(ctx, zone, cause); !errors.Is(err, ErrNoZone) {
			return err
		}
		return nil
	}
	if slot >= b.retrievals.Workers {
		return nil // there were more before
	}
	if err := b.loadSpending(ctx); err != nil {
		return err
	}
	for {
		b.spending.mu.Lock()
		err := b.spending.left(b.retrievals, time.Now())
		b.spending.mu.Unlock()
		var out *budgetError
		if errors.As(err, &out) {
			return queue.Later(out.until, out.why)
		}
		t, wait, err := b.nextRetrieval(ctx)
		if err != nil || t == nil {
			return errors.Join(err, wait)
		}
		err = t.do(ctx)
		b.retrieving.end(t.id)
		if err != nil {
			return fmt.Errorf("retrieval %d: %w", t.id, err)
		}
	}
}

// nextRetrieval claims the most urgent retrieval that is due. Without one it is
// nil, and wait is what the job ends with.
func (b *Buckets) nextRetrieval(ctx context.Context) (t *retrievalTry, wait, err error) {
	b.retrieving.mu.Lock()
	defer b.retrieving.mu.Unlock()
	var r Retrieval
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		wait = nil
		var id uint64
		var next time.Time
		if id, next, err = b.urgent(tx, lastRank); err != nil {
			return err
		}
		if id == 0 && next.IsZero() {
			r = Retrieval{}
			return nil
		}
		if id == 0 {
			wait = queue.Later(next, "the next retrieval is due then")
			return nil
		}
		r, err = retrievalRow(tx, id)
		return err
	})
	if err != nil || r.ID == 0 {
		return nil, wait, err
	}
	t = &retrievalTry{b: b, id: r.ID, rank: ranks[r.Cause], cause: r.Cause, content: r.Content}
	if b.retrieving.m == nil {
		b.retrieving.m = map[uint64]*retrievalTry{}
	}
	b.retrieving.m[r.ID] = t
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	return t, nil, nil
}

// urgent returns the retrieval of at most that rank that is due first and does
// not run; 0 if none is, and then when one will be. The caller holds retrieving.mu.
func (b *Buckets) urgent(tx kv.Tx, most uint64) (id uint64, next time.Time, err error) {
	now := time.Now()
	for rank := uint64(1); rank <= most; rank++ {
		for row, err := range tx.Scan(kv.Range(tabRetDue, rank)) {
			var due, id uint64
			if err == nil {
				err = kv.Unkey(row.Key, nil, nil, &due, &id)
			}
			if err != nil {
				return 0, next, err
			}
			if b.retrieving.m[id] != nil {
				continue
			}
			if at := time.Unix(0, int64(due)); !at.After(now) {
				return id, next, nil
			} else if next.IsZero() || at.Before(next) {
				next = at
			}
			break
		}
	}
	return 0, next, nil
}
