package buckets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/internal/lifecycle"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// documentLifecycle is the name of a bucket's lifecycle rules among its documents.
const documentLifecycle = "lifecycle"

// Lifecycle returns a bucket's lifecycle rules, nil if it has none. They are
// shared, and cost a read only where there are some that are not known yet.
func (b *Buckets) Lifecycle(ctx context.Context, bucket Bucket) (*lifecycle.Config, error) {
	if bucket.Documents[documentLifecycle] == 0 {
		return nil, nil
	}
	var rules *lifecycle.Config
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		rules, err = b.lifecycles.get(tx, bucket, documentLifecycle)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lifecycle rules of %q: %w", bucket.Name, err)
	}
	return rules, nil
}

// SetLifecycle replaces a bucket's lifecycle rules, which must be valid; nil
// takes them away. The job lifecycle applies them from then on, once a day.
func (b *Buckets) SetLifecycle(ctx context.Context, bucket Bucket, rules *lifecycle.Config) error {
	var data []byte
	if rules != nil {
		var err error
		if data, err = json.Marshal(rules); err != nil {
			return fmt.Errorf("lifecycle rules: %w", err)
		}
	}
	candidate, first := b.newID(), b.clock.Next(time.Now())
	_, err := b.changeBucket(ctx, bucket.UUID, func(tx kv.Tx, bucket *Bucket) error {
		err := bucket.setDocument(tx, documentLifecycle, data, candidate)
		if err == nil && rules != nil {
			err = b.queue.Add(tx, jobLifecycle, bucket.UUID, first)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set lifecycle rules of %q: %w", bucket.Name, err)
	}
	return nil
}

// LifecycleItem is a version as rules see it.
func LifecycleItem(o Object) lifecycle.Item {
	return lifecycle.Item{
		Key: o.Key, Size: o.Size, Modified: o.Modified, Class: o.Class,
		Tag: func(key string) (string, bool) {
			for _, t := range o.Tags {
				if t.Key == key {
					return t.Value, true
				}
			}
			return "", false
		},
	}
}

// applyLifecycle is the job that does what a bucket's rules ask for by now. It
// comes back until the bucket or its rules are gone.
func (b *Buckets) applyLifecycle(ctx context.Context, uuid string) error {
	bucket, err := b.BucketByUUID(ctx, uuid)
	if errors.Is(err, ErrNoBucket) {
		return b.endWalk(ctx, uuid)
	}
	if err != nil {
		return err
	}
	rules, err := b.Lifecycle(ctx, bucket)
	if err != nil {
		return err
	}
	if rules == nil {
		return b.endWalk(ctx, uuid)
	}
	began := time.Now()
	w := &lifecycleWalk{b: b, bucket: bucket, rules: rules}
	err = w.run(ctx)
	if errors.Is(err, errRulesChanged) {
		return b.applyLifecycle(ctx, uuid)
	}
	if err != nil {
		return fmt.Errorf("lifecycle of bucket %q: %w", bucket.Name, err)
	}
	return queue.Later(b.clock.Next(began), w.summary())
}
