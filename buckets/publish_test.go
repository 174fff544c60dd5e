package buckets_test

import (
	"context"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
)

// TestPublished: a root is published while an object of a publishing bucket
// names it, whatever private buckets hold, and no longer.
func TestPublished(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	open, shut := f.bucket("open"), f.bucket("shut")
	shut, err := f.SetPolicy(t.Context(), "shut", func(p *buckets.Policy) { p.Publish = false })
	if err != nil {
		t.Fatal(err)
	}
	root := f.put(shut, "secret", "the same bytes").CID
	expect := func(when string, want bool) {
		t.Helper()
		if got, err := f.Published(t.Context(), root); err != nil || got != want {
			t.Errorf("%s: Published = %v, %v, want %v", when, got, err, want)
		}
		if got, err := f.Private(t.Context(), root); err != nil || got == want {
			t.Errorf("%s: Private = %v, %v, want %v", when, got, err, !want)
		}
	}
	expect("in a private bucket only", false)
	f.put(open, "known", "the same bytes")
	expect("in a public bucket too", true)
	f.delete(open, "known")
	expect("in a private bucket again", false)
	f.delete(shut, "secret")
	for what, ask := range map[string]func(context.Context, cid.Cid) (bool, error){"Published": f.Published, "Private": f.Private} {
		if got, err := ask(t.Context(), root); err != nil || got {
			t.Errorf("in no bucket: %s = %v, %v, want false", what, got, err)
		}
	}
}
