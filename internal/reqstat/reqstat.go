// Package reqstat counts HTTP requests for metrics and for a live dashboard:
// rate, errors and latency over the last minute, per API. It keeps a fixed
// number of counters, whatever the traffic.
package reqstat

import (
	"net/http"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const window = 60 // seconds that a snapshot looks back

// bounds are the upper ends of the latency classes.
var bounds = []time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Recorder counts the requests of several APIs. It is safe for concurrent use.
type Recorder struct {
	seconds *prometheus.HistogramVec
	now     func() time.Time

	mu   sync.Mutex
	apis map[string]*api // guarded by mu, as is what it points to
}

type api struct {
	inFlight int
	total    uint64
	slots    [window]slot
}

// slot holds the requests that ended in one second.
type slot struct {
	second   int64
	requests uint64
	failed   uint64 // answered 5xx, or cut off
	latency  [classes]uint64
}

const classes = 15 // len(bounds) + 1: the last class is open

// New returns a recorder that also fills whypfs_http_request_seconds in reg; nil keeps none.
func New(reg prometheus.Registerer) *Recorder {
	r := &Recorder{apis: map[string]*api{}, now: time.Now}
	r.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "whypfs_http_request_seconds",
		Help:    "Duration of HTTP requests, body included.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
	}, []string{"api", "code"})
	if reg != nil {
		reg.MustRegister(r.seconds)
	}
	return r
}

// Wrap counts what h serves under the API's name.
func (r *Recorder) Wrap(name string, h http.Handler) http.Handler {
	r.mu.Lock()
	if r.apis[name] == nil {
		r.apis[name] = &api{}
	}
	r.mu.Unlock()
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		start := r.now()
		sw := &statusWriter{ResponseWriter: w}
		r.begin(name)
		whole := false
		// A handler that cuts the connection panics with http.ErrAbortHandler;
		// the panic goes on, and the request counts as failed.
		defer func() { r.end(name, sw.status(), whole, r.now().Sub(start)) }()
		h.ServeHTTP(sw, req)
		whole = true
	})
}

func (r *Recorder) begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apis[name].inFlight++
}

func (r *Recorder) end(name string, code int, whole bool, took time.Duration) {
	class := strconv.Itoa(code/100) + "xx"
	if !whole {
		class = "cut"
	}
	r.seconds.WithLabelValues(name, class).Observe(took.Seconds())
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.apis[name]
	a.inFlight--
	a.total++
	sec := r.now().Unix()
	s := &a.slots[sec%window]
	if s.second != sec {
		*s = slot{second: sec}
	}
	s.requests++
	if !whole || code >= 500 {
		s.failed++
	}
	s.latency[sort.Search(len(bounds), func(i int) bool { return took <= bounds[i] })]++
}

// API is what happened to one API in the last minute.
type API struct {
	Name          string
	InFlight      int
	Total         uint64         // since start
	PerSecond     float64        // mean of the last minute
	Failed        float64        // share of requests answered 5xx or cut off, 0 to 1
	P50, P95, P99 time.Duration  // upper ends of their classes; 0: no request
	Rate          [window]uint64 // requests in each second, oldest first
}

// Snapshot returns all APIs by name.
func (r *Recorder) Snapshot() []API {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now().Unix()
	out := make([]API, 0, len(r.apis))
	for name, a := range r.apis {
		out = append(out, a.snapshot(name, now))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func (a *api) snapshot(name string, now int64) API {
	s := API{Name: name, InFlight: a.inFlight, Total: a.total}
	var latency [classes]uint64
	var requests, failed uint64
	for _, slot := range a.slots {
		age := now - slot.second
		if age < 0 || age >= window {
			continue
		}
		s.Rate[window-1-age] = slot.requests
		requests += slot.requests
		failed += slot.failed
		for i, n := range slot.latency {
			latency[i] += n
		}
	}
	if requests == 0 {
		return s
	}
	s.PerSecond = float64(requests) / window
	s.Failed = float64(failed) / float64(requests)
	s.P50, s.P95, s.P99 = quantile(latency, requests, 50), quantile(latency, requests, 95), quantile(latency, requests, 99)
	return s
}

func quantile(latency [classes]uint64, total, percent uint64) time.Duration {
	var seen uint64
	for i, n := range latency {
		seen += n
		if seen*100 >= total*percent {
			return bounds[min(i, len(bounds)-1)]
		}
	}
	return bounds[len(bounds)-1]
}

// statusWriter remembers the status; Unwrap keeps http.ResponseController working.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	if w.code == 0 && code >= 200 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) status() int {
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}
