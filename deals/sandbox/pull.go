package sandbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/filecoin-shipyard/boostly"
	"golang.org/x/sync/errgroup"
)

const (
	pullParts    = 4
	minPart      = 1 << 20
	pullAttempts = 30 // without a byte in between
	pullBackoff  = 50 * time.Millisecond
	maxBackoff   = 3 * time.Second
	stallTimeout = 30 * time.Second
	cutsPerPart  = 2 // of a provider in mode reset
)

var (
	errNoRanges = errors.New("server does not serve ranges")
	errCut      = errors.New("transfer cut by the provider itself")
	errStalled  = errors.New("no data for too long")
)

// permanentError ends a transfer: trying again would not help.
type permanentError struct{ err error }

func (e permanentError) Error() string { return e.err.Error() }
func (e permanentError) Unwrap() error { return e.err }

func newPullClient(roots *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost:   2 * pullParts,
		IdleConnTimeout:       30 * time.Second,
		ResponseHeaderTimeout: stallTimeout,
		DisableCompression:    true,
		TLSClientConfig:       &tls.Config{RootCAs: roots},
	}}
}

// transfer fetches one URL into a file with parallel ranges, in constant
// memory, resuming every range where it broke.
type transfer struct {
	client *http.Client
	req    boostly.HttpRequest
	size   int64 // negative: as long as the server says
	noSync bool
	most   int64 // of a size that the server says
	cut    bool  // break every range a few times
	got    *atomic.Int64
}

func newTransfer(client *http.Client, d *providerDeal, cut bool) (*transfer, error) {
	t := &transfer{client: client, size: int64(d.Params.V.Transfer.Size), cut: cut, got: &d.received}
	if d.offline() { // its size may be missing, and its link anywhere
		var ok bool
		t.size, t.most = -1, int64(d.proposal().PieceSize.Unpadded())
		if t.req, ok = linkOf(d); !ok {
			return nil, errNoLink
		}
		return t, nil
	}
	if err := json.Unmarshal(d.Params.V.Transfer.Params, &t.req); err != nil {
		return nil, err
	}
	return t, nil
}

// run leaves the complete file at path, synced unless it need not be.
func (t *transfer) run(ctx context.Context, path string) error {
	t.got.Store(0)
	if err := t.retry(ctx, func(ctx context.Context) (bool, error) { return false, t.head(ctx) }); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = t.ranges(ctx, f, pullParts)
	if errors.Is(err, errNoRanges) {
		err = t.ranges(ctx, f, 1)
	}
	if err == nil && !t.noSync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// head checks that the URL is there and as long as the deal says.
func (t *transfer) head(ctx context.Context) error {
	res, err := t.do(ctx, http.MethodHead, "")
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if err := checkCode(res, http.StatusOK); err != nil {
		return err
	}
	if t.size < 0 && res.ContentLength > 0 && res.ContentLength <= t.most {
		t.size = res.ContentLength
	}
	if t.size < 0 || res.ContentLength >= 0 && res.ContentLength != t.size {
		return permanentError{fmt.Errorf("deal size %d but server has %d bytes", t.size, res.ContentLength)}
	}
	return nil
}

func (t *transfer) ranges(ctx context.Context, f *os.File, parts int64) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	t.got.Store(0)
	part := max(minPart, (t.size+parts-1)/parts)
	g, ctx := errgroup.WithContext(ctx)
	for from := int64(0); from < t.size; from += part {
		g.Go(func() error { return t.part(ctx, f, from, min(from+part, t.size)) })
	}
	return g.Wait()
}

// part fetches [from,to), going on where it broke.
func (t *transfer) part(ctx context.Context, f *os.File, from, to int64) error {
	cuts, whole := 0, from == 0 && to == t.size
	return t.retry(ctx, func(ctx context.Context) (bool, error) {
		limit := to - from
		cut := t.cut && cuts < cutsPerPart && limit > 1
		if cut {
			cuts++
			limit /= 2
		}
		n, err := t.fetch(ctx, f, from, to, limit)
		if errors.Is(err, errNoRanges) && whole {
			// It cannot go on where it broke: start again.
			t.got.Add(-from)
			from, err = 0, errNoRanges
			return false, err
		}
		from += n
		t.got.Add(n)
		if err == nil && cut {
			err = errCut
		}
		if err == nil && from < to {
			err = io.ErrUnexpectedEOF
		}
		return n > 0, err
	})
}

// fetch asks for [from,to) and writes at most limit bytes of it to the file.
func (t *transfer) fetch(ctx context.Context, f *os.File, from, to, limit int64) (n int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer watch.Stop()
	res, err := t.do(ctx, http.MethodGet, fmt.Sprintf("bytes=%d-%d", from, to-1))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode == http.StatusOK && (from > 0 || to < t.size) {
		return 0, permanentError{errNoRanges}
	}
	if res.StatusCode != http.StatusOK {
		if err := checkCode(res, http.StatusPartialContent); err != nil {
			return 0, err
		}
		if want := fmt.Sprintf("bytes %d-%d/%d", from, to-1, t.size); res.Header.Get("Content-Range") != want {
			return 0, permanentError{fmt.Errorf("asked for %q, got %q", want, res.Header.Get("Content-Range"))}
		}
	}
	buf := make([]byte, 128<<10)
	for n < limit {
		k, rerr := res.Body.Read(buf[:min(int64(len(buf)), limit-n)])
		if k > 0 {
			watch.Reset(stallTimeout)
			if _, err := f.WriteAt(buf[:k], from+n); err != nil {
				return n, permanentError{err}
			}
			n += int64(k)
		}
		if errors.Is(rerr, io.EOF) {
			return n, nil
		}
		if rerr != nil {
			return n, errors.Join(rerr, context.Cause(ctx))
		}
	}
	return n, nil
}

func (t *transfer) do(ctx context.Context, method, span string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.req.URL, nil)
	if err != nil {
		return nil, permanentError{err}
	}
	for k, v := range t.req.Headers {
		req.Header.Set(k, v)
	}
	if span != "" {
		req.Header.Set("Range", span)
	}
	return t.client.Do(req)
}

// checkCode tells errors that may pass from those that will not.
func checkCode(res *http.Response, want int) error {
	if res.StatusCode == want {
		return nil
	}
	err := fmt.Errorf("http req failed: code: %d, status: %s", res.StatusCode, res.Status)
	switch c := res.StatusCode; {
	case c == http.StatusRequestTimeout, c == http.StatusTooEarly, c == http.StatusTooManyRequests, c >= 500:
		return err
	}
	return permanentError{err}
}

// retry calls f until it succeeds, fails for good, or has failed too often
// without progress.
func (t *transfer) retry(ctx context.Context, f func(context.Context) (progress bool, err error)) error {
	wait := pullBackoff
	for failed := 0; ; {
		progress, err := f(ctx)
		if err == nil {
			return nil
		}
		if progress {
			failed, wait = 0, pullBackoff
		}
		var fatal permanentError
		if failed++; errors.As(err, &fatal) || failed >= pullAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		wait = min(2*wait, maxBackoff)
	}
}
