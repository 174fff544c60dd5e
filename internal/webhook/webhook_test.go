package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/webhook"
)

// receiver returns a hook to a server with that handler.
func receiver(t *testing.T, opt webhook.Options, h http.HandlerFunc) *webhook.Hook {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	hook, err := webhook.New(srv.URL+"/in?token=tiptoe", opt)
	if err != nil {
		t.Fatal(err)
	}
	return hook
}

func TestDeliver(t *testing.T) {
	tests := []struct {
		name   string
		status int
		ok     bool
	}{
		{"taken", 200, true},
		{"taken without a word", 204, true},
		{"elsewhere", 302, false},
		{"refused", 403, false},
		{"broken", 500, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			hook := receiver(t, webhook.Options{}, func(w http.ResponseWriter, r *http.Request) {
				calls++
				body, _ := io.ReadAll(r.Body)
				if string(body) != `{"a":1}` || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get(webhook.SignatureHeader) != "" {
					t.Errorf("got %s %q with %v", r.Method, body, r.Header)
				}
				w.Header().Set("Location", "/there")
				w.WriteHeader(tt.status)
			})
			err := hook.Deliver(t.Context(), []byte(`{"a":1}`))
			if (err == nil) != tt.ok {
				t.Errorf("Deliver = %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "tiptoe") {
				t.Errorf("the error tells the URL: %v", err)
			}
			if calls != 1 {
				t.Errorf("%d calls, want one: redirects are not followed", calls)
			}
		})
	}
}

// The signature is the one that `openssl dgst -sha256 -hmac` computes.
func TestSignature(t *testing.T) {
	const want = "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
	got := make(chan string, 1)
	hook := receiver(t, webhook.Options{Secret: webhook.NewSecret("key")}, func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get(webhook.SignatureHeader)
	})
	if err := hook.Deliver(t.Context(), []byte("The quick brown fox jumps over the lazy dog")); err != nil {
		t.Fatal(err)
	}
	if sig := <-got; sig != want {
		t.Errorf("signature %q, want %q", sig, want)
	}
}

func TestReceiverThatStalls(t *testing.T) {
	release := make(chan struct{})
	hook := receiver(t, webhook.Options{Timeout: 50 * time.Millisecond}, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	if err := hook.Deliver(t.Context(), nil); err == nil || strings.Contains(err.Error(), "tiptoe") {
		t.Errorf("Deliver = %v, want an error without the URL", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hook.Deliver(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Deliver with a cancelled context = %v", err)
	}
}

// An answer without end is cut short.
func TestEndlessAnswer(t *testing.T) {
	ended := make(chan struct{})
	hook := receiver(t, webhook.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	if err := hook.Deliver(t.Context(), nil); err != nil {
		t.Errorf("Deliver = %v", err)
	}
	<-ended
}

func TestURL(t *testing.T) {
	for _, u := range []string{"", "example.com/in", "ftp://example.com", "http://", "http://[::1", "unix:/in"} {
		if _, err := webhook.New(u, webhook.Options{}); !errors.Is(err, webhook.ErrURL) {
			t.Errorf("New(%q) = %v, want ErrURL", u, err)
		}
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	type nested struct{ S webhook.Secret }
	n := nested{webhook.NewSecret("tiptoe")}
	asJSON, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(n), fmt.Sprintf("%v %+v %#v %s %x", n, n, n, n.S, n), string(asJSON)} {
		if strings.Contains(s, "tiptoe") || strings.Contains(s, "746970746f65") {
			t.Errorf("printed: %s", s)
		}
	}
}
