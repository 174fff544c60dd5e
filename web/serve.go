package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"

	"github.com/whypfs/whypfs/accounts"
)

// call is one request with who makes it. It holds no secret but the CSRF token,
// from which the session cannot be found.
type call struct {
	w       *response
	r       *http.Request
	user    accounts.User // zero if nobody is logged in
	session string        // hash of the session's token
	csrf    string
}

func (c *call) admin() bool { return c.user.Level >= accounts.LevelAdmin }

// sees says whether the caller may see what belongs to owner.
func (c *call) sees(owner uint64) bool { return c.user.ID == owner || c.admin() }

// handler answers one route. It writes a whole response or returns an error;
// it never writes an error itself.
type handler func(c *call) error

// response remembers whether anything was written.
type response struct {
	http.ResponseWriter
	begun bool
}

func (w *response) WriteHeader(code int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(code)
}

func (w *response) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap keeps http.ResponseController working.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// policy lets a page load what this host serves and nothing else.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// guard sets the headers that hold for every answer and refuses what another
// site's page sends.
func (s *server) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(s.wrap(route{access: anybody, handle: func(*call) error { return errForeignSite }}))
	protected := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		protected.ServeHTTP(w, r)
	})
}

// wrap finds the session, checks what the route asks for, and answers errors.
func (s *server) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: &response{ResponseWriter: w}, r: r}
		defer func() {
			if p := recover(); p != nil {
				s.broken(c, p)
			}
		}()
		err := s.admit(c, rt.access)
		if err == nil {
			err = rt.handle(c)
		}
		if err != nil {
			s.fail(c, err)
		}
	})
}

// broken answers a panic. The one that cuts a connection on purpose goes on.
func (s *server) broken(c *call, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
		panic(p)
	}
	s.log.ErrorContext(c.r.Context(), "panic", "path", c.r.URL.Path, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
	s.fail(c, errInternal)
}

// admit finds out who calls and whether the route is for him.
func (s *server) admit(c *call, need access) error {
	if need == file {
		return nil
	}
	err := s.resume(c)
	switch {
	case need == anybody: // also who is suspended, and who cannot be told at the moment
		return nil
	case err != nil:
		return err
	case need == admin && !c.admin():
		return errNoPage
	}
	return nil
}

// fail answers with err, as a page or, to a script, as JSON.
func (s *server) fail(c *call, err error) {
	if c.r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // nobody is there to read the answer
	}
	p := translate(err)
	if p.status >= http.StatusInternalServerError {
		s.log.ErrorContext(c.r.Context(), "request", "method", c.r.Method, "path", c.r.URL.Path, "err", err)
	}
	if c.w.begun {
		// Too late for an answer: the client must see that it is cut off.
		panic(http.ErrAbortHandler)
	}
	h := c.w.Header()
	for _, name := range []string{"Content-Length", "Content-Disposition", "Content-Encoding"} {
		h.Del(name)
	}
	if p.retry != "" {
		h.Set("Retry-After", p.retry)
	}
	switch {
	case c.r.Method == http.MethodPut || c.r.URL.Path == "/ui/live":
		writeJSON(c, p.status, map[string]string{"error": p.title + ". " + p.advice})
	case errors.Is(err, errNoSession) && c.r.Method == http.MethodGet:
		s.redirect(c, "/ui/login?next="+url.QueryEscape(c.r.URL.RequestURI()))
	default:
		if err := s.render(c, p.status, "error", view{Title: p.title, Data: p}); err != nil {
			s.log.ErrorContext(c.r.Context(), "error page", "err", err)
			http.Error(c.w, p.title, p.status)
		}
	}
}

// writeJSON answers a script. The length is told, because a refused upload is
// still being read when the script must know that the answer is whole.
func writeJSON(c *call, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings and numbers come here
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	c.w.WriteHeader(status)
	// The status is out: an error here can only be the client's connection.
	_, _ = c.w.Write(data)
}

// redirect sends the browser to another page of ours with GET.
func (s *server) redirect(c *call, to string) {
	http.Redirect(c.w, c.r, to, http.StatusSeeOther)
}
