package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// liveEvery is how often a dashboard gets new figures.
const liveEvery = 2 * time.Second

// parts are the templates of the dashboard that are sent again when they change.
var parts = []string{"stored", "node", "requests", "queue", "zones", "deals", "providers", "peers"}

// stops tells streams that their server shuts down. A server waits for requests
// to end, and a stream has no end of its own.
type stops struct {
	mu   sync.Mutex
	done map[*http.Server]chan struct{} // guarded by mu
}

// of returns a channel that is closed when the server of r shuts down.
func (st *stops) of(r *http.Request) <-chan struct{} {
	srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if done, ok := st.done[srv]; ok {
		return done
	}
	if st.done == nil {
		st.done = map[*http.Server]chan struct{}{}
	}
	done := make(chan struct{})
	st.done[srv] = done
	srv.RegisterOnShutdown(func() { close(done) })
	return done
}

// live streams the dashboard's parts as server-sent events: at once, and then
// those that changed. It ends with the session.
func (s *server) live(c *call) error {
	ctx := c.r.Context()
	stop := s.stops.of(c.r)
	flush := http.NewResponseController(c.w)
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	sent := map[string]string{}
	for {
		event, err := s.liveEvent(c, sent)
		if err != nil {
			return err
		}
		if _, err := c.w.Write(event); err != nil {
			return nil // the browser went away
		}
		if err := flush.Flush(); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-stop:
			return nil
		case <-tick.C:
		}
		if err := s.resume(c); err != nil {
			return nil // logged out, or out of time: the browser learns it when it comes back
		}
	}
}

// liveEvent is the event with the parts that are not as sent, which it updates.
func (s *server) liveEvent(c *call, sent map[string]string) ([]byte, error) {
	f, err := s.figuresOf(c.r.Context(), c)
	if err != nil {
		return nil, err
	}
	changed := map[string]string{}
	for _, name := range parts {
		var buf bytes.Buffer
		if err := s.pages["dashboard"].ExecuteTemplate(&buf, "live-"+name, f); err != nil {
			return nil, fmt.Errorf("live part %q: %w", name, err)
		}
		if html := buf.String(); sent[name] != html {
			sent[name], changed[name] = html, html
		}
	}
	data, err := json.Marshal(changed)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "event: figures\ndata: %s\n\n", data), nil
}
