package node

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
)

// get asks the gateway of h, without a network.
func get(h *host, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.gateway.ServeHTTP(w, r)
	return w
}

func TestGatewayRestores(t *testing.T) {
	b := rawBlock("brought back")
	bs := newMemBlocks()
	var calls atomic.Int32
	h := newTestHost(t, Config{Restore: func(ctx context.Context, c cid.Cid) error {
		calls.Add(1)
		if !c.Equals(b.Cid()) {
			return ErrNotFound
		}
		return bs.Put(ctx, b)
	}}, bs)

	path := "/ipfs/" + b.Cid().String()
	if w := get(h, path, "Cache-Control", "only-if-cached"); w.Code != http.StatusPreconditionFailed {
		t.Errorf("only-if-cached of absent content: %d, want 412", w.Code)
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("only-if-cached called Restore %d times, want 0", n)
	}
	if w := get(h, path); w.Code != http.StatusOK || w.Body.String() != "brought back" {
		t.Errorf("GET of restored content: %d %q", w.Code, w.Body)
	}
	get(h, path)
	if n := calls.Load(); n != 1 {
		t.Errorf("Restore was called %d times, want 1", n)
	}
	if w := get(h, "/ipfs/"+rawBlock("nowhere").Cid().String()); w.Code != http.StatusNotFound {
		t.Errorf("GET of unknown content: %d, want 404", w.Code)
	}
}

// A restore that finds nothing, or brings a private copy, must not loop.
func TestGatewayRestoresOncePerRequest(t *testing.T) {
	var calls atomic.Int32
	h := newTestHost(t, Config{Restore: func(context.Context, cid.Cid) error {
		calls.Add(1)
		return nil
	}}, newMemBlocks())
	for _, format := range []string{"", "?format=raw", "?format=car"} {
		calls.Store(0)
		if w := get(h, "/ipfs/"+rawBlock("gone").Cid().String()+format); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: %d %s, want 404", format, w.Code, w.Body)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("GET %s called Restore %d times, want 1", format, n)
		}
	}
}

// What is here but private must not make anybody work for a stranger.
func TestGatewayDoesNotRestorePrivate(t *testing.T) {
	b := rawBlock("private")
	cfg := Config{Dir: t.TempDir(), Restore: func(context.Context, cid.Cid) error {
		t.Error("Restore was called")
		return nil
	}}
	h, err := newHost(t.Context(), cfg, newMemBlocks(), func(_ context.Context, c cid.Cid) bool { return c.Equals(b.Cid()) })
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if w := get(h, "/ipfs/"+b.Cid().String()); w.Code != http.StatusNotFound {
		t.Errorf("GET of a private block: %d, want 404", w.Code)
	}
}

// Nor must what is private and no longer here; a stranger cannot even tell
// that it ever was.
func TestGatewayDoesNotRestoreUnpublished(t *testing.T) {
	public, private := rawBlock("public"), rawBlock("private")
	bs := newMemBlocks()
	h := newTestHost(t, Config{
		Restore: func(ctx context.Context, c cid.Cid) error {
			if c.Equals(private.Cid()) {
				t.Error("a private root was restored for a stranger")
			}
			return bs.Put(ctx, public)
		},
		Published: func(_ context.Context, c cid.Cid) bool { return !c.Equals(private.Cid()) },
	}, bs)
	if w := get(h, "/ipfs/"+private.Cid().String()); w.Code != http.StatusNotFound {
		t.Errorf("GET of a private root that is not here: %d, want 404", w.Code)
	}
	if w := get(h, "/ipfs/"+public.Cid().String()); w.Code != http.StatusOK {
		t.Errorf("GET of a public root that is not here: %d, want 200", w.Code)
	}
}

func TestGatewaySharesOneRestore(t *testing.T) {
	b := rawBlock("popular")
	bs := newMemBlocks()
	var calls atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := newTestHost(t, Config{Restore: func(ctx context.Context, c cid.Cid) error {
			calls.Add(1)
			<-release
			return bs.Put(ctx, b)
		}}, bs)
		codes := make(chan int, 50)
		for range cap(codes) {
			go func() { codes <- get(h, "/ipfs/"+b.Cid().String()).Code }()
		}
		synctest.Wait() // all of them wait for the restore
		close(release)
		for range cap(codes) {
			if code := <-codes; code != http.StatusOK {
				t.Errorf("GET: %d, want 200", code)
			}
		}
	})
	if n := calls.Load(); n != 1 {
		t.Errorf("Restore was called %d times, want 1", n)
	}
}

func TestGatewaySlowRestore(t *testing.T) {
	b := rawBlock("slow")
	bs := newMemBlocks()
	synctest.Test(t, func(t *testing.T) {
		h := newTestHost(t, Config{Restore: func(ctx context.Context, c cid.Cid) error {
			select {
			case <-time.After(3 * time.Minute):
				return bs.Put(ctx, b)
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, bs)
		path := "/ipfs/" + b.Cid().String()
		w := get(h, path)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("GET while restoring: %d, Retry-After %q; want 503 with one", w.Code, w.Header().Get("Retry-After"))
		}
		time.Sleep(3 * time.Minute) // of the bubble: the restore went on without its reader
		if w := get(h, path); w.Code != http.StatusOK {
			t.Errorf("GET after the restore: %d, want 200", w.Code)
		}
	})
}

func TestGatewayFailedRestoreRests(t *testing.T) {
	b := rawBlock("unlucky")
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		h := newTestHost(t, Config{Restore: func(context.Context, cid.Cid) error {
			calls.Add(1)
			return errors.New("provider is down: secret detail")
		}}, newMemBlocks())
		path := "/ipfs/" + b.Cid().String()
		for range 3 {
			w := get(h, path)
			if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("GET: %d %q, want 503 without the cause", w.Code, w.Body)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("Restore was called %d times, want 1", n)
		}
		time.Sleep(restoreRest)
		get(h, path)
		if n := calls.Load(); n != 2 {
			t.Errorf("Restore was called %d times after the rest, want 2", n)
		}
	})
}

func TestCloseEndsRestores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHost(t, Config{Restore: func(ctx context.Context, c cid.Cid) error {
			<-ctx.Done()
			return ctx.Err()
		}}, newMemBlocks())
		code := make(chan int)
		go func() { code <- get(h, "/ipfs/"+rawBlock("never").Cid().String()).Code }()
		synctest.Wait()
		if err := h.close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if c := <-code; c != http.StatusServiceUnavailable {
			t.Errorf("GET during close: %d, want 503", c)
		}
	})
}

// The text of a store's error may name files; strangers get none of it.
func TestGatewayHidesStoreErrors(t *testing.T) {
	b := rawBlock("unreadable")
	bs := newMemBlocks(b)
	bs.fail(b.Cid(), errors.New("read blocks/000001.seg: input/output error"))
	h := newTestHost(t, Config{}, bs)
	for _, format := range []string{"", "?format=raw"} {
		w := get(h, "/ipfs/"+b.Cid().String()+format)
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "seg") {
			t.Errorf("GET %s: %d %q, want 500 without the cause", format, w.Code, w.Body)
		}
	}
}

func TestGatewayServesNothingElse(t *testing.T) {
	h := newTestHost(t, Config{}, newMemBlocks())
	for _, path := range []string{"/", "/ipns", "/ipfs", "/api/v0/version", "/index.html"} {
		if w := get(h, path); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: %d, want 404", path, w.Code)
		}
	}
}
