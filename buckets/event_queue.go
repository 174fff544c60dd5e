package buckets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

const (
	tabHook  = "hook"
	tabEvent = "evt"
)

func keyHook(hook string) []byte                 { return kv.Key(tabHook, hook) }
func keyEvent(hook string, number uint64) []byte { return kv.Key(tabEvent, hook, number) }

// defaultBacklog is how many events wait for a webhook at most.
const defaultBacklog = 100_000

// eventBatch bounds the events that one transaction reads or removes.
const eventBatch = 16

// backlog is the queue of a webhook: the events from First up to, but not
// with, Next wait. While there are any, there is a job for the webhook.
type backlog struct {
	First, Next uint64
	Dropped     uint64 `json:",omitempty"` // that did not fit, since this was last logged
}

func backlogRow(tx kv.Tx, hook string) (backlog, error) {
	q, err := kv.GetJSON[backlog](tx, keyHook(hook))
	if errors.Is(err, kv.ErrNotFound) {
		return backlog{First: 1, Next: 1}, nil
	}
	return q, err
}

// queueEvent appends the event with the next number. Where as many wait as
// may, the oldest goes. A receiver that is dead costs the caller that much and
// no more: only the first event of a queue asks for the job, which else waits
// for as long as its failures made it.
func (b *Buckets) queueEvent(tx kv.Tx, hook string, event func(number uint64) any) error {
	q, err := backlogRow(tx, hook)
	if err != nil {
		return err
	}
	if q.First == q.Next {
		if err := b.queue.Add(tx, jobNotify, hook, time.Time{}); err != nil {
			return err
		}
	}
	if err := kv.PutJSON(tx, keyEvent(hook, q.Next), event(q.Next)); err != nil {
		return err
	}
	q.Next++
	if q.Next-q.First > b.limit {
		if err := tx.Delete(keyEvent(hook, q.First)); err != nil {
			return err
		}
		q.First++
		q.Dropped++
		tx.OnCommit(func() { b.metrics.events.WithLabelValues(hook, "dropped").Inc() })
	}
	return kv.PutJSON(tx, keyHook(hook), q)
}

// notify is the job that delivers a webhook's events in their order. A failure
// ends the run; what was delivered before is not delivered again.
func (b *Buckets) notify(ctx context.Context, hook string) error {
	if err := b.logDropped(ctx, hook); err != nil {
		return err
	}
	to := b.webhooks[hook]
	if to == nil {
		return b.forgetHook(ctx, hook)
	}
	for {
		first, events, err := b.waiting(ctx, hook)
		if err != nil || len(events) == 0 {
			return err
		}
		delivered := uint64(0)
		for _, e := range events {
			if err = to.Deliver(ctx, e); err != nil {
				break
			}
			delivered++
		}
		result := "delivered"
		b.metrics.events.WithLabelValues(hook, result).Add(float64(delivered))
		if err != nil && ctx.Err() == nil {
			b.metrics.events.WithLabelValues(hook, "failed").Inc()
		}
		if delivered > 0 {
			// What the receiver has stays delivered though the process ends.
			err = errors.Join(err, b.forgetEvents(context.WithoutCancel(ctx), hook, first+delivered))
		}
		if err != nil {
			return fmt.Errorf("notify %s: %w", hook, err)
		}
	}
}

// waiting returns the next events of a webhook and the number of the first.
func (b *Buckets) waiting(ctx context.Context, hook string) (first uint64, events [][]byte, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		events = nil
		q, err := backlogRow(tx, hook)
		if err != nil {
			return err
		}
		first = q.First
		for n := q.First; n < min(q.Next, q.First+eventBatch); n++ {
			e, err := tx.Get(keyEvent(hook, n))
			if err != nil {
				return fmt.Errorf("event %d: %w", n, err)
			}
			events = append(events, bytes.Clone(e))
		}
		return nil
	})
	return first, events, err
}

// forgetEvents removes the events before a number, of which there are few.
func (b *Buckets) forgetEvents(ctx context.Context, hook string, before uint64) error {
	return b.update(ctx, func(tx kv.Tx) error {
		q, err := backlogRow(tx, hook)
		if err != nil {
			return err
		}
		for ; q.First < before; q.First++ {
			if err := tx.Delete(keyEvent(hook, q.First)); err != nil {
				return err
			}
		}
		return kv.PutJSON(tx, keyHook(hook), q)
	})
}

// forgetHook drops the events of a webhook that the operator took away.
func (b *Buckets) forgetHook(ctx context.Context, hook string) error {
	for {
		first, events, err := b.waiting(ctx, hook)
		if err != nil || len(events) == 0 {
			return err
		}
		if err := b.forgetEvents(ctx, hook, first+uint64(len(events))); err != nil {
			return err
		}
		b.metrics.events.WithLabelValues(hook, "dropped").Add(float64(len(events)))
		b.log.WarnContext(ctx, "dropped events of a webhook that is not configured any more", "webhook", hook, "count", len(events))
	}
}

// logDropped says, once for each run of the job, what did not fit.
func (b *Buckets) logDropped(ctx context.Context, hook string) error {
	var dropped uint64
	err := b.view(ctx, func(tx kv.Tx) error {
		q, err := backlogRow(tx, hook)
		dropped = q.Dropped
		return err
	})
	if err != nil || dropped == 0 {
		return err
	}
	b.log.WarnContext(ctx, "dropped events: too many wait for a webhook", "webhook", hook, "count", dropped, "limit", b.limit)
	return b.update(ctx, func(tx kv.Tx) error {
		q, err := backlogRow(tx, hook)
		if err != nil {
			return err
		}
		q.Dropped -= min(dropped, q.Dropped)
		return kv.PutJSON(tx, keyHook(hook), q)
	})
}

// resumeEvents sees that there is a job for each webhook that events wait for.
func (b *Buckets) resumeEvents(tx kv.Tx) error {
	var hooks []string
	for row, err := range tx.Scan(kv.Range(tabHook)) {
		if err != nil {
			return err
		}
		var hook string
		var q backlog
		if err := errors.Join(kv.Unkey(row.Key, nil, &hook), json.Unmarshal(row.Value, &q)); err != nil {
			return err
		}
		if q.First < q.Next {
			hooks = append(hooks, hook)
		}
	}
	for _, hook := range hooks {
		if err := b.queue.Add(tx, jobNotify, hook, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}
