package buckets

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// metrics of the package; without a registerer they count for nobody.
type metrics struct {
	objects *prometheus.CounterVec // by op: put, copy, complete, delete
	events  *prometheus.CounterVec // by webhook, and result: delivered, failed, dropped
	pins    pinMetrics

	retrievals *prometheus.CounterVec // by cause and result
	retrieved  prometheus.Counter     // bytes

	offloads, offloaded prometheus.Counter // objects and bytes that the job offload gave up
}

func newMetrics(reg prometheus.Registerer, b *Buckets) metrics {
	m := metrics{objects: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "whypfs_buckets_objects_total",
		Help: "Objects made visible or removed, by operation.",
	}, []string{"op"}), events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "whypfs_buckets_events_total",
		Help: "Events for webhooks: delivered, failed (and tried again), or dropped since too many waited.",
	}, []string{"webhook", "result"}), pins: newPinMetrics()}
	m.offloads = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "whypfs_buckets_offloaded_objects_total",
		Help: "Objects whose local copies were given up because the disk got full.",
	})
	m.offloaded = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "whypfs_buckets_offloaded_bytes_total",
		Help: "Bytes of these objects.",
	})
	m.retrievals, m.retrieved = newRetrievalMetrics()
	if reg != nil {
		reg.MustRegister(m.objects, m.events, m.retrievals, m.retrieved, m.offloads, m.offloaded, &zoneCollector{b: b, desc: prometheus.NewDesc(
			"whypfs_buckets_zones", "Zones by state.", []string{"state"}, nil)})
		m.pins.register(reg, b)
	}
	return m
}

// zoneCollector counts zones when it is asked to: a counter kept up to date by
// every process would have to be one row that all of them write.
type zoneCollector struct {
	b    *Buckets
	desc *prometheus.Desc
}

func (c *zoneCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c *zoneCollector) Collect(ch chan<- prometheus.Metric) {
	counts, err := c.b.zoneCounts(context.Background())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	for _, state := range zoneStates {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

func (b *Buckets) zoneCounts(ctx context.Context) (counts map[ZoneState]int, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		counts = map[ZoneState]int{}
		for z, err := range zoneRows(tx) {
			if err != nil {
				return err
			}
			counts[z.State]++
		}
		return nil
	})
	return counts, err
}
