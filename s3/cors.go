package s3

import (
	"errors"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/cors"
)

const (
	corsDocument = "cors"
	maxCORS      = 64 << 10 // bytes of a configuration
)

var errNoCORS = &apiError{Code: "NoSuchCORSConfiguration", Status: 404, Message: "The CORS configuration does not exist"}

func parseCORS(data []byte) (*cors.Configuration, error) {
	var doc cors.Configuration
	if err := parseXML(data, &doc); err != nil {
		return nil, err
	}
	return &doc, doc.Validate()
}

func (s *server) putCORS(w *response, c *call) error {
	data, err := c.document(maxCORS, true)
	if err != nil {
		return err
	}
	doc, err := parseCORS(data)
	if err != nil {
		return err
	}
	doc.Xmlns = namespace
	return s.configure(w, c, corsDocument, doc)
}

func (s *server) getCORS(w *response, c *call) error {
	data, err := s.configuration(c, corsDocument, errNoCORS)
	if err != nil {
		return err
	}
	return writeDocument(w, data)
}

func (s *server) deleteCORS(w *response, c *call) error {
	return s.unconfigure(w, c, corsDocument)
}

// corsRules returns the rules of the bucket that a request is for, nil if it
// has none, and whether there is such a bucket.
func (s *server) corsRules(r *http.Request) (rules *cors.Configuration, exists bool, err error) {
	name, _, _ := strings.Cut(strings.TrimPrefix(s.path(r), "/"), "/")
	if name == "" {
		return nil, false, nil
	}
	b, err := s.buckets.Bucket(r.Context(), name)
	switch {
	case errors.Is(err, buckets.ErrNoBucket) || err == nil && b.Global:
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	rules, _, err = s.cors.of(r.Context(), s.buckets, b)
	if errors.Is(err, buckets.ErrNoDocument) { // taken away meanwhile
		err = nil
	}
	return rules, true, err
}

// crossOrigin gives the answer, whatever it will be, the headers that let a
// page of another origin read it. A page reads errors, too.
func (s *server) crossOrigin(w *response, r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	rules, _, err := s.corsRules(r)
	if rules == nil || err != nil {
		return err
	}
	method := r.Method
	if m := r.Header.Get("Access-Control-Request-Method"); m != "" {
		method = m // of a preflight; S3 looks at it in other requests, too
	}
	w.lasting = rules.Actual(origin, method)
	if w.lasting == nil {
		w.lasting = http.Header{}
	}
	w.lasting.Set("Vary", cors.Vary)
	return nil
}

// preflight answers a browser that asks whether a page may make a request. It
// is never signed and touches nothing.
func (s *server) preflight(w *response, r *http.Request) error {
	origin, method := r.Header.Get("Origin"), r.Header.Get("Access-Control-Request-Method")
	switch {
	case origin == "":
		return errOrigin
	case method == "":
		return errBadMethod.because(errBadMethod.Message + "null") // in the words of S3
	case !cors.Knows(method):
		return errBadMethod.because(errBadMethod.Message + method)
	}
	kind := "BUCKET"
	if _, key, ok := strings.Cut(strings.TrimPrefix(s.path(r), "/"), "/"); ok && key != "" {
		kind = "OBJECT"
	}
	refused := func(e *apiError) error { return e.with("Method", method).with("ResourceType", kind) }
	rules, exists, err := s.corsRules(r)
	switch {
	case err != nil:
		return err
	case !exists:
		return refused(errCORS.because("CORSResponse: Bucket not found"))
	case rules == nil:
		return refused(errCORS)
	}
	w.lasting = http.Header{"Vary": {cors.Vary}}
	allowed := rules.Preflight(origin, method, strings.Join(r.Header.Values("Access-Control-Request-Headers"), ","))
	if allowed == nil {
		return refused(errCORS.because("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."))
	}
	for name, values := range allowed {
		w.lasting[name] = values
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}
