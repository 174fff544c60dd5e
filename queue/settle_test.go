package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// Settle runs what is due at the time its caller has made it, and what that
// makes due, and no more.
func TestSettle(t *testing.T) {
	s := tempStore(t)
	began := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	now := began
	q := queue.New(s, queue.Options{Now: func() time.Time { return now }})
	var ran notes
	q.Handle("first", 2, func(ctx context.Context, id string) error {
		ran.add("first-", now.Sub(began))
		return s.Update(ctx, func(tx kv.Tx) error { return q.Add(tx, "second", id, time.Time{}) })
	})
	q.Handle("second", 2, func(context.Context, string) error {
		ran.add("second-", now.Sub(began))
		if now.Before(began.Add(2 * time.Hour)) {
			return queue.Later(now.Add(time.Hour), "not yet")
		}
		return nil
	})
	add(t, s, q, "first", "a", time.Time{})
	for _, want := range []time.Duration{time.Hour, 2 * time.Hour} {
		next, err := q.Settle(t.Context())
		if err != nil || next.Sub(began) != want {
			t.Fatalf("Settle = %v, %v, want %v", next.Sub(began), err, want)
		}
		now = next
	}
	if next, err := q.Settle(t.Context()); err != nil || !next.IsZero() {
		t.Fatalf("Settle = %v, %v, want nothing left", next, err)
	}
	if got := ran.String(); got != "first-0s second-0s second-1h0m0s second-2h0m0s" {
		t.Errorf("ran %q", got)
	}
}
