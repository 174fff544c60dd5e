package node

import (
	"fmt"
	"testing"
)

// A directory of a million entries: made, and changed by one and by a thousand.
func BenchmarkDir(b *testing.B) {
	const many = 1_000_000
	n := newTestNode(b, Config{})
	w := n.DirWriter(false)
	e := leafEntry(b, "", "x")
	name := func(i int) string { return fmt.Sprintf("object-%09d.parquet", i) }
	var root DirEntry
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for round := 0; b.Loop(); round++ {
			e.Tsize = uint64(round + 2) // other nodes each time
			build := w.Build()
			for i := range many {
				e.Name = name(i)
				if err := build.Add(e); err != nil {
					b.Fatal(err)
				}
			}
			root = storeDir(b, build)
			if err := w.Sync(b.Context()); err != nil {
				b.Fatal(err)
			}
			if err := build.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, changes := range []int{1, 1000} {
		b.Run(fmt.Sprint("change ", changes), func(b *testing.B) {
			for round := 0; b.Loop(); round++ {
				d, err := w.Open(b.Context(), root.Root)
				if err != nil {
					b.Fatal(err)
				}
				for i := range changes {
					e.Name, e.Tsize = name((round*changes+i)*7919%many), uint64(1000+round)
					if err := d.Set(b.Context(), e); err != nil {
						b.Fatal(err)
					}
				}
				root = storeDir(b, d)
				if err := w.Sync(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
