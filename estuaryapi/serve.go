package estuaryapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
)

// common does what holds for every request: headers, CORS, trailing slashes, the gateway's paths.
func (s *server) common(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-AppVersion", s.opt.Version)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.Method == http.MethodOptions:
			preflight(w, r)
		case strings.HasPrefix(r.URL.Path, "/gw/"), strings.HasPrefix(r.URL.Path, "/ipfs/"):
			s.serveGateway(w, r)
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

// wrap authorises a route's requests and maps what goes wrong, panics too, to
// an answer. Where one has begun already the connection is cut.
func (s *server) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := &response{ResponseWriter: rw}
		err := s.run(rt, w, r)
		switch {
		case err == nil:
		case w.begun:
			s.log.ErrorContext(r.Context(), "answer cut", "method", r.Method, "path", r.URL.Path, "err", err)
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
	return rt.handle(w, r, who)
}

// byMethod answers a wrong method in V1's shape, which ServeMux's own 405 has not.
func (s *server) byMethod(handlers map[string]http.Handler) http.Handler {
	allow := strings.Join(append(slices.Sorted(maps.Keys(handlers)), http.MethodOptions), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := handlers[r.Method]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", allow)
		s.writeError(w, r, errMethod)
	})
}

func (s *server) fail(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.writeError(w, r, err) })
}

func (s *server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		// Nobody reads an answer; a return without one would be a 200.
		panic(http.ErrAbortHandler)
	}
	e := asError(err)
	if e.Code >= 500 {
		s.log.ErrorContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	writeJSON(w, e.Code, map[string]apiError{"error": e})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	// The status is out: an error here can only be the client's connection.
	_ = json.NewEncoder(w).Encode(v)
}
