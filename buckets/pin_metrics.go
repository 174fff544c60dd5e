package buckets

import (
	"context"
	"fmt"
	"maps"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// pinMetrics are the figures of pins.
type pinMetrics struct {
	tries         *prometheus.CounterVec // by result
	blocks, bytes prometheus.Counter
}

func newPinMetrics() pinMetrics {
	return pinMetrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_pin_tries_total",
			Help: "Tries to fetch pins by result: pinned, failed (for good), broken (off after some blocks), vain (no block came), slice (others had their turn), removed (meanwhile).",
		}, []string{"result"}),
		blocks: prometheus.NewCounter(prometheus.CounterOpts{Name: "whypfs_pin_fetched_blocks_total", Help: "Blocks fetched for pins."}),
		bytes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "whypfs_pin_fetched_bytes_total", Help: "Bytes of these blocks."}),
	}
}

func (m pinMetrics) register(reg prometheus.Registerer, b *Buckets) {
	reg.MustRegister(m.tries, m.blocks, m.bytes, &pinCollector{b: b,
		pins:    prometheus.NewDesc("whypfs_pins", "Pins by state.", []string{"state"}, nil),
		running: prometheus.NewDesc("whypfs_pins_running", "Pins that are being fetched.", nil, nil)})
}

// pinCollector counts pins when it is asked to.
type pinCollector struct {
	b             *Buckets
	pins, running *prometheus.Desc
}

func (c *pinCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.pins
	ch <- c.running
}

func (c *pinCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(c.running, prometheus.GaugeValue, float64(c.b.pinning.running()))
	counts, err := c.b.PinCounts(context.Background())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.pins, err)
		return
	}
	for _, state := range PinStates {
		ch <- prometheus.MustNewConstMetric(c.pins, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

// PinCounts says how many pins there are in each state. The figures may be some
// seconds old.
func (b *Buckets) PinCounts(ctx context.Context) (map[PinState]int64, error) {
	counts, err := b.pinCounts.Get(totalsAge, func() (map[PinState]int64, error) { return b.countPins(ctx) })
	if err != nil {
		return nil, fmt.Errorf("count pins: %w", err)
	}
	return maps.Clone(counts), nil
}

func (b *Buckets) countPins(ctx context.Context) (map[PinState]int64, error) {
	idSize := len(kv.Key(uint64(0)))
	byStart := map[string]int64{} // of keys, which is what differs by owner and state
	err := b.view(ctx, func(tx kv.Tx) error {
		clear(byStart)
		for row, err := range tx.Scan(kv.Range(tabPinState)) {
			if err != nil {
				return err
			}
			byStart[string(row.Key[:len(row.Key)-idSize])]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	counts := map[PinState]int64{}
	for start, n := range byStart {
		var state string
		if err := kv.Unkey([]byte(start), nil, nil, &state); err != nil {
			return nil, err
		}
		counts[PinState(state)] += n
	}
	return counts, nil
}
