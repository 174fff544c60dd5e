package queue

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// metrics are the figures of a queue. The number of jobs is counted in the store
// when it is asked for: a count kept beside it would drift with every commit
// whose outcome is unknown.
type metrics struct {
	q       *Queue
	reg     prometheus.Registerer // nil registers nothing
	jobs    *prometheus.Desc
	running *prometheus.Desc
	lag     *prometheus.Desc
	runs    *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// countTime bounds how long a scrape may count.
const countTime = 5 * time.Second

func newMetrics(q *Queue, reg prometheus.Registerer) *metrics {
	label := []string{"kind"}
	return &metrics{
		q: q, reg: reg,
		jobs:    prometheus.NewDesc("whypfs_queue_jobs", "Jobs that wait or run.", label, nil),
		running: prometheus.NewDesc("whypfs_queue_running", "Jobs that run.", label, nil),
		lag:     prometheus.NewDesc("whypfs_queue_lag_seconds", "How long the first job has been due.", label, nil),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_queue_runs_total", Help: "Runs of jobs by result.",
		}, []string{"kind", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "whypfs_queue_run_seconds", Help: "Duration of runs.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}, label),
	}
}

func (m *metrics) register() (unregister func()) {
	if m.reg == nil {
		return func() {}
	}
	all := []prometheus.Collector{m, m.runs, m.seconds}
	m.reg.MustRegister(all...)
	return func() {
		for _, c := range all {
			m.reg.Unregister(c)
		}
	}
}

func (m *metrics) ran(kind, result string, d time.Duration) {
	m.runs.WithLabelValues(kind, result).Inc()
	m.seconds.WithLabelValues(kind).Observe(d.Seconds())
}

// Describe and Collect make metrics a prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.jobs
	ch <- m.running
	ch <- m.lag
}

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	for _, name := range m.q.Kinds() {
		k := m.q.kind(name)
		n, first, err := k.count(ctx)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(m.jobs, err)
			continue
		}
		lag := 0.0
		if n > 0 {
			lag = max(0, time.Since(first).Seconds())
		}
		ch <- prometheus.MustNewConstMetric(m.jobs, prometheus.GaugeValue, float64(n), name)
		ch <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, lag, name)
		ch <- prometheus.MustNewConstMetric(m.running, prometheus.GaugeValue, float64(len(k.busyNow())), name)
	}
}

// count returns the number of jobs and when the first of those that do not run is due.
func (k *kind) count(ctx context.Context) (n int, first time.Time, err error) {
	busy := k.busyNow()
	err = k.q.store.View(ctx, func(tx kv.Tx) error {
		n, first = 0, time.Now()
		waiting := false
		for r, err := range tx.Scan(kv.Range(prefix, "due", k.name)) {
			if err != nil {
				return err
			}
			if n++; waiting {
				continue
			}
			var at uint64
			var id string
			if err := kv.Unkey(r.Key, nil, nil, nil, &at, &id); err != nil {
				return err
			}
			if _, running := busy[id]; !running {
				waiting, first = true, unstamp(at)
			}
		}
		return nil
	})
	return n, first, err
}
