package stall

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// maxDrain is how long a client may take to send what nobody will read.
	maxDrain = 10 * time.Second
	// maxUnread is what net/http reads of an unwanted body before it gives up
	// the connection instead.
	maxUnread = 256 << 10
	// piece is how much a client must take within the limit.
	piece = 256 << 10
)

// Handler serves h and cuts off clients that stop for longer than limit.
// Reads of the body then fail with os.ErrDeadlineExceeded, and so do writes.
func Handler(h http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		out := &writer{ResponseWriter: w, dog: watchdog{limit: limit, cut: rc.SetWriteDeadline}}
		defer out.dog.end()
		if r.Body != nil && r.Body != http.NoBody {
			out.body = &body{
				src: r.Body, dog: watchdog{limit: limit, cut: rc.SetReadDeadline}, left: r.ContentLength,
				invited: !strings.EqualFold(r.Header.Get("Expect"), "100-continue"),
				// HTTP/2 ends a stream without reading the rest of it.
				ended: r.ProtoMajor != 1,
			}
			defer out.body.dog.end()
			r = r.WithContext(r.Context()) // a copy: the server keeps its body
			r.Body = out.body
		}
		// net/http sends the end of an answer after the handler. An error means
		// that w has no deadlines, as a test's recorder has none.
		_ = rc.SetWriteDeadline(time.Time{})
		h.ServeHTTP(out, r)
		out.begin()
		_ = rc.SetWriteDeadline(time.Now().Add(limit))
	})
}

// A watchdog cuts what it was started for, unless that stops in time.
type watchdog struct {
	limit time.Duration
	cut   func(time.Time) error

	mu      sync.Mutex // guards the rest
	timer   *time.Timer
	running bool
	over    bool // cut may not be called any more
}

func (d *watchdog) start(limit time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return
	}
	d.running = true
	if d.timer == nil {
		d.timer = time.AfterFunc(limit, d.bite)
	} else {
		d.timer.Reset(limit)
	}
}

func (d *watchdog) bite() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running && !d.over {
		_ = d.cut(time.Unix(1, 0)) // a connection without deadlines cannot be cut
	}
}

func (d *watchdog) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = false
	if d.timer != nil {
		d.timer.Stop()
	}
}

// end comes when the handler returns: the connection is no longer its own.
func (d *watchdog) end() {
	d.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
}

// body is a request's.
type body struct {
	dog watchdog

	mu      sync.Mutex // guards the rest, and serialises reads as net/http does
	src     io.ReadCloser
	left    int64 // negative if not known
	invited bool  // the client sends it, or was asked to by a read
	ended   bool  // nothing is left to drain
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.invited = true
	b.dog.start(b.dog.limit)
	n, err := b.src.Read(p)
	b.dog.stop()
	if b.left > 0 {
		b.left -= int64(n)
	}
	b.ended = b.ended || err != nil
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error { return b.src.Close() }

// drain reads what the handler left, as net/http is about to do, but not for ever.
func (b *body) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || !b.invited || b.left >= maxUnread {
		return
	}
	b.ended = true
	b.dog.start(min(b.dog.limit, maxDrain))
	// An error here is met again by net/http, which then closes the connection.
	_, _ = io.CopyN(io.Discard, b.src, maxUnread+1)
	b.dog.stop()
}

// writer is the response to a request.
type writer struct {
	http.ResponseWriter
	dog   watchdog
	body  *body // nil if there is none
	begun bool
}

// begin comes before the first byte of the answer.
func (w *writer) begin() {
	if w.begun {
		return
	}
	w.begun = true
	if w.body != nil {
		w.body.drain()
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (n int, err error) {
	w.begin()
	for first := true; first || err == nil && n < len(p); first = false {
		var k int
		w.dog.start(w.dog.limit)
		k, err = w.ResponseWriter.Write(p[n:min(len(p), n+piece)])
		w.dog.stop()
		n += k
	}
	return n, err
}

// Flush implements http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError lets http.ResponseController flush.
func (w *writer) FlushError() error {
	w.begin()
	w.dog.start(w.dog.limit)
	defer w.dog.stop()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
