package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// list measures pages of listings, spread over the bucket.
func (d *data) list(ctx context.Context, o options) error {
	kinds := []struct {
		name, delimiter string
	}{{"1000 keys", ""}, {"1000 prefixes", "/"}}
	for _, kind := range kinds {
		var took time.Duration
		var entries int
		before := take(o.dir)
		for i := range o.list {
			at := i * 7919 % o.list // one page is no help to the next
			after := key(at*(o.n-o.n/4)/o.list, o.per)
			if kind.delimiter != "" {
				after = after[:len("p0000000")]
			}
			began := time.Now()
			page, err := d.b.List(ctx, d.bucket, buckets.Query{Delimiter: kind.delimiter, After: after, Max: 1000})
			if err != nil {
				return err
			}
			took += time.Since(began)
			entries += len(page.Objects) + len(page.Prefixes)
		}
		now := take(o.dir)
		fmt.Printf("%-14s %v a page (cpu %v), %d entries a page\n", kind.name, took/time.Duration(o.list),
			(now.user+now.sys-before.user-before.sys)/time.Duration(o.list), entries/o.list)
	}
	return nil
}

// heads measures looking up objects that are there, in an order that has none.
func (d *data) heads(ctx context.Context, o options) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, o.workers)
	before := take(o.dir)
	for range o.workers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(o.heads); i = next.Add(1) {
				n := int(i) * 7919 % o.n
				if !o.sorted {
					n = n * stride % span
				}
				if _, err := d.b.Head(ctx, d.bucket, key(n, o.per), ""); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	now := take(o.dir)
	fmt.Printf("%-14s %v each (cpu %v)\n", "head", now.at.Sub(before.at)/time.Duration(o.heads),
		(now.user+now.sys-before.user-before.sys)/time.Duration(o.heads))
	return <-errs
}
