package kv_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// BenchmarkUpdate shows how many durable commits of a 300 byte row there are in
// a second, by the number of writers, and how many share a sync.
func BenchmarkUpdate(b *testing.B) {
	for _, test := range []struct {
		driver  string
		writers int
	}{{"bolt", 1}, {"bolt", 64}, {"pebble", 1}, {"pebble", 64}} {
		writers := test.writers
		b.Run(fmt.Sprintf("%s/writers=%d", test.driver, writers), func(b *testing.B) {
			reg := prometheus.NewRegistry()
			var s kv.Store
			if test.driver == "bolt" {
				s = openBolt(b, filepath.Join(b.TempDir(), "meta.db"), kv.BoltOptions{Metrics: reg})
			} else {
				s = openPebble(b, b.TempDir(), kv.PebbleOptions{Metrics: reg})
			}
			value := make([]byte, 300)
			var next atomic.Uint64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for {
						n := next.Add(1)
						if n > uint64(b.N) {
							return
						}
						err := s.Update(background, func(tx kv.Tx) error { return tx.Put(kv.Key("bench", n*0x9e3779b97f4a7c15), value) })
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			families, err := reg.Gather()
			if err != nil {
				b.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "whypfs_kv_group_size" {
					h := f.GetMetric()[0].GetHistogram()
					b.ReportMetric(h.GetSampleSum()/float64(h.GetSampleCount()), "updates/sync")
				}
			}
		})
	}
}

// BenchmarkView is a read transaction of one row.
func BenchmarkView(b *testing.B) {
	b.Run("bolt", func(b *testing.B) { benchView(b, openBolt(b, filepath.Join(b.TempDir(), "meta.db"), kv.BoltOptions{})) })
	b.Run("pebble", func(b *testing.B) { benchView(b, openPebble(b, b.TempDir(), kv.PebbleOptions{})) })
}

func benchView(b *testing.B, s kv.Store) {
	key := kv.Key("bench")
	if err := s.Update(background, func(tx kv.Tx) error { return tx.Put(key, make([]byte, 300)) }); err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			err := s.View(background, func(tx kv.Tx) error {
				_, err := tx.Get(key)
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
}
