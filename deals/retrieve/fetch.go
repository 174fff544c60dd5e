package retrieve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// stallTimeout is how long a provider may send nothing.
	stallTimeout = 30 * time.Second
	// stallBytes must come in that time: a provider that trickles is no better
	// than one that is silent.
	stallBytes = 1 << 20
	// hurryTimeout is stallTimeout while a reader waits and others can be asked.
	hurryTimeout = 5 * time.Second
	// skipLimit is how much is thrown away of an answer that ignores Range.
	skipLimit = 64 << 20
)

func newWebClient() *http.Client {
	return &http.Client{CheckRedirect: onlyToTLS, Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: stallTimeout,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true, // a range of compressed bytes is of no use
	}}
}

// onlyToTLS follows a provider from http to https and nowhere else: whoever
// chooses where we look must not choose what we ask there, behind our firewall.
func onlyToTLS(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	if len(via) > 1 || req.URL.Scheme != "https" || from.Scheme != "http" || req.URL.Hostname() != from.Hostname() ||
		req.URL.RequestURI() != from.RequestURI() {
		return http.ErrUseLastResponse
	}
	return nil
}

// errStalled says that a provider was given up because it sent too little.
var errStalled = errors.New("sends nothing, or too little")

// openRange asks a replica for length bytes of a piece from off on.
func (r *Retriever) openRange(ctx context.Context, at replica, piece string, off, length int64) (*body, error) {
	h := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", off, off+length-1)}}
	resp, err := r.get(ctx, at, "/piece/"+piece, h)
	if err != nil {
		return nil, err
	}
	switch resp.status {
	case http.StatusPartialContent:
		var from, to int64
		cr := resp.header.Get("Content-Range")
		if _, err := fmt.Sscanf(cr, "bytes %d-%d/", &from, &to); err != nil || from != off {
			resp.Close()
			return nil, fmt.Errorf("answers the wrong range %q", cr)
		}
		return resp, nil
	case http.StatusOK:
		if off <= skipLimit {
			if _, err = io.CopyN(io.Discard, resp, off); err == nil {
				return resp, nil
			}
		} else {
			err = errors.New("serves no ranges")
		}
	default:
		err = fmt.Errorf("answers HTTP %d", resp.status)
	}
	resp.Close()
	return nil, err
}

// body is an answer that is given up when it stalls. Only time spent waiting
// for it counts, not what its reader does with it.
type body struct {
	status int
	header http.Header
	io.ReadCloser
	timer    *time.Timer // runs while a Read waits
	patience time.Duration
	left     time.Duration
	got      int // bytes since left was the whole of patience
	stalled  *atomic.Bool
	cancel   context.CancelFunc
	counter  prometheus.Counter // of what came; nil: nobody counts

	bytes  int64
	waited time.Duration // for them
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.left)
	begin := time.Now()
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	took := time.Since(begin)
	b.left -= took
	b.waited += took
	b.bytes += int64(n)
	if b.counter != nil {
		b.counter.Add(float64(n))
	}
	if b.got += n; b.got >= stallBytes {
		b.got, b.left = 0, b.patience
	}
	if err != nil && err != io.EOF && b.stalled.Load() {
		err = fmt.Errorf("%w: %w", errStalled, err)
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	defer b.cancel()
	return b.ReadCloser.Close()
}

func (r *Retriever) get(ctx context.Context, at replica, path string, h http.Header) (*body, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.base+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header = h
	b := newBody(cancel, at.patience)
	if r.met != nil {
		b.counter = r.met.received.WithLabelValues(viaOf(path))
	}
	b.timer.Reset(b.left) // for the headers
	resp, err := r.web.Do(req)
	b.timer.Stop()
	if err != nil {
		cancel()
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		if b.stalled.Load() {
			err = fmt.Errorf("%w: %w", errStalled, err)
		}
		return nil, err
	}
	b.status, b.header, b.ReadCloser = resp.StatusCode, resp.Header, resp.Body
	return b, nil
}

// viaOf names the way that a path stands for.
func viaOf(path string) string {
	if strings.HasPrefix(path, "/piece/") {
		return viaPiece
	}
	return viaCAR
}

func newBody(cancel context.CancelFunc, patience time.Duration) *body {
	stalled := new(atomic.Bool)
	timer := time.AfterFunc(patience, func() {
		stalled.Store(true)
		cancel()
	})
	timer.Stop()
	return &body{timer: timer, patience: patience, left: patience, stalled: stalled, cancel: cancel}
}

// checkBlock says whether data is what c names.
func checkBlock(c cid.Cid, data []byte) error {
	sum, err := c.Prefix().Sum(data)
	if err != nil {
		return fmt.Errorf("block %s: %w", c, err)
	}
	if !sum.Equals(c) {
		return fmt.Errorf("block %s does not have its hash", c)
	}
	return nil
}

// Block reads one block, at off in a piece, from a provider. It is a piece.Fetcher.
func (r *Retriever) Block(ctx context.Context, pieceCID string, block cid.Cid, off int64, size int) ([]byte, error) {
	data := make([]byte, size)
	err := r.eachReplica(ctx, pieceCID, asking{hurry: true}, func(at replica) error {
		in, err := r.openRange(ctx, at, pieceCID, off, int64(size))
		if err != nil {
			return err
		}
		defer in.Close()
		if _, err := io.ReadFull(in, data); err != nil {
			return err
		}
		return checkBlock(block, data)
	})
	return data, err
}
