package buckets_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// stranger is a node that is connected to the fixture's.
func (f *fixture) stranger() *node.Node {
	f.t.Helper()
	n := newPeer(f.t, node.Config{})
	if err := n.Connect(f.t.Context(), f.node.Addrs()[0]); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// newFlipping is a fixture whose node others can reach.
func newFlipping(t *testing.T) *fixture {
	t.Helper()
	return newTestOn(t, node.Config{ListenAddrs: []string{loopback}}, buckets.Options{Policy: buckets.Policy{Publish: true}})
}

func (f *fixture) publish(name string, publish bool) {
	f.t.Helper()
	if _, err := f.SetPolicy(f.t.Context(), name, func(p *buckets.Policy) { p.Publish = publish }); err != nil {
		f.t.Fatal(err)
	}
}

// seen checks on every road whether strangers get a block: bitswap, gateway, routing API.
func (f *fixture) seen(what string, c cid.Cid, want bool) {
	f.t.Helper()
	limit := 300 * time.Millisecond // for what must not come
	if want {
		limit = 20 * time.Second
	}
	if err := fetches(f.t, f.stranger(), c, limit); (err == nil) != want {
		f.t.Errorf("%s: bitswap: %v, want served: %v", what, err, want)
	}
	for _, path := range []string{"/ipfs/" + c.String() + "?format=raw", "/routing/v1/providers/" + c.String()} {
		if got := f.served(path); got != want {
			f.t.Errorf("%s: GET %s: served: %v, want %v", what, path, got, want)
		}
	}
}

// served says whether the gateway has something at a path.
func (f *fixture) served(path string) bool {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", path, nil)
	r.Host = "127.0.0.1"
	f.node.Gateway().ServeHTTP(w, r)
	return w.Code == http.StatusOK && !strings.Contains(w.Body.String(), `"Providers":[]`)
}

// blocks are those of a file.
func (f *fixture) blocks(root cid.Cid) (list []cid.Cid) {
	f.t.Helper()
	if err := f.node.Walk(f.t.Context(), root, func(c cid.Cid, _ int) error { list = append(list, c); return nil }); err != nil {
		f.t.Fatal(err)
	}
	return list
}

func (f *fixture) awaitFlipped(name string) {
	f.t.Helper()
	f.await("the change is carried out", func() bool { return f.named(name).Flip == "" })
}

var leaf = strings.Repeat("0123456789abcdef", 1<<16) // a whole one

// When SetPolicy returns, nothing of a bucket made private is served, on any
// road; what public buckets have too comes back; and all of it when it is public again.
func TestFlip(t *testing.T) {
	f := newFlipping(t)
	open, shut := f.bucket("open"), f.bucket("shut")
	secret := f.put(shut, "secret", leaf+"only here").CID
	same := f.put(shut, "same", "in both").CID
	f.put(open, "same", "in both")
	other := f.put(open, "other", leaf+"only there").CID // shares a block with secret
	f.seen("before", secret, true)
	f.publish("shut", false)
	for _, c := range f.blocks(secret) {
		if c != f.blocks(other)[1] {
			f.seen("made private", c, false)
		}
	}
	if got := f.body(f.named("shut"), "secret"); got != leaf+"only here" {
		t.Error("its owner reads something else")
	}
	late := f.put(f.named("shut"), "late", "stored when it was private").CID
	f.seen("stored later", late, false)
	f.run()
	f.awaitFlipped("shut")
	f.seen("what a public bucket has too", same, true)
	f.seen("what shares a block", other, true)
	f.seen("what shares a block with it", secret, false)

	f.publish("shut", true)
	for _, c := range []cid.Cid{secret, late, same} {
		f.seen("public again", c, true)
	}
}

// An upload that began while the bucket was public ends, and makes nothing public.
func TestFlipDuringUpload(t *testing.T) {
	f := newFlipping(t)
	b := f.bucket("box")
	have := f.put(b, "have", leaf+"tail").CID
	body, feed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := f.Put(t.Context(), b, "again", 7, buckets.Upload{Body: body}, buckets.Attributes{}, buckets.Conditions{})
		body.CloseWithError(errors.New("nobody reads"))
		done <- err
	}()
	if _, err := feed.Write([]byte(leaf[:10])); err != nil {
		t.Fatal(err)
	}
	flipped := make(chan struct{})
	go func() { defer close(flipped); f.publish("box", false) }()
	// The client goes on sending what the bucket has already.
	feed.Write([]byte(leaf[10:] + "tail"))
	feed.Close()
	if err := <-done; !errors.Is(err, buckets.ErrPublishChanged) && err != nil {
		t.Errorf("upload during the change: %v", err)
	}
	<-flipped
	for _, c := range f.blocks(have) {
		f.seen("after an upload of the same bytes", c, false)
	}
}

// Parts of an upload in progress are hidden too, and so is what they become.
func TestFlipWithUploadInProgress(t *testing.T) {
	f := newFlipping(t)
	b := f.bucket("box")
	u, err := f.CreateUpload(t.Context(), b, "k", 7, 7, buckets.Attributes{}, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.PutPart(t.Context(), b, "k", u.ID, 1, upload("a part"))
	if err != nil {
		t.Fatal(err)
	}
	f.seen("a part", p.CID, true)
	f.publish("box", false)
	f.seen("a part of a private bucket", p.CID, false)
	if _, err := f.PutPart(t.Context(), b, "k", u.ID, 2, upload("late")); !errors.Is(err, buckets.ErrPublishChanged) {
		t.Errorf("a part for the public bucket = %v", err)
	}
	o, err := f.Complete(t.Context(), f.named("box"), "k", u.ID, []buckets.CompletedPart{{Number: 1, ETag: p.ETag}}, nil, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	f.seen("the object", o.CID, false)
}

// A block that comes back while its bucket is made private is hidden with the others.
func TestFlipDuringRepair(t *testing.T) {
	f := newFlipping(t)
	o := f.put(f.bucket("box"), "k", "secret")
	data, err := f.node.Block(t.Context(), o.CID)
	if err != nil {
		t.Fatal(err)
	}
	flipped := make(chan struct{})
	err = f.WhilePublished(t.Context(), o.CID, func() error {
		go func() { defer close(flipped); f.publish("box", false) }()
		for !f.HidingWaits() {
			select {
			case <-flipped:
				t.Fatal("the bucket is private while a block of it is made public")
			case <-time.After(time.Millisecond): // nothing tells when someone waits
			}
		}
		b := node.Block{Cid: o.CID, Data: data}
		return f.node.PutBlocks(t.Context(), []node.Block{b}, false)
	})
	if err != nil {
		t.Fatal(err)
	}
	<-flipped
	f.seen("after a repair during the change", o.CID, false)
	err = f.WhilePublished(t.Context(), o.CID, func() error {
		t.Error("called for a private root")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A crash after the change was decided, at any point: the job goes on.
func TestFlipIsInterrupted(t *testing.T) {
	for _, applied := range []bool{false, true} {
		for skip := 1; skip < 3; skip++ { // 0 is the decision itself
			f := newFlipping(t)
			root := f.put(f.bucket("box"), "k", "secret").CID
			f.store.fail(skip, applied)
			_, err := f.SetPolicy(t.Context(), "box", func(p *buckets.Policy) { p.Publish = false })
			if struck := f.store.heal(); !struck || err == nil {
				continue // the change takes fewer updates
			}
			f.reopen()
			if f.named("box").Policy.Publish {
				t.Fatal("the decision is lost")
			}
			if err := f.queue.Wake(t.Context(), "publish"); err != nil {
				t.Fatal(err)
			}
			f.run()
			f.awaitFlipped("box")
			f.seen("after a crash", root, false)
		}
	}
}

// What was packed public and comes back when its bucket is private stays private.
func TestRestoredAfterFlip(t *testing.T) {
	f := newFlipping(t)
	b := f.bucket("box")
	body := []byte("packed when it was public")
	o := f.put(b, "k", string(body))
	f.publish("box", false)
	// As the dealer does: the blocks come back as private ones.
	if err := f.node.PutBlocks(t.Context(), []node.Block{{Cid: o.CID, Data: bytes.Clone(body)}}, true); err != nil {
		t.Fatal(err)
	}
	f.seen("restored", o.CID, false)
}
