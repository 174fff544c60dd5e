package node

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// noiseReader is size bytes that no other number gives.
func noiseReader(number uint64, size int64) io.Reader {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], number)
	return io.LimitReader(rand.NewChaCha8(seed), size)
}

const (
	sweptFiles = 1536
	sweptFile  = 1 << 20
)

// BenchmarkBesideSweep measures puts, and reads, of 1 MiB by 4 workers while
// every second file of 1.5 GiB is swept, and alone: see docs/performance.md.
func BenchmarkBesideSweep(b *testing.B) {
	for _, op := range []string{"put", "get"} {
		b.Run(op, func(b *testing.B) {
			for range b.N {
				besideSweep(b, op)
			}
		})
	}
}

func besideSweep(b *testing.B, op string) {
	n, err := Open(b.Context(), Config{Dir: b.TempDir(), SegmentSize: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	m := &rootSet{roots: map[cid.Cid]int{}}
	var number atomic.Uint64
	put := func() cid.Cid {
		lease := n.Lease()
		defer lease.Release()
		f, err := n.Import(b.Context(), noiseReader(number.Add(1), sweptFile), ImportOptions{})
		if err != nil {
			b.Error(err)
		}
		m.add(f.Root, 1)
		return f.Root
	}
	var all []cid.Cid
	for range sweptFiles {
		all = append(all, put())
	}
	var live []cid.Cid
	for i, c := range all {
		if i%2 == 0 {
			m.add(c, -1)
		} else {
			live = append(live, c)
		}
	}
	work := func(int) { put() }
	if op == "get" {
		work = func(i int) {
			f, err := n.OpenFile(b.Context(), live[i%len(live)])
			if err != nil {
				b.Error(err)
				return
			}
			defer f.Close()
			if k, err := io.Copy(io.Discard, f); k != sweptFile || err != nil {
				b.Errorf("read %d bytes, %v", k, err)
			}
		}
	}
	idle, cancel := context.WithTimeout(b.Context(), 4*time.Second)
	defer cancel()
	alone := perSecond(idle, work)

	sweeping, swept := context.WithCancel(b.Context())
	var res SweepResult
	var took time.Duration
	go func() {
		defer swept()
		start := time.Now()
		var err error
		if res, err = n.Sweep(b.Context(), m.yield); err != nil {
			b.Error(err)
		}
		took = time.Since(start)
	}()
	beside := perSecond(sweeping, work)
	b.ReportMetric(alone, "alone-MiB/s")
	b.ReportMetric(beside, "beside-MiB/s")
	b.ReportMetric(100*beside/alone, "%-of-alone")
	b.ReportMetric(float64(res.Bytes>>20), "freed-MiB")
	b.ReportMetric(took.Seconds(), "sweep-s")
}

// perSecond is how many times a second 4 workers do something until ctx ends.
func perSecond(ctx context.Context, work func(i int)) float64 {
	var done atomic.Int64
	var workers sync.WaitGroup
	start := time.Now()
	for w := range 4 {
		workers.Go(func() {
			for i := w; ctx.Err() == nil; i += 4 {
				work(i)
				done.Add(1)
			}
		})
	}
	workers.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}
