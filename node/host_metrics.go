package node

import (
	"context"

	"github.com/ipfs/boxo/bitswap"
	"github.com/prometheus/client_golang/prometheus"
)

// hostMetrics are the numbers of one host, taken when they are asked for.
// libp2p and the gateway have metrics of their own, under their usual names.
type hostMetrics struct {
	reg  prometheus.Registerer
	mine []prometheus.Collector // those that reg took
}

// register shows the numbers of h in reg, which may be nil. Of several nodes
// with one registry the first is shown.
func (m *hostMetrics) register(reg prometheus.Registerer, h *host) {
	if reg == nil {
		return
	}
	stat := func(read func(*bitswap.Stat) uint64) func() float64 {
		return func() float64 {
			s, err := h.swap.Stat()
			if err != nil {
				return 0 // only a node without a bitswap server has an error here
			}
			return float64(read(s))
		}
	}
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "whypfs", Subsystem: "node", Name: name, Help: help}
	}
	counter := func(name, help string, read func(*bitswap.Stat) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts(opts(name, help)), stat(read))
	}
	m.reg = reg
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("peers", "Connected peers.")), func() float64 {
			return float64(len(h.p2p.Network().Peers()))
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("isolated", "1 while no peer is connected: only those who dial this node find it.")), func() float64 {
			if len(h.p2p.Network().Peers()) == 0 {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("announced", "Roots, or blocks, that the network is told of.")), func() float64 {
			n, err := h.announce.count(context.Background())
			if err != nil {
				return 0 // only a node that is being closed has an error here
			}
			return float64(n)
		}),
		counter("bitswap_sent_blocks_total", "Blocks sent to peers.", func(s *bitswap.Stat) uint64 { return s.BlocksSent }),
		counter("bitswap_sent_bytes_total", "Bytes of the blocks sent to peers.", func(s *bitswap.Stat) uint64 { return s.DataSent }),
		counter("bitswap_received_blocks_total", "Blocks received from peers.", func(s *bitswap.Stat) uint64 { return s.BlocksReceived }),
		counter("bitswap_received_bytes_total", "Bytes of the blocks received from peers.", func(s *bitswap.Stat) uint64 { return s.DataReceived }),
	} {
		if reg.Register(c) == nil {
			m.mine = append(m.mine, c)
		}
	}
}

// unregister lets the next node with the registry be shown.
func (m *hostMetrics) unregister() {
	for _, c := range m.mine {
		m.reg.Unregister(c)
	}
	m.mine = nil
}
