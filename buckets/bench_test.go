package buckets_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// benchBucket is a bucket without versions in a directory of its own.
func benchBucket(b *testing.B) (*buckets.Buckets, buckets.Bucket) {
	b.Helper()
	ctx := context.Background()
	store, err := kv.OpenBolt(ctx, filepath.Join(b.TempDir(), "meta.db"), kv.BoltOptions{})
	if err != nil {
		b.Fatal(err)
	}
	n, err := node.Open(ctx, node.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { n.Close(); store.Close() })
	s := buckets.New(store, n, queue.New(store, queue.Options{}), buckets.Options{Log: slog.New(slog.DiscardHandler)})
	bucket, err := s.CreateBucket(ctx, 7, "bench", buckets.BucketOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return s, bucket
}

// BenchmarkPut has 32 clients put small objects, over keys that are there or
// not, in a bucket without a tree and in one with.
func BenchmarkPut(b *testing.B) {
	for name, keys := range map[string]uint64{"new": 1 << 40, "overwrite": 64, "new, with a tree": 1 << 40, "overwrite, with a tree": 64} {
		b.Run(name, func(b *testing.B) {
			s, bucket := benchBucket(b)
			if strings.Contains(name, "tree") {
				if _, err := s.Tree(context.Background(), bucket, time.Minute); err != nil {
					b.Fatal(err)
				}
			}
			var n atomic.Uint64
			b.SetParallelism(16)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					_, err := s.Put(context.Background(), bucket, fmt.Sprint("key", i%keys), 7, upload(fmt.Sprint(i)), buckets.Attributes{}, buckets.Conditions{})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkList reads pages of 1000 objects.
func BenchmarkList(b *testing.B) {
	s, bucket := benchBucket(b)
	var n atomic.Uint64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := n.Add(1); i <= 1000; i = n.Add(1) {
				_, err := s.Put(context.Background(), bucket, fmt.Sprintf("key%05d", i), 7, upload("body"), buckets.Attributes{}, buckets.Conditions{})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportAllocs()
	for b.Loop() {
		page, err := s.List(context.Background(), bucket, buckets.Query{Max: 1000})
		if err != nil || len(page.Objects) != 1000 {
			b.Fatalf("%d objects, %v", len(page.Objects), err)
		}
	}
}

// BenchmarkTree builds the tree of 100,000 objects, nine of ten in one
// directory, and brings it up to date with the change of one and of a thousand.
func BenchmarkTree(b *testing.B) {
	const many = 100_000
	s, bucket := benchBucket(b)
	ctx := context.Background()
	put := func(i uint64, body string) {
		key := fmt.Sprintf("%02d/%07d.txt", i%10/9*i%50, i)
		if _, err := s.Put(ctx, bucket, key, 7, upload(body), buckets.Attributes{}, buckets.Conditions{}); err != nil {
			b.Error(err)
		}
	}
	var n atomic.Uint64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := n.Add(1); i <= many; i = n.Add(1) {
				put(i, "body")
			}
		})
	}
	wg.Wait()
	tree := func() {
		if t, err := s.Tree(ctx, bucket, time.Hour); err != nil || t.Pending {
			b.Fatalf("Tree = %+v, %v", t, err)
		}
	}
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			if err := s.ForgetTree(ctx, bucket); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			tree()
		}
	})
	for _, changes := range []uint64{1, 1000} {
		b.Run(fmt.Sprint("after changes of ", changes), func(b *testing.B) {
			b.ReportAllocs()
			tree()
			for round := 0; b.Loop(); round++ {
				b.StopTimer()
				for i := range changes {
					put((uint64(round)*changes+i)*7919%many+1, fmt.Sprint("body ", round))
				}
				b.StartTimer()
				tree()
			}
		})
	}
}
