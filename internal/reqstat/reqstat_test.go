package reqstat

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestSnapshot(t *testing.T) {
	r := New(prometheus.NewRegistry())
	now := time.Unix(1000, 0)
	took := 3 * time.Millisecond
	r.now = func() time.Time { return now }
	h := r.Wrap("s3", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		now = now.Add(took)
		switch req.URL.Path {
		case "/fail":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/cut":
			panic(http.ErrAbortHandler)
		}
	}))
	get := func(path string) {
		defer func() { _ = recover() }()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	get("/ok")
	get("/ok")
	get("/fail")
	get("/cut")
	s := r.Snapshot()[0]
	if s.Name != "s3" || s.Total != 4 || s.InFlight != 0 {
		t.Errorf("snapshot = %+v, want 4 requests of s3 and none in flight", s)
	}
	if s.Failed != 0.5 {
		t.Errorf("Failed = %v, want 0.5: a cut answer and a 503 of four", s.Failed)
	}
	if s.P50 != 5*time.Millisecond || s.P99 != 5*time.Millisecond {
		t.Errorf("P50, P99 = %v, %v, want the 5 ms class", s.P50, s.P99)
	}
	if got := s.Rate[window-1]; got != 4 {
		t.Errorf("Rate of this second = %d, want 4", got)
	}
	now = now.Add(window * time.Second)
	if s = r.Snapshot()[0]; s.PerSecond != 0 || s.Total != 4 {
		t.Errorf("a minute later PerSecond = %v, Total = %d, want 0 and 4", s.PerSecond, s.Total)
	}
}

func TestStatusWriterUnwraps(t *testing.T) {
	r := New(nil)
	h := r.Wrap("x", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush through the wrapper = %v", err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}
