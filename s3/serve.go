package s3

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/sigv4"
)

// A call is one request on its way through the API.
type call struct {
	r      *http.Request // as it was signed
	id     string
	h      http.Header // of r, with the x-amz- headers a presigned URL carries in its query
	q      url.Values
	auth   *sigv4.Request
	user   accounts.User
	op     *operation
	name   string         // the bucket as named by the request
	key    string         // the object, if any
	form   *form          // of an upload by form
	bucket buckets.Bucket // name's, once authorised; not set while it is created
	rules  rules          // bucket's
	found  *found         // what head found, once it was asked
	tags   []buckets.Tag  // that the body gives the object, once read
	locks  *lockRequest   // of the object, that the body asks for, once read
}

// ServeHTTP implements http.Handler. It is the only place that maps errors to
// responses, logs them and counts requests.
func (s *server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	invite(rw, r)
	in := &countingBody{ReadCloser: r.Body}
	r = r.WithContext(r.Context()) // a copy: the caller's request keeps its body
	r.Body = in
	c := &call{r: r, id: newRequestID(), h: r.Header}
	w := &response{ResponseWriter: rw}
	s.stamp(w.Header(), c.id)

	err := s.run(w, c)
	class := ""
	switch {
	case err == nil && !w.begun():
		w.WriteHeader(http.StatusOK)
	case err != nil && w.begun():
		// The status is out, so the only honest end is a cut connection.
		class = "cut"
	case err != nil:
		s.writeError(w, r, c.id, translate(err))
	}
	if class == "" {
		class = statusClass(w.status)
	}
	op := noOperation
	if c.op != nil {
		op = c.op.name
	}
	took := time.Since(start)
	s.metrics.observe(op, class, in.n, w.size, took)
	s.logCall(c, w, op, took, err)
	if class == "cut" {
		panic(http.ErrAbortHandler)
	}
}

// invite answers an Expect that net/http does not, since no body is to follow.
// Botocore takes a final status in its place for an early refusal, misreads the
// next response on that connection, and waits for it until it times out.
func invite(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 && r.ProtoAtLeast(1, 1) && r.ContentLength == 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		w.WriteHeader(http.StatusContinue)
	}
}

// run turns a panic of a handler into an error, so that the request ends like
// any other failed one.
func (s *server) run(w *response, c *call) error {
	return safely(func() error { return s.handle(w, c) })
}

// safely turns a panic of do into an error.
func safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// handle is the chain: authenticate, find the operation, authorise, do it.
func (s *server) handle(w *response, c *call) error {
	if c.r.Method == http.MethodOptions {
		return s.preflight(w, c.r)
	}
	if err := s.crossOrigin(w, c.r); err != nil {
		return err
	}
	if err := s.authenticate(c); err != nil {
		return err
	}
	if err := s.route(c); err != nil {
		return err
	}
	if c.op.name == opPostObject {
		if err := s.openForm(c); err != nil {
			return err
		}
	}
	if err := s.authorise(c); err != nil {
		return err
	}
	return c.op.do(s, w, c)
}

// stamp sets what every response carries.
func (s *server) stamp(h http.Header, id string) {
	h.Set("Server", "WhyPFS")
	h.Set("X-Amz-Request-Id", id)
	h.Set("X-Amz-Id-2", s.host)
}

func (s *server) logCall(c *call, w *response, op string, took time.Duration, err error) {
	if err != nil && !w.gone() && s.logFailure(c, err) {
		return
	}
	ctx := context.WithoutCancel(c.r.Context())
	s.log.DebugContext(ctx, "request", "req", c.id, "op", op, "bucket", c.name, "key", c.key,
		"status", w.status, "size", w.size, "dur", took, "err", err)
}

// logFailure logs err if a human must look at it, and says whether it did.
func (s *server) logFailure(c *call, err error) bool {
	if !s.isOurs(c, err) {
		return false
	}
	op := noOperation
	if c.op != nil {
		op = c.op.name
	}
	s.log.ErrorContext(context.WithoutCancel(c.r.Context()), "request not served",
		"req", c.id, "op", op, "bucket", c.name, "key", c.key, "err", err)
	return true
}

// isOurs says whether a human must look at err: it is neither the client's
// mistake nor the end of its patience.
func (s *server) isOurs(c *call, err error) bool {
	if c.r.Context().Err() != nil || errors.Is(err, context.Canceled) {
		return false
	}
	e := translate(err)
	return e.Status >= 500 && e.Status != http.StatusNotImplemented
}

func newRequestID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// response remembers what was sent. A handler may declare a status that is
// sent with the first byte, so that an error before it can still be told.
type response struct {
	http.ResponseWriter
	pending int // status to send with the first byte; 0: 200
	status  int // sent; 0: nothing yet
	size    int64
	err     error       // of the first write that failed
	lasting http.Header // sent whatever the answer becomes
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
		maps.Copy(w.Header(), w.lasting)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if !w.begun() {
		w.WriteHeader(max(w.pending, http.StatusOK))
	}
	n, err := w.ResponseWriter.Write(p)
	w.size += int64(n)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) begun() bool { return w.status != 0 }

// gone says that the client no longer takes what is written.
func (w *response) gone() bool { return w.err != nil }

// countingBody counts what is read of a request body.
type countingBody struct {
	io.ReadCloser
	n int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}
