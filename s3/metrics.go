package s3

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// noOperation labels requests that were refused before an operation was found.
const noOperation = "none"

// metrics of the S3 API. The op label is a name from the table of operations.
type metrics struct {
	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// newMetrics registers with reg, if there is one.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_s3_requests_total",
			Help: "S3 requests by operation and class of status; cut: the connection was cut half way.",
		}, []string{"op", "class"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_s3_bytes_total",
			Help: "Bytes of request bodies (in) and response bodies (out), as on the wire.",
		}, []string{"direction"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "whypfs_s3_request_seconds",
			Help:    "Duration of S3 requests, bodies included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"op"}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.bytes, m.seconds)
	}
	return m
}

func (m *metrics) observe(op, class string, in, out int64, took time.Duration) {
	m.requests.WithLabelValues(op, class).Inc()
	m.bytes.WithLabelValues("in").Add(float64(in))
	m.bytes.WithLabelValues("out").Add(float64(out))
	m.seconds.WithLabelValues(op).Observe(took.Seconds())
}

func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }
