package buckets

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/whypfs/whypfs/internal/clip"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// retrievalTry is one run of a retrieval.
type retrievalTry struct {
	b           *Buckets
	id, content uint64
	rank        uint64
	cause       Cause
	ctx         context.Context // of the try alone; CancelRetrieval ends it
	cancel      context.CancelCauseFunc

	mu    sync.Mutex // guards what follows
	came  int64
	told  int64 // of came, what is written down
	saved time.Time
}

// do runs the try and records how it ended. An error is the store's, or says
// that ctx has ended: the retrieval is as due as before.
func (t *retrievalTry) do(ctx context.Context) error {
	defer t.cancel(nil)
	err := t.run(t.ctx)
	if cause := context.Cause(t.ctx); cause != nil && ctx.Err() == nil {
		err = cause
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), t.record(context.WithoutCancel(ctx), errRetrievalYield))
	}
	t.b.metrics.retrievals.WithLabelValues(string(t.cause), retrievalResult(err)).Inc()
	if err != nil && retrievalResult(err) == "failed" {
		t.b.log.WarnContext(ctx, "retrieve", "content", t.content, "err", err)
	}
	return t.record(ctx, err)
}

func (t *retrievalTry) run(ctx context.Context) error {
	b := t.b
	c, err := b.Content(ctx, t.content)
	if err == nil && c.Deleted {
		err = ErrNoContent
	}
	if err != nil {
		return err
	}
	sources, err := b.sources(ctx, c.CID)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return ErrNotPacked
	}
	var errs []error
	for _, source := range sources {
		err := b.retrieveFrom(ctx, source, RetrieveOrder{Cause: t.cause, Allow: t.allow, Came: t.note})
		if err == nil {
			return b.restored(ctx, c.CID)
		}
		errs = append(errs, err)
		var out *budgetError
		if errors.As(err, &out) || errors.Is(err, errRetrievalYield) || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// retrieveFrom brings a content back, within limits if the dealer knows any.
func (b *Buckets) retrieveFrom(ctx context.Context, c Content, order RetrieveOrder) error {
	if r, ok := b.dealer.(Retriever); ok {
		return r.Retrieve(ctx, c, order)
	}
	return b.dealer.Restore(ctx, c)
}

// allow lets a window begin, unless it is another's turn or the budget is used up.
func (t *retrievalTry) allow(ctx context.Context, bytes int64) error {
	if err := t.save(ctx); err != nil {
		return err
	}
	if t.rank > 1 {
		better := false
		t.b.retrieving.mu.Lock()
		err := t.b.view(ctx, func(tx kv.Tx) error {
			id, _, err := t.b.urgent(tx, t.rank-1)
			better = id != 0
			return err
		})
		t.b.retrieving.mu.Unlock()
		if err != nil {
			return err
		}
		if better {
			return errRetrievalYield
		}
	}
	return t.b.spend(bytes, time.Now())
}

func (t *retrievalTry) note(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.came += bytes
	t.b.metrics.retrieved.Add(float64(bytes))
}

// save writes down now and then how far the retrieval is.
func (t *retrievalTry) save(ctx context.Context) error {
	t.mu.Lock()
	due := time.Since(t.saved) >= retrieveSave
	if due {
		t.saved = time.Now()
	}
	t.mu.Unlock()
	if !due {
		return nil
	}
	return t.change(ctx, func(_ kv.Tx, r *Retrieval) error {
		r.Reason = ""
		return nil
	})
}

// change edits the row of a retrieval that has not ended, and writes down how
// far it is.
func (t *retrievalTry) change(ctx context.Context, edit func(tx kv.Tx, r *Retrieval) error) error {
	t.mu.Lock()
	came := t.came
	fresh := came - t.told
	t.mu.Unlock()
	now := time.Now()
	err := t.b.update(ctx, func(tx kv.Tx) error {
		r, err := retrievalRow(tx, t.id)
		if errors.Is(err, ErrNoRetrieval) || err == nil && !r.unfinished() {
			return errRetrievalEnded
		}
		if err != nil {
			return err
		}
		was := r
		r.Bytes += fresh
		if err := edit(tx, &r); err != nil {
			return err
		}
		if r.unfinished() {
			err = requeue(tx, was, r)
		} else {
			state, why := r.State, r.Reason
			r.State = RetrievalWaiting
			err = t.b.endRetrieval(tx, r, state, why)
		}
		return errors.Join(err, t.b.saveSpending(tx, now))
	})
	if err != nil {
		return err
	}
	t.b.savedSpending(now)
	t.mu.Lock()
	t.told = max(t.told, came)
	t.mu.Unlock()
	return nil
}

// record writes down how a try ended.
func (t *retrievalTry) record(ctx context.Context, err error) error {
	now := time.Now().UTC()
	var out *budgetError
	re := t.change(ctx, func(_ kv.Tx, r *Retrieval) error {
		switch {
		case err == nil:
			r.State, r.Reason = RetrievalDone, ""
		case errors.Is(err, ErrNoContent):
			r.State, r.Reason = RetrievalFailed, "the object was deleted"
		case errors.Is(err, ErrNotPacked):
			r.State, r.Reason = RetrievalFailed, "no piece holds it any more"
		case errors.Is(err, errRetrievalYield):
			r.Reason = "waits for its turn"
		case errors.As(err, &out):
			r.Next, r.Reason = out.until, out.why
		default:
			if t.progressed() {
				r.Tries = 0
			}
			r.Tries++
			r.Next, r.Reason = now.Add(retrieveWait(r.Tries)), oneLine(err)
		}
		return nil
	})
	if errors.Is(re, errRetrievalEnded) {
		return nil
	}
	return re
}

func (t *retrievalTry) progressed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.came > 0
}

// oneLine is an error for a list.
func oneLine(err error) string {
	return clip.Text(strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\n", "; "), "\uFFFD"), maxWhy)
}

// maxWhy is the length of the longest reason kept, in bytes.
const maxWhy = 1000

// retrieveWait is how long a retrieval rests after so many tries in vain.
func retrieveWait(tries int) time.Duration {
	wait := retrieveBack
	for range tries - 1 {
		if wait = 2 * wait; wait >= maxRetrieve {
			return maxRetrieve
		}
	}
	return wait
}

// retrievalResult is a label of the metrics.
func retrievalResult(err error) string {
	var out *budgetError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &out):
		return "budget"
	case errors.Is(err, errRetrievalYield):
		return "yield"
	case errors.Is(err, errRetrievalEnded):
		return "cancelled"
	case errors.Is(err, ErrNoContent), errors.Is(err, ErrNotPacked), errors.Is(err, node.ErrNotFound):
		return "gone"
	}
	return "failed"
}
