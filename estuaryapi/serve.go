package estuaryapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/whypfs/whypfs/accounts"
)

// common does what holds for every request: headers, CORS, trailing slashes, the gateway's paths.
func (s *server) common(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-AppVersion", s.opt.Version)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case s.limited(w, r):
		case r.Method == http.MethodOptions:
			preflight(w, r)
		case strings.HasPrefix(r.URL.Path, "/gw/"), strings.HasPrefix(r.URL.Path, "/ipfs/"):
			s.gatewayPaths(w, r)
		default:
			s.serveAPI(mux, w, r)
		}
	})
}

// preflight answers a browser that asks what it may send.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	if want := r.Header.Get("Access-Control-Request-Headers"); want != "" {
		h.Set("Access-Control-Allow-Headers", want)
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveAPI strips trailing slashes, as V1 does, and keeps paths that ServeMux
// would redirect from it.
func (s *server) serveAPI(mux http.Handler, w http.ResponseWriter, r *http.Request) {
	p := r.URL.Path
	if len(p) > 1 && strings.HasSuffix(p, "/") {
		p = "/" + strings.TrimPrefix(strings.TrimRight(p, "/"), "/")
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = p, strings.TrimRight(r.URL.RawPath, "/")
	}
	if path.Clean(p) != p {
		s.writeError(w, r, errNoRoute)
		return
	}
	mux.ServeHTTP(w, r)
}

// response remembers whether an answer has begun.
type response struct {
	http.ResponseWriter
	begun bool
}

func (w *response) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// newMux routes requests. What is in no row, or there with another method, is
// for unrouted.
func (s *server) newMux(groups []group) *http.ServeMux {
	mux := http.NewServeMux()
	for _, g := range groups {
		for _, rt := range g.routes {
			// What ends in a path of its own is the gateway's, which takes paths that ServeMux would redirect.
			if !strings.HasSuffix(rt.path, "...}") {
				mux.Handle(rt.method+" "+rt.path, s.wrap(rt))
			}
		}
	}
	mux.Handle("/", s.unrouted(mux))
	return mux
}

// wrap authorises a route's requests and maps what goes wrong, panics too, to
// an answer. Where one has begun already the connection is cut.
func (s *server) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := &response{ResponseWriter: rw}
		err := s.run(rt, w, r)
		switch {
		case err == nil:
		case w.begun:
			s.log.ErrorContext(r.Context(), "answer cut", "method", r.Method, "path", loggedPath(r), "err", err)
			panic(http.ErrAbortHandler)
		default:
			s.writeError(w, r, err)
		}
	})
}

func (s *server) run(rt route, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	who, err := s.authorise(r, rt.level)
	if err != nil {
		return err
	}
	if who.user.ID != 0 && !s.users.allow(who.user.ID) {
		return errRate
	}
	if rt.in.body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, rt.maxBody)
	}
	return rt.serve(s, w, &request{r, who})
}

// methods that routes have.
var methods = []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPost, http.MethodPut}

// unrouted answers what no row takes: a path that has other methods with 405 in
// V1's shape, which ServeMux's own has not; all else with 404, below a closed
// group only for those who may ask there.
func (s *server) unrouted(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range methods {
			other := *r
			other.Method = m
			if _, pattern := mux.Handler(&other); pattern != "/" {
				allow = append(allow, m)
			}
		}
		if len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(append(allow, http.MethodOptions), ", "))
			s.writeError(w, r, errMethod)
			return
		}
		for _, c := range closed {
			if r.URL.Path == c.prefix || strings.HasPrefix(r.URL.Path, c.prefix+"/") {
				if _, err := s.authorise(r, c.level); err != nil {
					s.writeError(w, r, err)
					return
				}
			}
		}
		s.writeError(w, r, errNoRoute)
	})
}

// secrets are wildcards of paths in which a key or an invite may stand.
var secrets = []string{"{key_or_hash}", "{code}"}

// loggedPath is a request's path for the log. Where it may have a secret in it,
// the route's.
func loggedPath(r *http.Request) string {
	for _, s := range secrets {
		if _, path, _ := strings.Cut(r.Pattern, " "); strings.Contains(path, s) {
			return path
		}
	}
	return r.URL.Path
}

func (s *server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		// Nobody reads an answer; a return without one would be a 200.
		panic(http.ErrAbortHandler)
	}
	if o := (otherBody{}); errors.As(err, &o) {
		writeJSON(w, o.code, o.body)
		return
	}
	e := asError(err)
	if e.Code >= 500 {
		s.log.ErrorContext(r.Context(), "request", "method", r.Method, "path", loggedPath(r), "err", err)
	}
	if e == errRate {
		w.Header().Set("Retry-After", s.retryAfter())
	}
	if e == errNoAccounts {
		w.Header().Set("Retry-After", "5")
	}
	var many *accounts.TooManyError
	if errors.As(err, &many) {
		w.Header().Set("Retry-After", strconv.Itoa(int(many.Wait.Seconds())+1))
	}
	code := e.Code
	if p := r.URL.Path; p == "/pinning" || strings.HasPrefix(p, "/pinning/") {
		e.Code = 0 // as the pinning service API has it
	}
	writeJSON(w, code, errorBody{e})
}
