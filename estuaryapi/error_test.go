package estuaryapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

func TestErrorsMapped(t *testing.T) {
	for _, tt := range []struct {
		err    error
		code   int
		reason string
	}{
		{node.ErrFull, 507, "ERR_CONTENT_ADDING_DISABLED"},
		{kv.ErrFull, 507, "ERR_CONTENT_ADDING_DISABLED"},
		{accounts.ErrNoToken, 401, "ERR_INVALID_TOKEN"},
		{accounts.ErrUnavailable, 503, "ERR_INTERNAL_SERVER"},
		{buckets.ErrKey, 400, "ERR_INVALID_INPUT"},
		{buckets.ErrNoContent, 404, "ERR_CONTENT_NOT_FOUND"},
		{buckets.ErrLocked, 403, "ERR_NOT_AUTHORIZED"},
		{buckets.ErrNoZone, 404, "ERR_RECORD_NOT_FOUND"},
		{estuaryapi.ErrBrokenBody, 400, "ERR_BAD_REQUEST"},
		{errors.New("read /secret/place"), 500, "ERR_INTERNAL_SERVER"},
	} {
		if code, reason := estuaryapi.APIError(fmt.Errorf("deep down: %w", tt.err)); code != tt.code || reason != tt.reason {
			t.Errorf("%v is answered %d %s, want %d %s", tt.err, code, reason, tt.code, tt.reason)
		}
	}
}

// serve calls the handler itself; cut says that it asked for the connection to be cut.
func serve(h http.Handler, r *http.Request) (w *httptest.ResponseRecorder, cut bool) {
	defer func() { cut = recover() == http.ErrAbortHandler }() //nolint:errorlint // the very value
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, false
}

// A client that has gone must not be left something that a proxy takes for a success.
func TestClientGone(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/content/contents", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if w, cut := serve(f.srv.Config.Handler, r); !cut || w.Body.Len() > 0 {
		t.Errorf("cut is %v, answered %d %s", cut, w.Code, w.Body)
	}
	if f.log.Len() > 0 {
		t.Errorf("the log has %s", f.log)
	}
}

// A fault of ours is answered as one, and only the log has its cause.
func TestPanic(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	var log bytes.Buffer
	broken := estuaryapi.New(nil, nil, nil, f.accounts, f.node, estuaryapi.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/content/contents", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w, cut := serve(broken, r)
	if cut {
		t.Fatal("the connection was cut")
	}
	answer{w.Code, w.Header(), w.Body.String()}.wantError(t, "a panic", 500, "ERR_INTERNAL_SERVER", "internal error; the node's log has its cause")
	if !strings.Contains(log.String(), "nil pointer") || strings.Contains(log.String(), token) {
		t.Errorf("the log has %q", log.String())
	}
}
