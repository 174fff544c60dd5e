package collections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

var (
	ErrNotFound = errors.New("no such collection")
	ErrNotOwner = errors.New("the collection is somebody else's")
	ErrInvalid  = errors.New("invalid collection") // wrapped with what is wrong
	ErrPath     = errors.New("invalid path")       // wrapped with what is wrong
	ErrExists   = errors.New("something else is at that path")
)

// Collections keeps the collections. It is safe for concurrent use.
type Collections struct {
	store   kv.Store
	buckets *buckets.Buckets
	queue   *queue.Queue
}

// Kinds of jobs, and what their ids name.
const (
	jobReferences = "references" // singleton: those to what is gone are removed
	jobForget     = "forget"     // uuid of a deleted collection
)

const (
	singleton = "daily"
	day       = 24 * time.Hour
)

// New returns the collections in store, which is that of b, and registers their
// jobs with q.
func New(store kv.Store, b *buckets.Buckets, q *queue.Queue) *Collections {
	c := &Collections{store: store, buckets: b, queue: q}
	q.Handle(jobForget, 1, c.forget)
	q.Handle(jobReferences, 1, func(ctx context.Context, _ string) error {
		if err := c.Clean(ctx); err != nil {
			return err
		}
		return queue.Later(time.Now().Add(day), "runs daily")
	})
	return c
}

// Start sees that the daily job exists. It is called once, before the queue runs.
func (c *Collections) Start(ctx context.Context) error {
	err := c.store.Update(ctx, func(tx kv.Tx) error {
		return c.queue.Add(tx, jobReferences, singleton, time.Now().Add(day))
	})
	if err != nil {
		return fmt.Errorf("start the jobs of collections: %w", err)
	}
	return nil
}
