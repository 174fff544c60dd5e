package node

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// BenchmarkFetchDAG brings a DAG of 20,000 small blocks, and one of 256 of a
// MiB, from a peer on loopback, and then finds all of it here, from the
// beginning and where the fetch was.
func BenchmarkFetchDAG(b *testing.B) {
	for name, size := range map[string]struct{ nodes, leaves, bytes int }{
		"20000x300B": {20, 1000, 300},
		"256x1MiB":   {2, 128, 1 << 20},
	} {
		b.Run(name, func(b *testing.B) {
			var shelf []Block
			from, err := Open(b.Context(), Config{Dir: b.TempDir(), ListenAddrs: []string{loopback}})
			if err != nil {
				b.Fatal(err)
			}
			defer from.Close()
			lease := from.Lease()
			defer lease.Release()
			total := int64(0)
			store := func(blocks ...Block) {
				for _, blk := range blocks {
					total += int64(len(blk.Data))
				}
				if err := from.PutBlocks(b.Context(), blocks, false); err != nil {
					b.Fatal(err)
				}
			}
			for i := range size.nodes {
				var leaves []Block
				links := make([]cid.Cid, 0, size.leaves)
				for j := range size.leaves {
					leaf := rawOf(b, fmt.Sprint(i, "/", j, strings.Repeat(" ", size.bytes)))
					leaves, links = append(leaves, leaf), append(links, leaf.Cid)
				}
				node := cborOf(b, links...)
				shelf = append(shelf, node)
				store(append(leaves, node)...)
			}
			var links []cid.Cid
			for _, s := range shelf {
				links = append(links, s.Cid)
			}
			root := cborOf(b, links...)
			store(root)
			for b.Loop() {
				n, err := Open(b.Context(), Config{Dir: b.TempDir(), ListenAddrs: []string{loopback}})
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				s, err := n.FetchDAG(b.Context(), root.Cid, FetchOptions{Origins: from.Addrs()[:1], Idle: time.Minute})
				if err != nil {
					b.Fatal(err)
				}
				took := time.Since(began)
				b.ReportMetric(float64(s.Blocks)/took.Seconds(), "blocks/s")
				b.ReportMetric(float64(total)/took.Seconds()/1e6, "MB/s")
				var mem runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&mem)
				b.ReportMetric(float64(mem.HeapAlloc)/(1<<20), "heap-MiB")
				began = time.Now()
				if _, err := n.FetchDAG(b.Context(), root.Cid, FetchOptions{MaxLinks: 1 << 30}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(time.Since(began).Milliseconds()), "walk-ms")
				if err := n.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
