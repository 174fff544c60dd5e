package pebble

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics is one collector, so that a store registers and unregisters all at
// once. What all drivers count has the same name.
type metrics struct {
	puts    *prometheus.CounterVec // result: written, found, failed
	bytes   prometheus.Counter
	syncs   prometheus.Histogram
	damaged prometheus.Counter
	blocks  prometheus.GaugeFunc
}

func newMetrics(s *Store) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "blocks", Name: name, Help: help})
	}
	return &metrics{
		puts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_blocks_puts_total", Help: "Blocks stored, by what it took.",
		}, []string{"result"}),
		bytes: counter("bytes_total", "Bytes of blocks written."),
		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "whypfs_blocks_sync_seconds", Help: "Time of one sync of the log, which serves all who wait.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}),
		damaged: counter("damaged_total", "Blocks read and found not to have their hash."),
		blocks: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "whypfs_blocks_stored", Help: "Blocks in the store.",
		}, func() float64 { return float64(s.count.Load()) }),
	}
}

// timer starts to time a sync.
func (m *metrics) timer() (stop func()) {
	start := time.Now()
	return func() { m.syncs.Observe(time.Since(start).Seconds()) }
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.puts, m.bytes, m.syncs, m.damaged, m.blocks}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
}
