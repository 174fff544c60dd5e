package kv

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// boltMetrics are the figures of one store.
type boltMetrics struct {
	reg     prometheus.Registerer // nil registers nothing
	all     []prometheus.Collector
	commits *prometheus.CounterVec
	group   prometheus.Histogram
	seconds prometheus.Histogram
}

func newBoltMetrics(reg prometheus.Registerer, b *Bolt) boltMetrics {
	m := boltMetrics{
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
	free := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "whypfs_kv_free_pages", Help: "Pages of the file that hold nothing.",
	}, func() float64 { return float64(b.db.Stats().FreePageN) })
	m.all = []prometheus.Collector{m.commits, m.group, m.seconds, free}
	if reg != nil {
		reg.MustRegister(m.all...)
	}
	return m
}

func (m boltMetrics) committed(size int, d time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.commits.WithLabelValues(result).Inc()
	m.group.Observe(float64(size))
	m.seconds.Observe(d.Seconds())
}

// unregister lets a store of the same process be opened again.
func (m boltMetrics) unregister() {
	if m.reg == nil {
		return
	}
	for _, c := range m.all {
		m.reg.Unregister(c)
	}
}
