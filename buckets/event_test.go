package buckets_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/webhook"
)

// receiver is an HTTP server that keeps what is posted to it.
type receiver struct {
	t      *testing.T
	status atomic.Int64
	hook   *webhook.Hook

	mu  sync.Mutex
	got []event // guarded by mu
}

// event is a record as a receiver reads it, or a test event.
type event struct {
	Event   string
	Bucket  string
	Records []struct {
		EventName string
		AWSRegion string `json:"awsRegion"`
		S3        struct {
			ConfigurationID string `json:"configurationId"`
			Bucket          struct{ Name, ARN string }
			Object          struct {
				Key, ETag, VersionID, CID, Sequencer string
				Size                                 int64
			}
		} `json:"s3"`
	}
}

func (e event) String() string {
	if e.Event != "" {
		return e.Event + " " + e.Bucket
	}
	return e.Records[0].EventName + " " + e.Records[0].S3.Object.Key
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t}
	r.status.Store(http.StatusOK)
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	var err error
	if r.hook, err = webhook.New(srv.URL, webhook.Options{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status := int(r.status.Load())
	if status == http.StatusOK {
		body, err := io.ReadAll(req.Body)
		var e event
		if err = errors.Join(err, json.Unmarshal(body, &e)); err != nil || e.Event == "" && len(e.Records) != 1 {
			r.t.Errorf("received %s: %v", body, err)
		}
		r.mu.Lock()
		r.got = append(r.got, e)
		r.mu.Unlock()
	}
	w.WriteHeader(status)
}

func (r *receiver) events() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// names are what happened, in order.
func (r *receiver) names() []string {
	var names []string
	for _, e := range r.events() {
		names = append(names, e.String())
	}
	return names
}

// hooked is a fixture with one webhook, "hook".
func hooked(t *testing.T, opt buckets.Options) (*fixture, *receiver) {
	t.Helper()
	r := newReceiver(t)
	opt.Webhooks = map[string]buckets.Webhook{"hook": r.hook}
	return newTest(t, opt), r
}

func (f *fixture) notify(b buckets.Bucket, events ...string) {
	f.t.Helper()
	rule := buckets.NotificationRule{ID: "rule", Service: "sns", Region: "us-east-1", Webhook: "hook", Events: events}
	if err := f.SetNotification(f.t.Context(), b, []buckets.NotificationRule{rule}, false); err != nil {
		f.t.Fatal(err)
	}
}

// delivered runs the jobs until the receiver has heard of n events.
func (f *fixture) delivered(r *receiver, n int) []string {
	f.t.Helper()
	f.await(strconv.Itoa(n)+" events", func() bool { return len(r.events()) >= n })
	return r.names()
}

func TestEvents(t *testing.T) {
	f, r := hooked(t, buckets.Options{})
	b := f.bucket("events")
	f.put(b, "before", "1")
	f.notify(b, "s3:ObjectCreated:*", "s3:ObjectRemoved:Delete")
	o := f.put(b, "a b+ü", "body")
	f.delete(b, "a b+ü")
	f.run()
	want := []string{"ObjectCreated:Put a+b%2B%C3%BC", "ObjectRemoved:Delete a+b%2B%C3%BC"}
	if got := f.delivered(r, 2); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	rec, later := r.events()[0].Records[0], r.events()[1].Records[0]
	s := rec.S3
	if rec.AWSRegion != "us-east-1" || s.ConfigurationID != "rule" || s.Bucket.Name != "events" || s.Bucket.ARN != "arn:aws:s3:::events" ||
		s.Object.ETag != o.ETag || s.Object.Size != 4 || s.Object.CID != o.CID.String() || s.Object.VersionID != "" ||
		s.Object.Sequencer >= later.S3.Object.Sequencer {
		t.Errorf("record %+v of %+v, then %+v", rec, o, later)
	}
}

func TestNotificationRules(t *testing.T) {
	f, r := hooked(t, buckets.Options{})
	b := f.bucket("rules")
	set := func(test bool, rules ...buckets.NotificationRule) error {
		return f.SetNotification(t.Context(), b, rules, test)
	}
	wantErr(t, "SetNotification of an unknown webhook", set(false, buckets.NotificationRule{Webhook: "none"}), buckets.ErrNoWebhook)
	rules := []buckets.NotificationRule{
		{ID: "1", Service: "sqs", Webhook: "hook", Events: []string{buckets.EventPut}, Prefix: "a/", Suffix: ".jpg"},
		{ID: "2", Service: "sns", Webhook: "hook", Events: []string{"s3:ObjectRemoved:*"}},
	}
	wantErr(t, "SetNotification", set(true, rules...), nil)
	b, err := f.Buckets.Bucket(t.Context(), b.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Notification(t.Context(), b); err != nil || len(got) != 2 || got[0].Suffix != ".jpg" || got[1].Service != "sns" {
		t.Errorf("Notification = %+v, %v", got, err)
	}
	for _, key := range []string{"a/1.jpg", "a/1.png", "b/1.jpg"} {
		f.put(b, key, key)
	}
	f.delete(b, "b/1.jpg")
	wantErr(t, "SetNotification of nothing", set(false), nil)
	f.put(b, "a/2.jpg", "2")
	f.run()
	want := []string{"s3:TestEvent rules", "ObjectCreated:Put a/1.jpg", "ObjectRemoved:Delete b/1.jpg"}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "/", "%2F")
	}
	if got := f.delivered(r, 3); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// A receiver that fails, and a process that ends meanwhile, lose nothing and
// keep the order; and no put waits for either.
func TestDeliveryAfterRestart(t *testing.T) {
	f, r := hooked(t, buckets.Options{})
	r.status.Store(http.StatusServiceUnavailable)
	b := f.bucket("restart")
	f.notify(b, "s3:*")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.queue.Run(ctx) }()
	var want []string
	put := func(n int) {
		for range n {
			key := "k" + strconv.Itoa(len(want))
			f.put(b, key, key)
			want = append(want, "ObjectCreated:Put "+key)
		}
	}
	put(5)
	f.await("a failed try", func() bool {
		jobs, err := f.queue.List(t.Context(), "notify")
		return err == nil && len(jobs) == 1 && jobs[0].Tries > 1
	})
	put(20)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	f.reopen()
	r.status.Store(http.StatusOK)
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.run()
	if got := f.delivered(r, len(want)); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	f.await("the end of the job", func() bool {
		jobs, err := f.queue.List(t.Context(), "notify")
		return err == nil && len(jobs) == 0
	})
}

// What was delivered before a failure is not delivered again, whatever the
// store says of noting it.
func TestDeliveryAndFaults(t *testing.T) {
	for _, applied := range []bool{false, true} {
		f, r := hooked(t, buckets.Options{})
		b := f.bucket("faults")
		f.notify(b, "s3:*")
		for i := range 40 {
			f.put(b, "k"+strconv.Itoa(i), "x"+strconv.Itoa(i))
		}
		f.store.fail(0, applied)
		if err := f.Notify(t.Context(), "hook"); !errors.Is(err, errFault) {
			t.Fatalf("Notify = %v, want the fault", err)
		}
		f.store.heal()
		wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
		seen := map[string]bool{}
		last := ""
		for _, e := range r.events() {
			seq := e.Records[0].S3.Object.Sequencer
			if !seen[seq] && seq <= last {
				t.Errorf("%v comes after %s", e, last)
			}
			seen[seq], last = true, seq
		}
		if len(seen) != 40 {
			t.Errorf("applied %v: %d events delivered, want 40", applied, len(seen))
		}
		if applied && len(r.events()) != 40 {
			t.Errorf("%d deliveries, want 40", len(r.events()))
		}
	}
}

// Of the events for a receiver that is dead the newest stay.
func TestBacklogIsBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	f, r := hooked(t, buckets.Options{Backlog: 3, Metrics: reg})
	r.status.Store(http.StatusInternalServerError)
	b := f.bucket("bounded")
	f.notify(b, "s3:*")
	for i := range 10 {
		f.put(b, "k"+strconv.Itoa(i), "x"+strconv.Itoa(i))
		if i == 5 {
			if err := f.Notify(t.Context(), "hook"); err == nil {
				t.Error("Notify to a receiver that fails = nil")
			}
		}
	}
	r.status.Store(http.StatusOK)
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	want := []string{"ObjectCreated:Put k7", "ObjectCreated:Put k8", "ObjectCreated:Put k9"}
	if got := r.names(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if got := counted(t, reg, "dropped"); got != 7 {
		t.Errorf("%v events dropped, want 7", got)
	}
}

// counted is what the metrics say of events.
func counted(t *testing.T, reg *prometheus.Registry, result string) (n float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "whypfs_buckets_events_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "result" && l.GetValue() == result {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

// The events for a webhook that the operator took away go, and there are no new ones.
func TestWebhookTakenAway(t *testing.T) {
	f, r := hooked(t, buckets.Options{})
	b := f.bucket("away")
	f.notify(b, "s3:*")
	f.put(b, "1", "1")
	f.opt.Webhooks = nil
	f.reopen()
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	f.put(b, "2", "2")
	f.opt.Webhooks = map[string]buckets.Webhook{"hook": r.hook}
	f.reopen()
	f.put(b, "3", "3")
	wantErr(t, "Notify", f.Notify(t.Context(), "hook"), nil)
	if got := r.names(); !slices.Equal(got, []string{"ObjectCreated:Put 3"}) {
		t.Errorf("events %q, want that of 3 alone", got)
	}
}

// A put does not wait for a receiver that takes for ever.
func TestPutBesideReceiverThatStalls(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	asked := make(chan struct{}, 1)
	stalls := hookFunc(func(context.Context, []byte) error {
		asked <- struct{}{}
		<-release
		return nil
	})
	f := newTest(t, buckets.Options{Webhooks: map[string]buckets.Webhook{"hook": stalls}})
	b := f.bucket("stalls")
	f.notify(b, "s3:*")
	f.run()
	f.put(b, "1", "1")
	select {
	case <-asked:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was delivered within 20 s")
	}
	f.put(b, "2", "2")
}

type hookFunc func(context.Context, []byte) error

func (h hookFunc) Deliver(ctx context.Context, event []byte) error { return h(ctx, event) }
