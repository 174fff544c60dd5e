package deals

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what this package does. Labels are states, phases and results.
type metrics struct {
	moves     *prometheus.CounterVec
	failures  *prometheus.CounterVec
	proposals *prometheus.CounterVec
	head      prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "deals", Name: name, Help: help}
	}
	m := &metrics{
		moves:     prometheus.NewCounterVec(counter("moves_total", "Deals that reached a state."), []string{"state"}),
		failures:  prometheus.NewCounterVec(counter("failures_total", "Failed attempts, by phase."), []string{"phase"}),
		proposals: prometheus.NewCounterVec(counter("proposals_total", "Proposals sent, by result."), []string{"result"}),
		head: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "whypfs", Subsystem: "deals",
			Name: "head_epoch", Help: "Newest epoch of the chain."}),
	}
	if reg != nil {
		reg.MustRegister(m.moves, m.failures, m.proposals, m.head)
	}
	return m
}
