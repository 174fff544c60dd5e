package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	rpcTimeout = 30 * time.Second
	rpcLimit   = 16 << 20 // of an answer; a publish message with its deals stays far below
)

// ErrUnavailable says that the chain could not be asked: nobody's fault but its node's.
var ErrUnavailable = errors.New("the chain cannot be asked")

// A CallError is what the chain's node answers when it refuses a call.
type CallError struct {
	Method  string `json:"-"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *CallError) Error() string { return e.Method + ": " + e.Message }

// An rpc speaks JSON-RPC 2.0 over HTTP POST.
type rpc struct {
	url   string
	token bearer
	web   *http.Client
	next  atomic.Int64
}

// bearer is a token that cannot be printed.
type bearer struct{ p *string }

func (bearer) String() string { return "[redacted]" }

func newRPC(url, token string) *rpc {
	// A sweep over all deals has many calls at once; the default keeps two
	// connections and dials anew for the others.
	many := http.DefaultTransport.(*http.Transport).Clone()
	many.MaxIdleConnsPerHost = 32
	r := &rpc{url: url, web: &http.Client{Timeout: rpcTimeout, Transport: many}}
	if token != "" {
		r.token.p = &token
	}
	return r
}

// call runs Filecoin.method and decodes its result into out.
func (r *rpc) call(ctx context.Context, method string, out any, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": r.next.Add(1), "method": "Filecoin." + method, "params": params,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	answer, status, err := r.post(ctx, body)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, method, err)
	}
	var msg struct {
		Result json.RawMessage `json:"result"`
		Error  *CallError      `json:"error"`
	}
	if err := json.Unmarshal(answer, &msg); err != nil || msg.Error == nil && msg.Result == nil {
		return fmt.Errorf("%w: %s: HTTP %d without a JSON-RPC result", ErrUnavailable, method, status)
	}
	if msg.Error != nil {
		msg.Error.Method = method
		return msg.Error
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = msg.Result
		return nil
	}
	if string(msg.Result) == "null" {
		return fmt.Errorf("%w: %s: the result is null", ErrUnavailable, method)
	}
	return decodeResult(method, msg.Result, out)
}

func decodeResult(method string, result json.RawMessage, out any) error {
	if err := json.Unmarshal(result, out); err != nil {
		return fmt.Errorf("%w: %s: result: %w", ErrUnavailable, method, err)
	}
	return nil
}

// busy says that the node, or what stands before it, cannot answer now. A
// refused call comes with other statuses.
func busy(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// busyError is the answer of a node that cannot answer now.
type busyError struct {
	status int
	after  time.Duration // how long it wants to be left alone, 0: it does not say
}

func (b *busyError) Error() string { return fmt.Sprintf("HTTP %d", b.status) }

// retryAfter reads the header Retry-After (RFC 9110, 10.2.3).
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return time.Duration(min(n, 86400)) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

func (r *rpc) post(ctx context.Context, body []byte) (answer []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, errors.New("the URL is not valid") // the URL may hold an API key
	}
	req.Header.Set("Content-Type", "application/json")
	if r.token.p != nil {
		req.Header.Set("Authorization", "Bearer "+*r.token.p)
	}
	resp, err := r.web.Do(req)
	if err != nil {
		// url.Error names the URL, and with it an API key in its path.
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, 0, err
	}
	defer resp.Body.Close()
	if busy(resp.StatusCode) {
		// What stands in the body, even a JSON-RPC error, is no answer to the question.
		return nil, 0, &busyError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, rpcLimit+1))
	if err != nil {
		return nil, 0, err
	}
	if len(answer) > rpcLimit {
		return nil, 0, errors.New("answer is too long")
	}
	return answer, resp.StatusCode, nil
}
