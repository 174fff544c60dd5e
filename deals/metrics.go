package deals

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what this package does. Labels are states, phases and results.
type metrics struct {
	moves     *prometheus.CounterVec
	failures  *prometheus.CounterVec
	proposals *prometheus.CounterVec
	samples   *prometheus.CounterVec
	head      prometheus.Gauge
	escrow    prometheus.Gauge
	topups    *prometheus.CounterVec
	sighted   *prometheus.CounterVec
	signed    prometheus.Counter
	today     prometheus.Gauge

	sampleSeconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "deals", Name: name, Help: help}
	}
	m := &metrics{
		moves:     prometheus.NewCounterVec(counter("moves_total", "Deals that reached a state."), []string{"state"}),
		failures:  prometheus.NewCounterVec(counter("failures_total", "Failed attempts, by phase."), []string{"phase"}),
		proposals: prometheus.NewCounterVec(counter("proposals_total", "Proposals sent, by result."), []string{"result"}),
		samples:   prometheus.NewCounterVec(counter("samples_total", "Random ranges of pieces fetched from their providers, by result."), []string{"result"}),
		sampleSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "whypfs", Subsystem: "deals",
			Name: "sample_seconds", Help: "How long good samples took.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 13)}),
		head: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "whypfs", Subsystem: "deals",
			Name: "head_epoch", Help: "Newest epoch of the chain."}),
	}
	m.escrow = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "whypfs", Subsystem: "deals",
		Name: "escrow_free_fil", Help: "What was free in escrow to pay for deals when it was last looked at, in FIL; only with --escrow-topup."})
	m.topups = prometheus.NewCounterVec(counter("topups_total", "Payments into escrow that ended, by result."), []string{"result"})
	m.signed = prometheus.NewCounter(counter("signed_fil_total", "What the deals cost that were signed, in FIL."))
	m.today = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "whypfs", Subsystem: "deals",
		Name: "signed_today_fil", Help: "What the deals cost that were signed on this day (UTC), in FIL, as of the newest head."})
	m.sighted = prometheus.NewCounterVec(counter("sighted_total", "Deals that an event of the chain led to before their provider did, by the state they were in."), []string{"state"})
	if reg != nil {
		reg.MustRegister(m.sighted, m.signed, m.today, m.moves, m.failures, m.proposals, m.samples, m.sampleSeconds, m.head, m.escrow, m.topups)
	}
	return m
}
