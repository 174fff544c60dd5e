package segment

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/multiformats/go-multihash"
)

// The rate of durable puts of new blocks by several writers.
func BenchmarkPut(b *testing.B) {
	for _, c := range []struct{ size, writers int }{{4 << 10, 16}, {64 << 10, 8}, {1 << 20, 8}} {
		b.Run(fmt.Sprintf("%dKiB_x%d", c.size>>10, c.writers), func(b *testing.B) {
			s, err := Open(b.Context(), b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.SetBytes(int64(c.size))
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range c.writers {
				wg.Go(func() {
					data := make([]byte, c.size)
					r := rand.New(rand.NewPCG(uint64(w), 1))
					for left.Add(-1) >= 0 {
						binary.LittleEndian.PutUint64(data, r.Uint64())
						if err := put(s, false, newBlock(b, data, multihash.SHA2_256)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
		})
	}
}

// manyBlocks is a directory of segments of n blocks each, as far as an open and
// a look for a block can tell: no data is in them.
func manyBlocks(b *testing.B, segments, n int) (dir string, known []key) {
	b.Helper()
	dir = b.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	d := osFiles{dir: dir, root: root}
	r := rand.New(rand.NewPCG(1, 2))
	for id := range segments {
		entries := make([]entry, n)
		off := uint32(len(header))
		for i := range entries {
			e := &entries[i]
			for j := 0; j < 32; j += 8 {
				binary.LittleEndian.PutUint64(e.sum[j:], r.Uint64())
			}
			e.loc = loc{seg: uint32(id), off: off, size: 100, head: markSize + 38}
			off += uint32(e.length())
		}
		known = append(known, entries[0].key, entries[n/2].key)
		x, err := writeIndex(d, uint32(id), contents{end: int64(off), entries: entries})
		if err != nil {
			b.Fatal(err)
		}
		if err := x.release(); err != nil {
			b.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, dataName(uint32(id))))
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Truncate(int64(off)); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return dir, known
}

// Stores of 5 million blocks, of 4 KiB and of 1 MiB: how long they take to open,
// what they take of memory, and how long it takes to find a block or none.
func BenchmarkFiveMillion(b *testing.B) {
	for _, c := range []struct{ segments, blocks int }{{40, 125_000}, {10_000, 500}} {
		b.Run(fmt.Sprintf("%d_segments", c.segments), func(b *testing.B) {
			dir, known := manyBlocks(b, c.segments, c.blocks)
			open := func(b *testing.B) *Store {
				s, err := Open(context.Background(), dir, Options{})
				if err != nil {
					b.Fatal(err)
				}
				return s
			}
			b.Run("open", func(b *testing.B) {
				var before, after runtime.MemStats
				for b.Loop() {
					runtime.GC()
					runtime.ReadMemStats(&before)
					s := open(b)
					b.StopTimer()
					runtime.GC()
					runtime.ReadMemStats(&after)
					b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(c.segments*c.blocks), "B/block")
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
			s := open(b)
			defer s.Close()
			look := func(keys []key, want bool) func(*testing.B) {
				return func(b *testing.B) {
					for i := 0; b.Loop(); i++ {
						ok, err := s.find(keys[i%len(keys)], func(*segment, loc) bool { return true })
						if ok != want || err != nil {
							b.Fatalf("find = %v, %v", ok, err)
						}
					}
				}
			}
			b.Run("found", look(known, true))
			for i := range known {
				known[i].sum[5] ^= 1
			}
			b.Run("absent", look(known, false))
		})
	}
}
