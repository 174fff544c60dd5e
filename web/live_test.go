package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// stream opens the live figures and returns a function that reads an event.
func (b *browser) stream() (next func() (map[string]string, error)) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	r, err := http.NewRequestWithContext(ctx, "GET", b.url+"/ui/live", nil)
	must(b.t, err)
	res, err := b.client.Do(r)
	must(b.t, err)
	b.t.Cleanup(func() { cancel(); res.Body.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != "text/event-stream" {
		b.t.Fatalf("live = %d %q", res.StatusCode, got)
	}
	lines := bufio.NewReader(res.Body)
	return func() (map[string]string, error) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return nil, err
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				var parts map[string]string
				return parts, json.Unmarshal([]byte(data), &parts)
			}
		}
	}
}

func TestLive(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	next := ann.stream()
	first, err := next()
	must(t, err)
	if !strings.Contains(first["stored"], "<dd>0 B</dd>") || !strings.Contains(first["zones"], "No zone yet") {
		t.Errorf("the first event is %v", first)
	}
	ann.upload("box", "key", strings.Repeat("x", 2048)).want(200)
	for {
		parts, err := next()
		must(t, err)
		if _, ok := parts["zones"]; ok {
			t.Errorf("what did not change was sent again: %v", parts)
		}
		if strings.Contains(parts["stored"], "<dd>2 KiB</dd>") {
			break
		}
	}
	// The stream ends with the session.
	ann.submit("/ui/logout").want(303)
	for err == nil {
		_, err = next()
	}
	if err != io.EOF { //nolint:errorlint // the stream must end well, not break
		t.Errorf("the stream ends with %v", err)
	}
	p := ann.get("/ui/live")
	p.want(http.StatusUnauthorized).has(`"error"`)
}

// A stream has no end of its own: it must not keep a server from stopping.
func TestLiveEndsWithServer(t *testing.T) {
	s := newSite(t)
	next := s.as("root", accounts.LevelAdmin).stream()
	_, err := next()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.server.Config.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	for err == nil {
		_, err = next()
	}
}
