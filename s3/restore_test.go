package s3_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/s3"
)

// filecoin is a Dealer whose deals are active at once; what was given up is
// still in the node, so that there is nothing to bring back. A restore waits
// for its turn.
type filecoin struct{ turn chan struct{} }

func (filecoin) Pack(context.Context, buckets.Zone, []buckets.Content) ([]string, error) {
	return []string{"baga"}, nil
}
func (filecoin) Deal(context.Context, buckets.Zone) error { return nil }
func (filecoin) Progress(context.Context, buckets.Zone) (buckets.Progress, error) {
	return buckets.Progress{Wanted: 1, Active: 1}, nil
}
func (f filecoin) Restore(ctx context.Context, _ buckets.Content) error {
	select {
	case <-f.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
func (filecoin) Forget(context.Context, buckets.Zone) error { return nil }
func (filecoin) Sampled(context.Context, buckets.Zone) (int, bool, error) {
	return 0, false, nil
}
func (filecoin) SmallestPiece(context.Context, buckets.ProviderRules, int) (int64, error) {
	return 0, nil
}

// until asks again until ok holds; what jobs do comes about by itself.
func (a *api) until(what string, ok func() bool) {
	a.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			a.t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func (a *api) archived(key string) {
	a.t.Helper()
	a.until(key+" is on Filecoin alone", func() bool {
		b, err := a.buckets.Bucket(a.t.Context(), "box")
		must(a.t, err)
		o, err := a.buckets.Head(a.t.Context(), b, key, "")
		must(a.t, err)
		c, err := a.buckets.Content(a.t.Context(), o.Content)
		must(a.t, err)
		return c.Offloaded
	})
}

func TestRestoreObject(t *testing.T) {
	const days = "<RestoreRequest><Days>2</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>"
	network := filecoin{make(chan struct{})}
	a := serve(t, s3.Options{}, buckets.Options{Dealer: network, Policy: buckets.Policy{Threshold: 1}})
	a.runJobs()
	_, err := a.buckets.SetPolicy(t.Context(), "box", func(p *buckets.Policy) { p.Archive = true })
	must(t, err)
	a.ok("PUT", "/box/plain", nil, "plain")
	a.fails("POST", "/box/plain?restore", nil, days, 403, "InvalidObjectState")
	a.ok("PUT", "/box/cold", headers{"x-amz-storage-class": "GLACIER"}, "cold")
	a.ok("PUT", "/box/instant", headers{"x-amz-storage-class": "GLACIER_IR"}, "instant")
	a.archived("cold")
	a.archived("instant")

	r := a.ok("HEAD", "/box/cold", nil, "")
	if r.header.Get("x-amz-storage-class") != "GLACIER" || r.header.Get("x-amz-restore") != "" {
		t.Errorf("head: %v", r.header)
	}
	if r := a.ok("GET", "/box", nil, ""); strings.Count(r.body, "<StorageClass>GLACIER</StorageClass>") != 1 {
		t.Errorf("listing: %s", r.body)
	}
	r = a.fails("GET", "/box/cold", nil, "", 403, "InvalidObjectState")
	if !strings.Contains(r.body, "<StorageClass>GLACIER</StorageClass>") {
		t.Errorf("get: %s", r.body)
	}
	a.fails("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/cold"}, "", 403, "InvalidObjectState")
	if r := a.ok("GET", "/box/instant", nil, ""); r.body != "instant" {
		t.Errorf("get of an object that can be read at once: %q", r.body)
	}

	a.fails("POST", "/box/cold?restore", nil, "<RestoreRequest/>", 400, "MalformedXML")
	a.fails("POST", "/box/cold?restore", nil, "<RestoreRequest><Days>1</Days><Tier>Never</Tier></RestoreRequest>", 400, "MalformedXML")
	a.fails("POST", "/box/cold?restore", nil, "<RestoreRequest><Type>SELECT</Type></RestoreRequest>", 501, "NotImplemented")
	a.fails("POST", "/box/none?restore", nil, days, 404, "NoSuchKey")
	if r := a.ok("POST", "/box/cold?restore", nil, days); r.status != 202 {
		t.Errorf("restore = %d, want 202", r.status)
	}
	a.fails("POST", "/box/cold?restore", nil, days, 409, "RestoreAlreadyInProgress")
	if got := a.ok("HEAD", "/box/cold", nil, "").header.Get("x-amz-restore"); got != `ongoing-request="true"` {
		t.Errorf("while it is restored: %q", got)
	}
	network.turn <- struct{}{}
	a.until("the restore has ended", func() bool {
		return strings.HasPrefix(a.ok("HEAD", "/box/cold", nil, "").header.Get("x-amz-restore"), `ongoing-request="false", expiry-date="`)
	})
	if r := a.ok("GET", "/box/cold", nil, ""); r.body != "cold" || r.header.Get("x-amz-storage-class") != "GLACIER" {
		t.Errorf("get: %q %v", r.body, r.header)
	}
	if r := a.ok("POST", "/box/cold?restore", nil, days); r.status != 200 {
		t.Errorf("restore again = %d, want 200", r.status)
	}
	// Put again it is an ordinary object.
	a.ok("PUT", "/box/cold", nil, "cold")
	if h := a.ok("GET", "/box/cold", nil, "").header; h.Get("x-amz-storage-class")+h.Get("x-amz-restore") != "" {
		t.Errorf("put again: %v", h)
	}
}
