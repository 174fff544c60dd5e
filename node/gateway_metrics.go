package node

import "github.com/prometheus/client_golang/prometheus"

// fetchMetrics are the numbers of one gatewayFetcher.
type fetchMetrics struct {
	blocks *prometheus.CounterVec
	bytes  prometheus.Counter
	mine   registered
}

func (m *fetchMetrics) register(reg prometheus.Registerer, f *gatewayFetcher) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "whypfs", Subsystem: "gateway", Name: name, Help: help}
	}
	m.blocks = prometheus.NewCounterVec(prometheus.CounterOpts(opts("fetches_total",
		"Blocks that the gateway asked other nodes for, by what came of it.")), []string{"result"})
	m.bytes = prometheus.NewCounter(prometheus.CounterOpts(opts("fetched_bytes_total", "Bytes of the blocks that came.")))
	m.mine.register(reg, m.blocks, m.bytes,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("fetching_requests", "Requests that fetch.")), func() float64 { return float64(len(f.slots)) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("cache_bytes", "Bytes fetched and kept since the last sweep.")), func() float64 {
			return float64(min(f.kept.Load(), f.cfg.Cache))
		}))
}

func (m *fetchMetrics) done(result string) { m.blocks.WithLabelValues(result).Inc() }

// registered are collectors that one node shows in a registry.
type registered struct {
	reg  prometheus.Registerer
	mine []prometheus.Collector // those that reg took
}

// register shows all in reg, which may be nil. Of several nodes with one
// registry the first is shown.
func (r *registered) register(reg prometheus.Registerer, all ...prometheus.Collector) {
	if reg == nil {
		return
	}
	r.reg = reg
	for _, c := range all {
		if reg.Register(c) == nil {
			r.mine = append(r.mine, c)
		}
	}
}

// unregister lets the next node with the registry be shown.
func (r *registered) unregister() {
	for _, c := range r.mine {
		r.reg.Unregister(c)
	}
	r.mine = nil
}
