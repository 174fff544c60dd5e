package mk12

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/whypfs/whypfs/node"
)

// ErrReached is part of errors that came after a provider may have read our request.
var ErrReached = errors.New("provider was reached")

// Route says how a provider is reached. One of the ways is enough.
type Route struct {
	HTTP  []string // base URLs of its market over HTTP: they are tried first
	Peer  string   // libp2p peer id; "": none
	Addrs []string // multiaddrs of the peer
}

// A question is one request to a provider and its answer, over whatever carries it.
type question struct {
	limit     time.Duration
	protocols []string // over libp2p, the preferred first
	method    string   // over HTTP; "": it cannot be asked there
	path      string
	write     func(io.Writer) error // nil: there is nothing to say
	read      func(io.Reader) error
}

// talk puts a question to a provider. Another way of reaching it is tried only
// while the provider has certainly read nothing.
func (c *Client) talk(ctx context.Context, provider string, q question) error {
	ctx, cancel := context.WithTimeout(ctx, q.limit)
	defer cancel()
	to, err := c.route(ctx, provider)
	if err != nil {
		return err
	}
	var failed []error
	for _, base := range to.HTTP {
		if q.method == "" {
			break
		}
		err := c.overHTTP(ctx, base, q)
		if err == nil || errors.Is(err, ErrReached) || ctx.Err() != nil {
			return err
		}
		failed = append(failed, fmt.Errorf("over HTTP: %w", err))
	}
	if to.Peer != "" {
		err := c.overStream(ctx, to, q)
		if err == nil || errors.Is(err, ErrReached) {
			return err
		}
		failed = append(failed, err)
	}
	c.known.forget(provider) // it may have moved
	if len(failed) == 0 {
		return errors.New("no way of reaching it is known for this")
	}
	return errors.Join(failed...)
}

// overStream asks over a libp2p stream.
func (c *Client) overStream(ctx context.Context, to Route, q question) error {
	s, err := c.streams.OpenStream(ctx, to.Peer, to.Addrs, q.protocols...)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if err := exchange(s, q); err != nil {
		s.Reset()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrReached, err)
	}
	s.Close()
	return nil
}

func exchange(s node.Stream, q question) error {
	if q.write != nil {
		if err := q.write(s); err != nil {
			return err
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
	}
	return q.read(io.LimitReader(s, answerLimit))
}

// overHTTP asks as Curio answers under /market/mk12: the same CBOR both ways,
// in the body even of a GET (curio, market/mk12/http).
func (c *Client) overHTTP(ctx context.Context, base string, q question) error {
	target, err := marketURL(base, q.path)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := q.write(&body); err != nil {
		return err
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, q.method, target, &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/cbor")
	resp, err := c.web.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		if !sent.Load() {
			return err
		}
		return fmt.Errorf("%w: %w", ErrReached, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refusedHTTP(resp.StatusCode)
	}
	if err := q.read(io.LimitReader(resp.Body, answerLimit)); err != nil {
		return fmt.Errorf("%w: %w", ErrReached, err)
	}
	return nil
}

// refusedHTTP is the error of a status that is no answer. Of those below 500
// none comes from behind the market's door: its handlers answer 200, or broke.
func refusedHTTP(status int) error {
	err := fmt.Errorf("HTTP %d", status)
	if status >= http.StatusInternalServerError {
		return fmt.Errorf("%w: %w", ErrReached, err)
	}
	return err
}

// marketURL refuses to send proposals, which carry the token of a piece, over a
// network in plain text.
func marketURL(base, path string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("market %q is no URL", base)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return "", fmt.Errorf("market %s is not reached over HTTPS", base)
	}
	return u.JoinPath("/market/mk12", path).String(), nil
}

// newWeb returns a client that follows no redirect: whoever is asked answers himself.
func newWeb() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     90 * time.Second,
		},
	}
}
