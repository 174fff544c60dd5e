package segment

import "github.com/prometheus/client_golang/prometheus"

// metrics is one collector, so that a store registers and unregisters all at once.
type metrics struct {
	puts     *prometheus.CounterVec // result: written, found, failed
	bytes    prometheus.Counter
	syncs    prometheus.Histogram
	failures prometheus.Counter
	damaged  prometheus.Counter
	segments prometheus.GaugeFunc
	blocks   prometheus.GaugeFunc
	cached   prometheus.Counter

	indexReads  *prometheus.CounterVec // result: found, absent, listed, failed
	reindexed   prometheus.Counter
	indexMemory prometheus.GaugeFunc
}

func newMetrics(s *Store) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "blocks", Name: name, Help: help})
	}
	gauge := func(name, help string, fn func() int64) prometheus.GaugeFunc {
		opts := prometheus.GaugeOpts{Namespace: "whypfs", Subsystem: "blocks", Name: name, Help: help}
		return prometheus.NewGaugeFunc(opts, func() float64 {
			s.mu.RLock()
			defer s.mu.RUnlock()
			return float64(fn())
		})
	}
	return &metrics{
		puts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_blocks_puts_total", Help: "Blocks stored, by what it took.",
		}, []string{"result"}),
		bytes: counter("bytes_total", "Bytes of blocks written."),
		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "whypfs_blocks_sync_seconds", Help: "Time of one sync of a segment, which serves all who wait.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}),
		cached:   counter("cached_total", "Reads of large blocks that the cache in memory answered."),
		failures: counter("segment_failures_total", "Segments given up after a failed sync."),
		damaged:  counter("damaged_total", "Blocks read and found not to have their hash."),
		segments: gauge("segments", "Segment files.", func() int64 { return int64(len(s.order)) }),
		blocks: gauge("stored", "Copies of blocks in the store.", func() int64 {
			return s.sum(func(g *segment) int64 { return int64(g.totals.live) })
		}),
		indexReads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_blocks_index_reads_total",
			Help: "Reads of segment indexes, by result; absent: the filter was wrong that the block may be there.",
		}, []string{"result"}),
		reindexed: counter("index_rebuilds_total", "Segment indexes found damaged while in use, and made again."),
		indexMemory: gauge("index_memory_bytes", "Memory for filters and page prefixes of segment indexes.", func() int64 {
			return s.sum(func(g *segment) int64 {
				if g.disk == nil {
					return 0
				}
				return g.disk.memory()
			})
		}),
	}
}

// sum adds up a figure of the segments. The caller holds s.mu.
func (s *Store) sum(of func(*segment) int64) (n int64) {
	for _, g := range s.order {
		n += of(g)
	}
	return n
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.puts, m.bytes, m.syncs, m.failures, m.damaged, m.segments, m.blocks, m.cached,
		m.indexReads, m.reindexed, m.indexMemory}
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
