package retrieve

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what this package does, among the figures of deals.
type metrics struct {
	restored      *prometheus.CounterVec
	restoredBytes prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "deals", Name: name, Help: help}
	}
	m := &metrics{
		restored:      prometheus.NewCounterVec(counter("restores_total", "Contents brought back, by result."), []string{"result"}),
		restoredBytes: prometheus.NewCounter(counter("restored_bytes_total", "Block bytes brought back from providers.")),
	}
	if reg != nil {
		reg.MustRegister(m.restored, m.restoredBytes)
	}
	return m
}
