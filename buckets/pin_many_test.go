package buckets_test

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// nobody is a peer that does not answer.
const nobody = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWAfPDpPRRRBrmqy9is2zjU5srQ4hKuZitiGmh4NTTpS2d"

// rowCounter counts the rows that transactions read and write.
type rowCounter struct {
	kv.Store
	rows atomic.Int64
}

func (s *rowCounter) View(ctx context.Context, fn func(kv.Tx) error) error {
	return s.Store.View(ctx, func(tx kv.Tx) error { return fn(countedTx{tx, s}) })
}

func (s *rowCounter) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return s.Store.Update(ctx, func(tx kv.Tx) error { return fn(countedTx{tx, s}) })
}

// during is how many rows fn costs.
func (s *rowCounter) during(fn func()) int64 {
	before := s.rows.Load()
	fn()
	return s.rows.Load() - before
}

type countedTx struct {
	kv.Tx
	s *rowCounter
}

func (tx countedTx) Get(key []byte) ([]byte, error) {
	tx.s.rows.Add(1)
	return tx.Tx.Get(key)
}

func (tx countedTx) Put(key, value []byte) error {
	tx.s.rows.Add(1)
	return tx.Tx.Put(key, value)
}

func (tx countedTx) Delete(key []byte) error {
	tx.s.rows.Add(1)
	return tx.Tx.Delete(key)
}

func (tx countedTx) Scan(from, to []byte) iter.Seq2[kv.Row, error] {
	return func(yield func(kv.Row, error) bool) {
		for row, err := range tx.Tx.Scan(from, to) {
			tx.s.rows.Add(1)
			if !yield(row, err) {
				return
			}
		}
	}
}

// pinNobody queues n pins that nobody has.
func pinNobody(b *buckets.Buckets, n int) error {
	for ; n > 0; n -= min(n, 1000) {
		var batch []buckets.PinRequest
		for range min(n, 1000) {
			c := blockOf(cid.Raw, fmt.Appendf(nil, "nobody has %d", sequence.Add(1))).Cid
			batch = append(batch, buckets.PinRequest{CID: c, Origins: []string{nobody}})
		}
		if _, err := b.PinAll(context.Background(), 7, batch); err != nil {
			return err
		}
	}
	return nil
}

// However many pins wait: an upload costs the rows it costs without them, and
// so does finding the next; the queue has few jobs; and few are tried at once.
func TestManyPins(t *testing.T) {
	f := newPinTest(t, buckets.Options{Pins: buckets.PinOptions{MinBack: time.Hour, MaxBack: time.Hour}})
	rows := &rowCounter{Store: f.store.Store}
	f.store.Store = rows
	bucket := f.bucket("uploads")
	put := func() { f.put(bucket, "key", fresh(100)) }
	put()
	alone := rows.during(put)
	if err := pinNobody(f.Buckets, 10_000); err != nil {
		t.Fatal(err)
	}
	if got := rows.during(put); got != alone {
		t.Errorf("an upload costs %d rows, and %d without pins", got, alone)
	}
	for slot := range uint64(16) {
		cost := rows.during(func() {
			if p, err := f.NextPin(t.Context(), 7, slot); err != nil || p.ID == 0 {
				t.Errorf("next of slot %d: %+v, %v", slot, p, err)
			}
		})
		if cost > 2 {
			t.Errorf("finding the next of slot %d costs %d rows", slot, cost)
		}
	}
	if jobs, err := f.queue.List(t.Context(), "pin"); err != nil || len(jobs) != 16 {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}

	// Not f.metrics, for which all pins are counted now and then.
	reg := prometheus.NewRegistry()
	reg.MustRegister(f.PinTries())
	stop := f.start()
	tries, most := 0, 0
	cost := rows.during(func() {
		f.await("tries", func() bool {
			most = max(most, f.Pinning())
			tries = int(gauges(t, reg)["whypfs_pin_tries_total vain"])
			return tries >= 60
		})
	})
	stop()
	if most > 16 {
		t.Errorf("%d pins were tried at once", most)
	}
	if cost > int64(tries)*30 {
		t.Errorf("%d tries cost %d rows", tries, cost)
	}
}

// BenchmarkPutBesidePins has 16 clients put 4 KiB objects while no pins wait,
// or 100,000 that nobody has, and the jobs run.
func BenchmarkPutBesidePins(b *testing.B) {
	for _, pins := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("pins=%d", pins), func(b *testing.B) {
			ctx := context.Background()
			store, err := kv.OpenBolt(ctx, filepath.Join(b.TempDir(), "meta.db"), kv.BoltOptions{})
			if err != nil {
				b.Fatal(err)
			}
			n, err := node.Open(ctx, node.Config{Dir: b.TempDir(), ListenAddrs: []string{loopback}})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { n.Close(); store.Close() }()
			q, reg := queue.New(store, queue.Options{}), prometheus.NewRegistry()
			s := buckets.New(store, n, q, buckets.Options{Metrics: reg})
			bucket, err := s.CreateBucket(ctx, 7, "bench", buckets.BucketOptions{})
			if err != nil {
				b.Fatal(err)
			}
			if err := pinNobody(s, pins); err != nil {
				b.Fatal(err)
			}
			running, cancel := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { done <- q.Run(running) }()
			benchPuts(b, s, bucket)
			b.StopTimer()
			runtime.GC()
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			b.ReportMetric(float64(mem.HeapAlloc)/(1<<20), "heap-MiB")
			b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
			cancel()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}

// benchPuts reports how long puts take.
func benchPuts(b *testing.B, s *buckets.Buckets, bucket buckets.Bucket) {
	var mu sync.Mutex
	var all []time.Duration
	b.SetParallelism(8) // of 2 processors
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var mine []time.Duration
		for pb.Next() {
			i := sequence.Add(1)
			body := string(noise(i, 4096))
			began := time.Now()
			if _, err := s.Put(context.Background(), bucket, fmt.Sprint("key", i), 7, upload(body), buckets.Attributes{}, buckets.Conditions{}); err != nil {
				b.Error(err)
			}
			mine = append(mine, time.Since(began))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, mine...)
	})
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "put/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}
