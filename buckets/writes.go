package buckets

import (
	"context"
	"errors"
	"sync"

	"github.com/whypfs/whypfs/kv"
)

// writes are the uploads under way whose blocks are stored as public ones. They
// could not be committed once their bucket is private, and would make blocks
// public that it has; so they are ended then.
type writes struct {
	mu    sync.Mutex // guards what follows
	by    map[string]map[*write]struct{}
	ended chan struct{} // closed and replaced when one ends
}

type write struct{ cancel context.CancelCauseFunc }

func newWrites() *writes {
	return &writes{by: map[string]map[*write]struct{}{}, ended: make(chan struct{})}
}

// begin must come before the bucket's row is looked at once more, and end after
// the last block was stored. What runs in between gets the returned context, and
// its error goes through reason.
func (w *writes) begin(ctx context.Context, bucket Bucket) (_ context.Context, end func()) {
	if !bucket.Policy.Publish {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	one := &write{cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by[bucket.UUID] == nil {
		w.by[bucket.UUID] = map[*write]struct{}{}
	}
	w.by[bucket.UUID][one] = struct{}{}
	return ctx, func() {
		cancel(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.by[bucket.UUID], one)
		if len(w.by[bucket.UUID]) == 0 {
			delete(w.by, bucket.UUID)
		}
		close(w.ended)
		w.ended = make(chan struct{})
	}
}

// stop ends the writes of a bucket and returns when they have ended.
func (w *writes) stop(uuid string) {
	for {
		w.mu.Lock()
		running, ended := len(w.by[uuid]), w.ended
		for one := range w.by[uuid] {
			one.cancel(ErrPublishChanged)
		}
		w.mu.Unlock()
		if running == 0 {
			return
		}
		<-ended
	}
}

// reason is why a write failed: it was ended, or err.
func reason(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrPublishChanged) {
		return ErrPublishChanged
	}
	return err
}

// stillAs returns ErrPublishChanged if a bucket is no longer as public, or
// private, as its caller found it.
func (b *Buckets) stillAs(ctx context.Context, bucket Bucket) error {
	return b.view(ctx, func(tx kv.Tx) error {
		now, err := bucketRow(tx, bucket.UUID)
		if err == nil && now.Policy.Publish != bucket.Policy.Publish {
			err = ErrPublishChanged
		}
		return err
	})
}
