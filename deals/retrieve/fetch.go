package retrieve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ipfs/go-cid"
)

const (
	// stallTimeout is how long a provider may send nothing.
	stallTimeout = 30 * time.Second
	// stallBytes must come in that time: a provider that trickles is no better
	// than one that is silent.
	stallBytes = 1 << 20
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

// openRange asks base for length bytes of a piece from off on.
func (r *Retriever) openRange(ctx context.Context, base, piece string, off, length int64) (io.ReadCloser, error) {
	h := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", off, off+length-1)}}
	resp, err := r.get(ctx, base+"/piece/"+piece, h)
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
	timer  *time.Timer // runs while a Read waits
	left   time.Duration
	got    int // bytes since left was the whole of stallTimeout
	cancel context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.left)
	begin := time.Now()
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.left -= time.Since(begin)
	if b.got += n; b.got >= stallBytes {
		b.got, b.left = 0, stallTimeout
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	defer b.cancel()
	return b.ReadCloser.Close()
}

func (r *Retriever) get(ctx context.Context, target string, h http.Header) (*body, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header = h
	resp, err := r.web.Do(req)
	if err != nil {
		cancel()
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, err
	}
	return newBody(resp, cancel), nil
}

func newBody(resp *http.Response, cancel context.CancelFunc) *body {
	timer := time.AfterFunc(stallTimeout, cancel)
	timer.Stop()
	return &body{status: resp.StatusCode, header: resp.Header, ReadCloser: resp.Body, timer: timer, left: stallTimeout, cancel: cancel}
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
	err := r.eachReplica(ctx, pieceCID, func(base string) error {
		in, err := r.openRange(ctx, base, pieceCID, off, int64(size))
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
