package retrieve

import "github.com/prometheus/client_golang/prometheus"

// Where bytes come from, in the order in which it is tried.
const (
	viaPiece   = "piece"
	viaCAR     = "car"
	viaNetwork = "network"
)

// metrics counts what this package does, among the figures of deals.
type metrics struct {
	restored      *prometheus.CounterVec
	restoredBytes prometheus.Counter
	fetchedBytes  *prometheus.CounterVec
	received      *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "whypfs", Subsystem: "deals", Name: name, Help: help}
	}
	fetched := prometheus.NewCounterVec(counter("fetched_bytes_total", "Block bytes that came and had their hash, by where from."), []string{"from"})
	received := prometheus.NewCounterVec(counter("received_bytes_total", "Bytes that came from providers, also those that were skipped or wrong, by where from."), []string{"from"})
	m := &metrics{
		received:      received,
		fetchedBytes:  fetched,
		restored:      prometheus.NewCounterVec(counter("restores_total", "Contents brought back, by result."), []string{"result"}),
		restoredBytes: prometheus.NewCounter(counter("restored_bytes_total", "Block bytes brought back from providers.")),
	}
	if reg != nil {
		reg.MustRegister(m.restored, m.restoredBytes, m.fetchedBytes, m.received)
	}
	return m
}
