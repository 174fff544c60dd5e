package queue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/queue"
)

func TestMetrics(t *testing.T) {
	s := tempStore(t)
	reg := prometheus.NewRegistry()
	q := queue.New(s, queue.Options{Metrics: reg})
	inside, release := make(chan bool), make(chan bool)
	q.Handle("k", 1, func(_ context.Context, id string) error {
		switch id {
		case "fails":
			return errNo
		case "waits":
			return queue.Later(time.Now().Add(time.Hour), "")
		case "runs":
			inside <- true
			<-release
		}
		return nil
	})
	stop := start(t, q)
	for _, id := range []string{"done", "fails", "waits", "runs"} {
		add(t, s, q, "k", id, time.Time{})
	}
	<-inside // the one worker has recorded the others
	want := map[string]float64{
		"whypfs_queue_jobs k": 3, "whypfs_queue_running k": 1,
		"whypfs_queue_runs_total k ok": 1, "whypfs_queue_runs_total k error": 1, "whypfs_queue_runs_total k later": 1,
		"whypfs_queue_run_seconds k": 3,
	}
	got := gather(t, reg)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s = %v, want %v", name, got[name], value)
		}
	}
	close(release)
	stop()
	start(t, q) // a stopped queue can run again under the same registry
}

// gather returns metrics by name and labels.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func TestMisuse(t *testing.T) {
	h := func(context.Context, string) error { return nil }
	tests := map[string]func(q *queue.Queue){
		"two handlers": func(q *queue.Queue) { q.Handle("k", 1, h); q.Handle("k", 1, h) },
		"no workers":   func(q *queue.Queue) { q.Handle("k", 0, h) },
	}
	for name, misuse := range tests {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse(queue.New(tempStore(t), queue.Options{}))
		}()
	}
}

func TestKinds(t *testing.T) {
	q := queue.New(tempStore(t), queue.Options{})
	for _, kind := range []string{"seal", "assign", "pack"} {
		q.Handle(kind, 1, func(context.Context, string) error { return nil })
	}
	if got := strings.Join(q.Kinds(), " "); got != "assign pack seal" {
		t.Errorf("Kinds = %s", got)
	}
}
