package piece

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what this package does, among the figures of deals.
type metrics struct {
	packedBytes prometheus.Counter
	packSeconds prometheus.Histogram
	served      prometheus.Counter
	refused     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "deals", Name: name, Help: help})
	}
	m := &metrics{
		packedBytes: counter("packed_bytes_total", "Padded bytes of the pieces packed."),
		packSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "whypfs", Subsystem: "deals",
			Name: "pack_seconds", Help: "Time to pack a zone.", Buckets: prometheus.ExponentialBuckets(0.05, 4, 9)}),
		served: counter("served_bytes_total", "Piece bytes sent to providers."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "deals", Name: "pulls_refused_total",
			Help: "Requests for pieces beyond a limit: of all together, or of one token."}, []string{"limit"}),
	}
	if reg != nil {
		reg.MustRegister(m.packedBytes, m.packSeconds, m.served, m.refused)
	}
	return m
}

func (m *metrics) packed(pieces []Piece, took time.Duration) {
	for _, p := range pieces {
		m.packedBytes.Add(float64(p.PaddedSize))
	}
	m.packSeconds.Observe(took.Seconds())
}
