package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Options of a Client; the zero value works.
type Options struct {
	Tries   int           // of a request that may yet succeed; default 8
	Backoff time.Duration // before the second try, doubled for each further one; default 500 ms
	Idle    time.Duration // a host that neither takes nor sends anything for so long has failed; default 5 min
	Jobs    int           // files at once; default 4
	// NoVerify believes a host's CIDs of uploads, for one that imports in a way of its own.
	NoVerify bool
	// Copies is how many deals uploads are to get; 0: as many as the host makes.
	Copies int
	// Retry is told of each failure that another try follows.
	Retry func(err error, wait time.Duration)
	// Progress is told of bytes that were sent or received for the first time.
	Progress func(n int64)
	// Version goes into User-Agent.
	Version string
}

// Client is a Host's API. It is safe for concurrent use.
type Client struct {
	host Host
	opt  Options
	http *http.Client
	old  atomic.Bool // the host has the collection routes of V1 before 0.1.9
}

// New returns a client of h. It asks nothing yet.
func New(h Host, opt Options) *Client {
	if opt.Tries <= 0 {
		opt.Tries = 8
	}
	if opt.Backoff <= 0 {
		opt.Backoff = 500 * time.Millisecond
	}
	if opt.Idle <= 0 {
		opt.Idle = 5 * time.Minute
	}
	if opt.Jobs <= 0 {
		opt.Jobs = 4
	}
	if opt.Retry == nil {
		opt.Retry = func(error, time.Duration) {}
	}
	if opt.Progress == nil {
		opt.Progress = func(int64) {}
	}
	if h.Upload == "" {
		h.Upload = h.URL
	}
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,

		TLSHandshakeTimeout: 15 * time.Second,
		MaxIdleConnsPerHost: opt.Jobs,
		IdleConnTimeout:     60 * time.Second, // less than servers', so that a request seldom meets the end of a connection
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // bytes that are hashed are asked for as they are
	}
	return &Client{host: h, opt: opt, http: &http.Client{Transport: transport, CheckRedirect: checkRedirect}}
}

// Host is what the client was made for.
func (c *Client) Host() Host { return c.host }

// checkRedirect follows what reads to where it was moved. net/http does not
// take the token to another host.
func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
		return redirected(req.URL)
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return permanent{errors.New("the host redirects from https to http")}
	case len(via) > 5:
		return permanent{errors.New("too many redirects")}
	}
	return nil
}

func redirected(to *url.URL) error {
	return permanent{fmt.Errorf("the host redirects to %s://%s: log in with that URL", to.Scheme, to.Host)}
}

// A call is a request that may be sent more than once.
type call struct {
	method, path string
	query        url.Values
	upload       bool // it goes to where the host wants uploads
	header       http.Header
	in           any // sent as JSON, unless there is a body
	// body opens what is sent; a size below 0 is not known.
	body func() (io.ReadCloser, int64, error)
	// again, if not nil, is asked before another try, after one of which nobody
	// knows whether the host has done it; true: it has.
	again func(context.Context) (bool, error)
	once  bool // the body cannot be opened again
}

// errDone says that a call had been done by an earlier try.
var errDone = errors.New("done already")

// json sends a call and decodes the answer into out, unless that is nil.
func (c *Client) json(ctx context.Context, cl call, out any) error {
	return c.do(ctx, cl, func(res *http.Response) error {
		if out == nil {
			_, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
			return err
		}
		var raw json.RawMessage
		if err := json.NewDecoder(res.Body).Decode(&raw); err != nil {
			return err
		}
		if err := json.Unmarshal(raw, out); err != nil {
			return permanent{fmt.Errorf("%s %s: the answer is not V1's: %w", cl.method, cl.path, err)}
		}
		return nil
	})
}

// do sends a call until one answer is a success that handle takes, or there is no hope.
func (c *Client) do(ctx context.Context, cl call, handle func(*http.Response) error) error {
	for try := 1; ; try++ {
		err := c.try(ctx, cl, handle)
		if err == nil {
			return nil
		}
		if cl.once {
			return finalError(ctx, cl, err)
		}
		if err := c.rest(ctx, cl, try, err); err != nil {
			return err
		}
		if cl.again == nil {
			continue
		}
		if done, err := cl.again(ctx); err != nil {
			return err
		} else if done {
			return errDone
		}
	}
}

// try sends a call once.
func (c *Client) try(ctx context.Context, cl call, handle func(*http.Response) error) error {
	ctx, dog := watch(ctx, c.opt.Idle)
	defer dog.end()
	req, err := c.request(ctx, cl, dog)
	if err != nil {
		return permanent{err}
	}
	res, err := c.http.Do(req)
	if err != nil {
		return dog.because(err)
	}
	defer res.Body.Close()
	dog.pet()
	res.Body = io.NopCloser(dog.reader(res.Body))
	if res.StatusCode/100 == 2 {
		return dog.because(handle(res))
	}
	if to, err := res.Location(); err == nil && res.StatusCode/100 == 3 { // net/http sends no body twice
		return permanent{&Error{Method: cl.method, Path: cl.path, Status: res.StatusCode, Details: redirected(to).Error()}}
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what has come is enough
	return answered{parseError(cl.method, cl.path, res.StatusCode, text), retryAfter(res.Header)}
}

func (c *Client) request(ctx context.Context, cl call, dog *watchdog) (*http.Request, error) {
	base := c.host.URL
	if cl.upload {
		base = c.host.Upload
	}
	u := base + cl.path
	if len(cl.query) > 0 {
		u += "?" + cl.query.Encode()
	}
	body, size, err := cl.open()
	if err != nil {
		return nil, err
	}
	var r io.Reader
	if body != nil {
		r = &petting{Reader: body, Closer: body, dog: dog}
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, u, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = max(size, -1)
	}
	for name, values := range cl.header {
		req.Header[name] = values
	}
	if cl.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "whypfs/"+c.opt.Version)
	if token := c.host.Token.reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func (cl *call) open() (io.ReadCloser, int64, error) {
	if cl.in == nil {
		if cl.body == nil {
			return nil, 0, nil
		}
		return cl.body()
	}
	data, err := json.Marshal(cl.in)
	return io.NopCloser(bytes.NewReader(data)), int64(len(data)), err
}
