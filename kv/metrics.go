package kv

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// storeMetrics are the figures of one store.
type storeMetrics struct {
	reg     prometheus.Registerer // nil registers nothing
	all     []prometheus.Collector
	commits *prometheus.CounterVec
	group   prometheus.Histogram
	seconds prometheus.Histogram
}

// newStoreMetrics are the figures that every driver has, with some of its own.
func newStoreMetrics(reg prometheus.Registerer, own ...prometheus.Collector) storeMetrics {
	m := storeMetrics{
		reg: reg,
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_kv_commits_total", Help: "Group commits by result.",
		}, []string{"result"}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "whypfs_kv_group_size", Help: "Transactions per group commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "whypfs_kv_commit_seconds", Help: "Time a group commit took to become durable.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 15),
		}),
	}
	m.all = append([]prometheus.Collector{m.commits, m.group, m.seconds}, own...)
	if reg != nil {
		reg.MustRegister(m.all...)
	}
	return m
}

func boltGauges(b *Bolt) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "whypfs_kv_free_pages", Help: "Pages of the file that hold nothing.",
	}, func() float64 { return float64(b.db.Stats().FreePageN) })
}

func pebbleGauges(db *pebble.DB) []prometheus.Collector {
	gauge := func(name, help string, of func(*pebble.Metrics) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return of(db.Metrics()) })
	}
	return []prometheus.Collector{
		gauge("whypfs_kv_disk_bytes", "Size of the store on the disk.",
			func(m *pebble.Metrics) float64 { return float64(m.DiskSpaceUsage()) }),
		gauge("whypfs_kv_memory_bytes", "Memory of the store's cache and of rows that are in no table yet.",
			func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Size) + float64(m.MemTable.Size) }),
		gauge("whypfs_kv_compaction_debt_bytes", "What compactions have to read to be up to date.",
			func(m *pebble.Metrics) float64 { return float64(m.Compact.EstimatedDebt) }),
		gauge("whypfs_kv_read_amplification", "Places in which a row may be looked for.",
			func(m *pebble.Metrics) float64 { return float64(m.ReadAmp()) }),
	}
}

func (m storeMetrics) committed(size int, d time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.commits.WithLabelValues(result).Inc()
	m.group.Observe(float64(size))
	m.seconds.Observe(d.Seconds())
}

// unregister lets a store of the same process be opened again.
func (m storeMetrics) unregister() {
	if m.reg == nil {
		return
	}
	for _, c := range m.all {
		m.reg.Unregister(c)
	}
}
