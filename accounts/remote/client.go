package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whypfs/whypfs/accounts"
)

const (
	dialTimeout = 3 * time.Second
	// callTimeout bounds a question. Passwords are hashed a few at a time, so a
	// login may wait for its turn.
	callTimeout = 20 * time.Second
	maxAnswer   = 64 << 20
	maxRefusal  = 512 // bytes of its text
	idleConns   = 256
)

// Options of Client; the zero value works.
type Options struct {
	// Follows is the id of the accounts that the node follows; "" if it
	// follows none yet. Follow is told of the first then, before any answer of
	// theirs is used.
	Follows string
	Follow  func(ctx context.Context, id string) error

	RootCAs *x509.CertPool // nil: the system's
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Metrics prometheus.Registerer
}

// Client asks an authorization service. It is safe for concurrent use.
type Client struct {
	url     string
	secrets Secrets
	http    *http.Client
	calls   *prometheus.HistogramVec

	mu      sync.Mutex // guards what follows
	follows string
	follow  func(ctx context.Context, id string) error
	last    error // of the last question that was asked
}

var _ accounts.Caller = (*Client)(nil)

// NewClient returns a client of the service at a URL, http or https with a host
// and no path.
func NewClient(at string, secrets Secrets, opt Options) (*Client, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, errors.New("the URL of an authorization service is http:// or https://, a host and a port")
	}
	if opt.Dial == nil {
		opt.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	c := &Client{url: u.Scheme + "://" + u.Host + path, secrets: secrets, follows: opt.Follows, follow: opt.Follow,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext: opt.Dial, TLSClientConfig: &tls.Config{RootCAs: opt.RootCAs}, TLSHandshakeTimeout: dialTimeout,
				MaxIdleConns: idleConns, MaxIdleConnsPerHost: idleConns, IdleConnTimeout: time.Minute,
				DisableCompression: true,
			},
			// The secret goes nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "whypfs_accounts_call_seconds", Help: "Time of a question to the authorization service, by operation and result.",
			Buckets: []float64{.0001, .001, .01, .1, 1, 10},
		}, []string{"op", "result"}),
	}
	if opt.Metrics != nil {
		opt.Metrics.MustRegister(c.calls)
	}
	return c, nil
}

// Call asks a question.
func (c *Client) Call(ctx context.Context, call accounts.Call) (accounts.Answer, error) {
	start := time.Now()
	answer, err := c.call(ctx, call)
	if ctx.Err() != nil && err != nil {
		return answer, ctx.Err() // whoever asked is gone: it says nothing of the service
	}
	how := "ok"
	if err != nil {
		how = "failed"
	}
	c.calls.WithLabelValues(call.Op, how).Observe(time.Since(start).Seconds())
	c.mu.Lock()
	c.last = err
	c.mu.Unlock()
	return answer, err
}

// Last is the error of the last question: why the service is not available.
func (c *Client) Last() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Close gives idle connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) call(ctx context.Context, call accounts.Call) (accounts.Answer, error) {
	body, err := json.Marshal(call)
	if err != nil {
		return accounts.Answer{}, err
	}
	answer, err := c.post(ctx, call.Op, body)
	// A connection that was kept breaks when the service starts anew. Another
	// time-out would double what the client of the node waits.
	var broken brokenError
	if errors.As(err, &broken) && !broken.timeout && call.Read && ctx.Err() == nil {
		answer, err = c.post(ctx, call.Op, body)
	}
	return answer, err
}

// brokenError says that there was no answer. It hides what it was made of: a
// time-out of ours is none of who asked.
type brokenError struct {
	text    string
	timeout bool
}

func (e brokenError) Error() string { return accounts.ErrUnavailable.Error() + ": " + e.text }
func (e brokenError) Unwrap() error { return accounts.ErrUnavailable }

func broken(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	var t net.Error
	return brokenError{err.Error(), errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()}
}

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", accounts.ErrUnavailable, fmt.Sprintf(format, args...))
}

func (c *Client) post(ctx context.Context, op string, body []byte) (accounts.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+op, bytes.NewReader(body))
	if err != nil {
		return accounts.Answer{}, err
	}
	follows := c.following()
	req.Header.Set("Authorization", "Bearer "+c.secrets.p.first)
	req.Header.Set("Content-Type", "application/json")
	if follows != "" {
		req.Header.Set(accountsHeader, follows)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return accounts.Answer{}, broken(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return accounts.Answer{}, refused(res, op)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return accounts.Answer{}, broken(err)
	}
	if len(raw) > maxAnswer {
		return accounts.Answer{}, unavailable("an answer of more than %d bytes", maxAnswer)
	}
	var answer accounts.Answer
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Out == nil {
		return accounts.Answer{}, unavailable("its answer cannot be read: is the URL that of another service?")
	}
	return answer, c.heard(ctx, res.Header.Get(accountsHeader), follows)
}

// refused is what an answer other than 200 means.
func refused(res *http.Response, op string) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // what came of it will do
	switch res.StatusCode {
	case http.StatusUnauthorized:
		return unavailable("it does not take our secret")
	case http.StatusNotFound:
		return unavailable("it has no operation %q: is it older than this node, or the URL that of another service?", op)
	case http.StatusInternalServerError:
		return fmt.Errorf("authorization service: %s", bytes.TrimSpace(text))
	}
	return unavailable("it answers %d: %s", res.StatusCode, bytes.TrimSpace(text))
}

func (c *Client) following() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.follows
}

// heard checks whose an answer is. The first ones are followed.
func (c *Client) heard(ctx context.Context, id, asked string) error {
	if id != "" && id == asked {
		return nil
	}
	if id == "" {
		return unavailable("its accounts have no id: is the URL that of another service?")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.follows == id:
		return nil
	case c.follows != "":
		return unavailable("it has other accounts than those that this node follows")
	}
	if c.follow != nil {
		if err := c.follow(ctx, id); err != nil {
			return err
		}
	}
	c.follows = id
	return nil
}
