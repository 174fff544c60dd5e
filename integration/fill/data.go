package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/dirlock"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// data is an open data directory, connected as cmd/whypfs does it.
type data struct {
	lock   *dirlock.Lock
	store  kv.Store
	node   *node.Node
	queue  *queue.Queue
	b      *buckets.Buckets
	bucket buckets.Bucket
}

func open(ctx context.Context, o options) (d *data, err error) {
	if o.dir == "" {
		return nil, errors.New("--dir is missing")
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	d = &data{}
	if d.lock, err = dirlock.Acquire(o.dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.store, err = openStore(ctx, o); err != nil {
		return nil, err
	}
	if d.node, err = node.Open(ctx, node.Config{Dir: o.dir, DHT: "off"}); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d.queue = queue.New(d.store, queue.Options{Log: log})
	d.b = buckets.New(d.store, d.node, d.queue, buckets.Options{Log: log, Gather: 100 * time.Millisecond})
	d.bucket, err = d.b.Bucket(ctx, o.bucket)
	if errors.Is(err, buckets.ErrNoBucket) {
		d.bucket, err = d.b.CreateBucket(ctx, o.owner, o.bucket, buckets.BucketOptions{})
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func openStore(ctx context.Context, o options) (kv.Store, error) {
	if o.meta == "bolt" {
		return kv.OpenBolt(ctx, filepath.Join(o.dir, "meta.db"), kv.BoltOptions{})
	}
	return kv.OpenPebble(ctx, filepath.Join(o.dir, "meta"), kv.PebbleOptions{})
}

func (d *data) close() error {
	var errs []error
	if d.node != nil {
		errs = append(errs, d.node.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Release())
	}
	return errors.Join(errs...)
}

// key is the i-th key in byte order, of n in all.
func key(i, per int) string { return fmt.Sprintf("p%07d/object-%09d.dat", i/per, i) }
