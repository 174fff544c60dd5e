package buckets_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// A pin becomes a content like any other: listed, read, published as its bucket
// is, put into a zone, and removed.
func TestPin(t *testing.T) {
	f := newPinTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	o := newOrigin(t)
	dag := shelves(10, 20)
	o.put(dag...)
	defer f.start()()
	p := f.pin(7, buckets.PinRequest{CID: rootOf(dag), Name: "photos", Origins: []string{o.addr()}, Meta: map[string]string{"a": "b"}})
	if p.State != buckets.PinQueued || p.Reason == "" || p.Created.IsZero() || p.Name != "photos" || p.Meta["a"] != "b" {
		t.Errorf("new pin %+v", p)
	}
	p = f.awaitPin(p, buckets.PinPinned)
	if p.Blocks != int64(len(dag)) || p.Content == 0 || p.Size <= p.Bytes || p.Reason != "" {
		t.Errorf("pinned %+v, want %d blocks", p, len(dag))
	}
	c := f.content(p.Content)
	if c.Owner != 7 || !c.CID.Equals(p.CID) || c.Size != p.Size || c.Name != "photos" {
		t.Errorf("content %+v of %+v", c, p)
	}
	f.await("a zone", func() bool { return f.content(p.Content).Zone != 0 })
	if list, err := f.Contents(t.Context(), 7, 10, 0); err != nil || len(list) != 1 || list[0].ID != p.Content {
		t.Errorf("contents %+v, %v", list, err)
	}
	if !f.roots()[p.CID] || f.gateway(p.CID) != 200 {
		t.Errorf("it is kept: %v, and published: %d", f.roots()[p.CID], f.gateway(p.CID))
	}
	global, err := f.GlobalBucket(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	head, err := f.Head(t.Context(), global, c.Key, "")
	if err != nil || head.Headers["Content-Type"] != "application/vnd.ipld.car" || !strings.HasSuffix(head.ETag, "-1") {
		t.Errorf("its object is %+v, %v", head, err)
	}
	r, err := f.Open(t.Context(), head.CID, head.Size)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n != head.Size {
		t.Errorf("read %d of %d bytes, %v", n, head.Size, err)
	}
	r.Close()

	wantErr(t, "Unpin by another", f.Unpin(t.Context(), 8, p.ID), buckets.ErrNoPin)
	wantErr(t, "Unpin", f.Unpin(t.Context(), 7, p.ID), nil)
	if _, err := f.PinByID(t.Context(), 7, p.ID); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("after Unpin: %v", err)
	}
	if _, err := f.Head(t.Context(), global, c.Key, ""); !errors.Is(err, buckets.ErrNoObject) {
		t.Errorf("its object: %v", err)
	}
	if f.roots()[p.CID] {
		t.Error("its blocks are kept")
	}
}

// A file is an object with the file's own bytes, under the key that was asked
// for, and goes with it.
func TestPinFile(t *testing.T) {
	f := newPinTest(t, buckets.Options{})
	o := newOrigin(t)
	body := fresh(3 << 20)
	lease := o.Lease()
	defer lease.Release()
	file, err := o.Import(t.Context(), strings.NewReader(body), node.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.start()()
	bucket := f.bucket("films")
	p := f.pin(7, buckets.PinRequest{CID: file.Root, Origins: []string{o.addr()}, Bucket: bucket.UUID, Key: "a/film"})
	p = f.awaitPin(p, buckets.PinPinned)
	if got := f.body(bucket, "a/film"); got != body {
		t.Errorf("the object has %d bytes, want the %d", len(got), len(body))
	}
	// The bucket is private, and so is what was fetched for it.
	if code := f.gateway(p.CID); code != 404 {
		t.Errorf("the gateway serves it: %d", code)
	}
	f.delete(bucket, "a/film")
	if _, err := f.PinByID(t.Context(), 7, p.ID); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("pin of what was deleted: %v", err)
	}
}

// What is here already is pinned at once, but not for those who cannot read it.
func TestPinLocal(t *testing.T) {
	f := newPinTest(t, buckets.Options{})
	private := f.bucket("private")
	o := f.put(private, "mine", fresh(3<<20))
	if p := f.pin(7, buckets.PinRequest{CID: o.CID}); p.State != buckets.PinPinned || p.Size != o.Size {
		t.Errorf("pin of what is mine: %+v", p)
	}
	if p := f.pin(8, buckets.PinRequest{CID: o.CID}); p.State != buckets.PinQueued {
		t.Errorf("pin of what is somebody else's: %+v", p)
	}
	f.setPublish(private, "public")
	public := f.named("public")
	shared := f.put(public, "all", fresh(3<<20))
	p := f.pin(8, buckets.PinRequest{CID: shared.CID})
	if p.State != buckets.PinPinned {
		t.Errorf("pin of what is public: %+v", p)
	}
	f.delete(public, "all")
	if !f.roots()[shared.CID] {
		t.Error("the pin does not keep it")
	}
	// What goes into a public bucket is public from then on.
	if p := f.pin(7, buckets.PinRequest{CID: o.CID, Bucket: public.UUID}); p.State != buckets.PinPinned {
		t.Errorf("pin of what is mine, published: %+v", p)
	}
	if code := f.gateway(o.CID); code != 200 {
		t.Errorf("the gateway: %d", code)
	}
	// So others can have it at once now.
	if p := f.pin(9, buckets.PinRequest{CID: o.CID}); p.State != buckets.PinPinned {
		t.Errorf("pin of what was published: %+v", p)
	}
}

// setPublish makes another bucket, which publishes.
func (f *fixture) setPublish(_ buckets.Bucket, name string) {
	f.t.Helper()
	f.bucket(name)
	if _, err := f.SetPolicy(f.t.Context(), name, func(p *buckets.Policy) { p.Publish = true }); err != nil {
		f.t.Fatal(err)
	}
}

func TestPinRefuses(t *testing.T) {
	f := newPinTest(t, buckets.Options{})
	good := rootOf(shelves(1, 1))
	many := make([]string, 21)
	for i := range many {
		many[i] = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWAfPDpPRRRBrmqy9is2zjU5srQ4hKuZitiGmh4NTTpS2d"
	}
	identity := cid.NewCidV1(cid.Raw, append([]byte{0, 1}, 'x'))
	for name, r := range map[string]buckets.PinRequest{
		"no CID":        {},
		"identity":      {CID: identity},
		"unknown codec": {CID: blockOf(0x78, []byte("git")).Cid},
		"long name":     {CID: good, Name: strings.Repeat("é", 256)},
		"no text":       {CID: good, Name: "\xff"},
		"long key":      {CID: good, Key: strings.Repeat("k", 1025)},
		"origins":       {CID: good, Origins: many},
		"bad origin":    {CID: good, Origins: []string{"/ip4/127.0.0.1/tcp/1"}},
		"much meta":     {CID: good, Meta: map[string]string{"a": strings.Repeat("b", 16<<10)}},
		"negative":      {CID: good, MaxBytes: -1},
	} {
		if _, err := f.Pin(t.Context(), 7, r); !errors.Is(err, buckets.ErrInvalidPin) || len(err.Error()) < 20 {
			t.Errorf("%s: %v, want ErrInvalidPin with a reason", name, err)
		}
	}
	_, err := f.Pin(t.Context(), 7, buckets.PinRequest{CID: good, Bucket: "nowhere"})
	wantErr(t, "pin into no bucket", err, buckets.ErrNoBucket)
	if page, err := f.Pins(t.Context(), buckets.PinQuery{}); err != nil || page.Count != 0 {
		t.Errorf("pins %+v, %v", page, err)
	}
}

// What is wrong with a DAG is told, and not tried again unless somebody asks for it.
func TestPinFails(t *testing.T) {
	f := newPinTest(t, buckets.Options{})
	o := newOrigin(t)
	leaf := blockOf(cid.Raw, []byte(fresh(1000)))
	malformed := blockOf(cid.DagCBOR, []byte{0xff, 0xff})
	git := blockOf(0x78, []byte("git"))
	stop := f.start()
	for name, tt := range map[string]struct {
		dag    []node.Block
		max    int64
		reason string
	}{
		"budget":    {[]node.Block{leaf, cborList(leaf)}, 1000, "more than the 1000 bytes"},
		"malformed": {[]node.Block{malformed, cborList(malformed)}, 0, "malformed"},
		"codec":     {[]node.Block{git, cborList(git, leaf)}, 0, "codec 0x78"},
	} {
		o.put(tt.dag...)
		p := f.pin(7, buckets.PinRequest{CID: rootOf(tt.dag), Origins: []string{o.addr()}, MaxBytes: tt.max})
		f.await(name, func() bool { return f.pinNow(p).State == buckets.PinFailed })
		if p = f.pinNow(p); !strings.Contains(p.Reason, tt.reason) || !p.Next.IsZero() {
			t.Errorf("%s: %+v, want the reason %q", name, p, tt.reason)
		}
		if f.roots()[p.CID] {
			t.Errorf("%s: its blocks are kept", name)
		}
		wantErr(t, "Unpin", f.Unpin(t.Context(), 7, p.ID), nil)
	}
	stop()

	// Nobody has it for too long.
	f.opt.Pins.Timeout = time.Nanosecond
	f.reopen()
	stop = f.start()
	dag := shelves(1, 2)
	p := f.pin(7, buckets.PinRequest{CID: rootOf(dag), Origins: []string{o.addr()}})
	f.await("failure", func() bool { return f.pinNow(p).State == buckets.PinFailed })
	if p = f.pinNow(p); !strings.Contains(p.Reason, "no block came for") {
		t.Errorf("failed: %+v", p)
	}
	stop()
	f.opt.Pins.Timeout = time.Hour
	f.reopen()
	defer f.start()()
	o.put(dag...)
	if p, err := f.RetryPin(t.Context(), 7, p.ID); err != nil || p.State != buckets.PinQueued {
		t.Errorf("RetryPin: %+v, %v", p, err)
	}
	f.awaitPin(p, buckets.PinPinned)
	_, err := f.RetryPin(t.Context(), 7, p.ID+1)
	wantErr(t, "RetryPin of nothing", err, buckets.ErrNoPin)
}
