package retrieve

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/car"
)

// A provider cannot send our requests elsewhere.
func TestRedirects(t *testing.T) {
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inner.Close()
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inner.URL+"/admin/stop", http.StatusFound)
	}))
	defer outer.Close()
	r := &Retriever{web: newWebClient()}
	if b, err := r.openRange(t.Context(), replica{base: outer.URL, patience: stallTimeout}, "piece", 0, 10); err == nil {
		b.Close()
		t.Error("a redirect is taken for an answer")
	}
	if asked.Load() > 0 {
		t.Error("a provider made us ask another server")
	}
	for _, c := range []struct {
		from, to string
		follow   bool
	}{
		{"http://sp.example/piece/x", "https://sp.example/piece/x", true},
		{"http://sp.example:80/piece/x", "https://sp.example:443/piece/x", true},
		{"http://sp.example/piece/x", "https://sp.example/other", false},
		{"http://sp.example/piece/x", "https://sp.example/piece/x?y", false},
		{"http://sp.example/piece/x", "https://10.0.0.1/piece/x", false},
		{"https://sp.example/piece/x", "http://sp.example/piece/x", false},
		{"http://sp.example/piece/x", "http://sp.example:5001/piece/x", false},
	} {
		req := func(s string) *http.Request {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			return &http.Request{URL: u}
		}
		if err := onlyToTLS(req(c.to), []*http.Request{req(c.from)}); (err == nil) != c.follow {
			t.Errorf("from %s to %s: %v, follow %v", c.from, c.to, err, c.follow)
		}
	}
}

// trickle gives a byte every interval, until its context ends.
type trickle struct {
	ctx   context.Context
	every time.Duration
	n     int
}

func (r trickle) Close() error { return nil }

func (r trickle) Read(p []byte) (int, error) {
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case <-time.After(r.every):
		return min(r.n, len(p)), nil
	}
}

func TestStalls(t *testing.T) {
	for _, c := range []struct {
		name    string
		every   time.Duration
		n       int
		pause   time.Duration // of the reader, after each read
		gives   int64         // bytes asked for
		stalled bool
	}{
		{"silent", time.Hour, 1, 0, 10, true},
		{"trickling", time.Second, 100, 0, 2 << 20, true},
		{"slow", time.Second, 64 << 10, 0, 4 << 20, false},
		{"slow reader", time.Millisecond, 64 << 10, time.Minute, 4 << 20, false},
		{"short", time.Second, 1, 0, 10, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				b := newBody(cancel, stallTimeout)
				b.ReadCloser = trickle{ctx, c.every, c.n}
				defer b.Close()
				begin := time.Now()
				var err error
				buf := make([]byte, 64<<10)
				for got := int64(0); got < c.gives && err == nil; {
					var n int
					n, err = b.Read(buf)
					got += int64(n)
					time.Sleep(c.pause)
				}
				if c.stalled != errors.Is(err, errStalled) || err != nil && !c.stalled {
					t.Errorf("after %v: %v, want stalled %v", time.Since(begin), err, c.stalled)
				}
				if c.stalled && time.Since(begin) > 2*stallTimeout {
					t.Errorf("given up only after %v", time.Since(begin))
				}
			})
		})
	}
}

func rawCID(t testing.TB, data []byte) cid.Cid {
	t.Helper()
	sum, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, sum)
}

// A CAR that never ends is left at some point.
func TestEndlessCAR(t *testing.T) {
	section := append(car.SectionHead(rawCID(t, []byte("x")), 1), 'x')
	var sent atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(car.Header(rawCID(t, []byte("x"))))
		for {
			n, err := w.Write(section)
			if sent.Add(int64(n)); err != nil || sent.Load() > 64<<20 {
				return
			}
		}
	}))
	defer srv.Close()
	r := &Retriever{web: newWebClient()}
	root := rawCID(t, []byte("wanted"))
	run := &window{places: []piece.Place{{Cid: root, Size: 6}}}
	run.recall = &Recall{all: r, root: root, limit: 1 << 20, pending: map[string]*window{string(root.Hash()): run}}
	defer run.recall.endStreams()
	if err := run.fetchCAR(t.Context(), replica{base: srv.URL, patience: stallTimeout}); err == nil || errors.Is(err, io.EOF) && len(run.places) == 0 {
		t.Errorf("endless CAR: %v", err)
	}
	if n := sent.Load(); n > 32<<20 {
		t.Errorf("%d bytes of an endless CAR were read", n)
	}
}
