package deals

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what this package does. Labels are states, phases and results.
type metrics struct {
	packedBytes   prometheus.Counter
	packSeconds   prometheus.Histogram
	moves         *prometheus.CounterVec
	failures      *prometheus.CounterVec
	proposals     *prometheus.CounterVec
	served        prometheus.Counter
	restored      *prometheus.CounterVec
	restoredBytes prometheus.Counter
	head          prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "deals", Name: name, Help: help}
	}
	m := &metrics{
		packedBytes: prometheus.NewCounter(counter("packed_bytes_total", "Padded bytes of the pieces packed.")),
		packSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "whypfs", Subsystem: "deals",
			Name: "pack_seconds", Help: "Time to pack a zone.", Buckets: prometheus.ExponentialBuckets(0.05, 4, 9)}),
		moves:         prometheus.NewCounterVec(counter("moves_total", "Deals that reached a state."), []string{"state"}),
		failures:      prometheus.NewCounterVec(counter("failures_total", "Failed attempts, by phase."), []string{"phase"}),
		proposals:     prometheus.NewCounterVec(counter("proposals_total", "Proposals sent, by result."), []string{"result"}),
		served:        prometheus.NewCounter(counter("served_bytes_total", "Piece bytes sent to providers.")),
		restored:      prometheus.NewCounterVec(counter("restores_total", "Contents brought back, by result."), []string{"result"}),
		restoredBytes: prometheus.NewCounter(counter("restored_bytes_total", "Block bytes brought back from providers.")),
		head: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "whypfs", Subsystem: "deals",
			Name: "head_epoch", Help: "Newest epoch of the chain."}),
	}
	if reg != nil {
		reg.MustRegister(m.packedBytes, m.packSeconds, m.moves, m.failures, m.proposals, m.served, m.restored, m.restoredBytes, m.head)
	}
	return m
}

func (m *metrics) packed(pieces []Piece, took time.Duration) {
	for _, p := range pieces {
		m.packedBytes.Add(float64(p.PaddedSize))
	}
	m.packSeconds.Observe(took.Seconds())
}
