package node

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// scrubMetrics count what scrubs have read.
type scrubMetrics struct {
	blocks *prometheus.CounterVec // result: sound, damaged, unreadable
	bytes  prometheus.Counter
}

func newScrubMetrics() *scrubMetrics {
	return &scrubMetrics{
		blocks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_scrub_blocks_total", Help: "Copies of blocks that a scrub has read again, by what it found.",
		}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "whypfs_scrub_bytes_total", Help: "Bytes of blocks that a scrub has read again.",
		}),
	}
}

func (m *scrubMetrics) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	return errors.Join(reg.Register(m.blocks), reg.Register(m.bytes))
}

func (m *scrubMetrics) unregister(reg prometheus.Registerer) {
	if reg != nil {
		reg.Unregister(m.blocks)
		reg.Unregister(m.bytes)
	}
}
