package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/webhook"
)

// TestWebhooks: each name has its URL, and its secret out of a setting or a file.
func TestWebhooks(t *testing.T) {
	got := map[string]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got[r.URL.Path] = r.Header.Get(webhook.SignatureHeader) + string(body)
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"WHYPFS_WEBHOOK_SECRET": "b=hush c=@" + file}
	c := parse(t, env, "--webhook", "a="+srv.URL+"/a?x=y", "--webhook", "b="+srv.URL+"/b c="+srv.URL+"/c")
	hooks, err := c.webhooks()
	if err != nil || len(hooks) != 3 {
		t.Fatalf("webhooks = %v, %v", hooks, err)
	}
	for _, h := range hooks {
		if err := h.Deliver(context.Background(), []byte("{}")); err != nil {
			t.Error(err)
		}
	}
	want := map[string]string{
		"/a": "{}",
		"/b": webhook.NewSecret("hush").Sign([]byte("{}")) + "{}",
		"/c": webhook.NewSecret("from a file").Sign([]byte("{}")) + "{}",
	}
	for path, w := range want {
		if got[path] != w {
			t.Errorf("%s got %q, want %q", path, got[path], w)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, "hush") || strings.Contains(s, "x=y") {
		t.Errorf("a printer reaches a secret: %s", s)
	}
}

func TestWebhookFaults(t *testing.T) {
	for _, args := range [][]string{
		{"--webhook", "tiptoe"},
		{"--webhook", "a b=http://tiptoe"},
		{"--webhook", "a=http://tiptoe a=http://tiptoe"},
		{"--webhook", "a=ftp://tiptoe"},
		{"--webhook-secret", "a=tiptoe"},
		{"--webhook", "a=http://h", "--webhook-secret", "a=@/does/not/exist"},
	} {
		env := map[string]string{}
		for i := 0; i < len(args); i += 2 { // pflag itself repeats what a flag was given
			env[envName(args[i][2:])] = args[i+1]
		}
		c, err := tryParse(env)
		if err == nil {
			_, err = c.webhooks()
		}
		if err == nil || strings.Contains(err.Error(), "tiptoe") {
			t.Errorf("%v: %v, want an error that tells no value", args, err)
		}
	}
}
