package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// SignatureHeader carries the signature of a body.
const SignatureHeader = "X-WhyPFS-Signature-256"

// ErrURL says that a URL is not one to post to.
var ErrURL = errors.New("want an absolute http or https URL")

const (
	defaultTimeout = 10 * time.Second
	maxAnswer      = 4 << 10 // bytes read of an answer, so that the connection can be used again
)

// Options of a hook; the zero value works.
type Options struct {
	Secret  Secret        // signs bodies, unless it is empty
	Timeout time.Duration // of one delivery; default 10 s
}

// Hook is a receiver. It is safe for concurrent use.
type Hook struct {
	url    string
	secret Secret
	client *http.Client
}

// New returns the hook that posts to an address.
func New(address string, opt Options) (*Hook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, ErrURL // the cause would repeat the address
	}
	if opt.Timeout == 0 {
		opt.Timeout = defaultTimeout
	}
	return &Hook{url: address, secret: opt.Secret, client: &http.Client{
		Timeout: opt.Timeout,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: opt.Timeout}).DialContext,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Deliver posts a JSON document; nil means that the receiver has it.
func (h *Hook) Deliver(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return ErrURL
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "WhyPFS")
	if !h.secret.Empty() {
		req.Header.Set(SignatureHeader, h.secret.Sign(body))
	}
	res, err := h.client.Do(req)
	if err != nil {
		var named *url.Error
		if errors.As(err, &named) {
			err = named.Err // without the URL
		}
		return fmt.Errorf("post event: %w", err)
	}
	defer res.Body.Close()
	if _, err := io.CopyN(io.Discard, res.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer to an event: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	}
	return nil
}

// Secret is a key that no printer can reach. The zero Secret is empty.
type Secret struct{ p *[]byte } // neither fmt nor encoding/json follows an unexported pointer

// NewSecret hides s.
func NewSecret(s string) Secret {
	key := []byte(s)
	return Secret{&key}
}

// Empty says that there is no key.
func (s Secret) Empty() bool { return s.p == nil || len(*s.p) == 0 }

// Sign returns what SignatureHeader says of a body.
func (s Secret) Sign(body []byte) string {
	mac := hmac.New(sha256.New, *s.p)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (Secret) String() string   { return "[redacted]" }
func (Secret) GoString() string { return "[redacted]" }
