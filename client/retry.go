package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

const (
	maxBackoff = 30 * time.Second
	// maxRetryAfter is how long a host may ask to be left alone; longer is a refusal.
	maxRetryAfter = 10 * time.Minute
)

// permanent is an error that another try does not change.
type permanent struct{ error }

func (e permanent) Unwrap() error { return e.error }

// answered is a host's answer that is not a success, and when it wants to be asked again.
type answered struct {
	err   *Error
	after time.Duration // 0: it did not say
}

func (e answered) Error() string { return e.err.Error() }
func (e answered) Unwrap() error { return e.err }

// wait says whether there is to be another try after err, and how long before it.
func (c *Client) wait(ctx context.Context, try int, err error) (time.Duration, bool) {
	if ctx.Err() != nil || try >= c.opt.Tries || !hopeful(err) {
		return 0, false
	}
	wait := min(c.opt.Backoff<<min(try-1, 20), maxBackoff)
	wait = wait/2 + rand.N(wait/2+1) // spread, or all that failed together come back together
	var a answered
	if errors.As(err, &a) {
		if a.after > maxRetryAfter {
			return 0, false
		}
		wait = max(wait, a.after)
	}
	return wait, true
}

// rest waits before another try of a call that ended with err; an error is the
// end of the call.
func (c *Client) rest(ctx context.Context, cl call, try int, err error) error {
	wait, again := c.wait(ctx, try, err)
	if !again {
		return finalError(ctx, cl, err)
	}
	c.opt.Retry(finalError(ctx, cl, err), wait)
	return sleep(ctx, wait)
}

// resume tries a call again as long as there is hope, which there is while the
// bytes at *from get more.
func (c *Client) resume(ctx context.Context, cl call, from *int64, attempt func(before int64) error) error {
	for try := 1; ; try++ {
		before := *from
		err := attempt(before)
		if err == nil {
			return nil
		}
		if *from > before {
			try = 1
		}
		if err := c.rest(ctx, cl, try, err); err != nil {
			return err
		}
	}
}

// hopeful says whether what failed may succeed later.
func hopeful(err error) bool {
	var a answered
	if errors.As(err, &a) {
		return passing(a.err.Status)
	}
	var fixed permanent
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var syntax *json.SyntaxError // a page, say, of something that is no such host
	switch {
	case errors.As(err, &fixed), errors.As(err, &syntax), errors.As(err, &cert), errors.As(err, &authority), errors.As(err, &record):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	}
	return true
}

// finalError is what the caller of a call sees of an error.
func finalError(ctx context.Context, cl call, err error) error {
	var a answered
	var fixed permanent
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &a):
		return a.err
	case errors.As(err, &fixed):
		return fixed.error
	}
	var wrapped *url.Error // it repeats the URL, with its query
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return fmt.Errorf("%s %s: %w: %w", cl.method, cl.path, ErrUnreachable, err)
}

// retryAfter reads the header of that name, seconds or a date.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errIdle says that a host stopped.
var errIdle = errors.New("the host has stopped answering")

// A watchdog ends a try when nothing moves in either direction for its limit.
// An upload may take hours, so there is no limit of the whole.
type watchdog struct {
	cancel context.CancelCauseFunc
	limit  time.Duration
	mu     sync.Mutex
	timer  *time.Timer // guarded by mu
	ctx    context.Context
}

func watch(ctx context.Context, limit time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &watchdog{cancel: cancel, limit: limit, ctx: ctx}
	d.timer = time.AfterFunc(limit, func() { cancel(errIdle) })
	return ctx, d
}

func (d *watchdog) pet() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer.Reset(d.limit)
}

func (d *watchdog) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer.Stop()
	d.cancel(context.Canceled)
}

// because names the watchdog as the cause of an error that it made.
func (d *watchdog) because(err error) error {
	if err != nil && errors.Is(context.Cause(d.ctx), errIdle) {
		return errIdle
	}
	return err
}

func (d *watchdog) reader(r io.Reader) io.Reader { return &petting{Reader: r, dog: d} }

// petting is a reader that something moves through.
type petting struct {
	io.Reader
	io.Closer
	dog *watchdog
}

func (p *petting) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n > 0 {
		p.dog.pet()
	}
	return n, err
}
