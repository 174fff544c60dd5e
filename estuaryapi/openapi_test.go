package estuaryapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/whypfs/whypfs/estuaryapi"
)

// described is the document and what finds a request's place in it.
type described struct {
	doc  *openapi3.T
	mux  *http.ServeMux
	rows map[string]estuaryapi.Row // by the mux's pattern
}

var description = sync.OnceValue(func() described {
	d := described{estuaryapi.Document(), http.NewServeMux(), map[string]estuaryapi.Row{}}
	for _, row := range estuaryapi.Rows() {
		pattern := row.Method + " " + row.Path
		d.rows[pattern] = row
		d.mux.Handle(pattern, http.NotFoundHandler())
	}
	return d
})

// checkDocumented fails a test whose request or answer is not as the OpenAPI
// document says: a parameter, status, reason or field that it does not tell of.
func checkDocumented(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	if op := checkAnswer(t, r, a); op != nil && a.code < 300 {
		for name := range r.URL.Query() {
			if op.Parameters.GetByInAndName("query", name) == nil {
				t.Errorf("%s %s: the document has no parameter %q", r.Method, r.URL, name)
			}
		}
	}
}

// checkAnswer is checkDocumented of the answer alone. It returns what the
// document says of the route; nil if it is no route's answer.
func checkAnswer(t testing.TB, r *http.Request, a answer) *openapi3.Operation {
	t.Helper()
	d := description()
	plain := r.Clone(r.Context())
	if p := plain.URL.Path; len(p) > 1 {
		plain.URL.Path = strings.TrimRight(p, "/")
	}
	if path.Clean(plain.URL.Path) != plain.URL.Path {
		return nil // which is in no row
	}
	_, pattern := d.mux.Handler(plain)
	row, ok := d.rows[pattern]
	if !ok || row.Method != r.Method {
		return nil // no route's answer
	}
	what := r.Method + " " + clipped(r.URL.String())
	item := d.doc.Paths.Value(estuaryapi.DocumentPath(row.Path))
	op := item.GetOperation(row.Method)
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r,
			Route: &routers.Route{Spec: d.doc, Path: row.Path, PathItem: item, Method: row.Method, Operation: op}},
		Status: a.code, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(r.Context(), in); err != nil {
		t.Errorf("%s answered %d, which is not as documented: %v", what, a.code, err)
	}
	var e struct{ Error struct{ Reason string } }
	usual := a.code >= 400 && json.Unmarshal([]byte(a.body), &e) == nil && e.Error.Reason != ""
	if a.code >= 300 {
		provoked.Store(provocation{pattern, a.code, e.Error.Reason}, true)
	}
	if !usual {
		return op
	}
	if !slices.Contains(row.Reasons[a.code], e.Error.Reason) {
		t.Errorf("%s answered %d %s, which the document does not tell of: %v", what, a.code, e.Error.Reason, row.Reasons[a.code])
	}
	return op
}

// The served document is valid by the specification, and tells every route.
func TestDocument(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	a := f.get("/swagger/doc.json", "")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(a.body))
	if err != nil || a.code != 200 {
		t.Fatalf("%d, %v in %s", a.code, err, a.body)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	operations := 0
	for _, item := range doc.Paths.Map() {
		operations += len(item.Operations())
	}
	rows := estuaryapi.Rows()
	if operations != len(rows) {
		t.Errorf("the document has %d operations, the table %d rows", operations, len(rows))
	}
	for _, row := range rows {
		item := doc.Paths.Value(estuaryapi.DocumentPath(row.Path))
		if item == nil || item.GetOperation(row.Method) == nil {
			t.Errorf("%s %s is not in the document", row.Method, row.Path)
			continue
		}
		op := item.GetOperation(row.Method)
		if op.Summary == "" || len(op.Tags) != 1 {
			t.Errorf("%s %s is told as %q under %v", row.Method, row.Path, op.Summary, op.Tags)
		}
		if secured := op.Security != nil; secured != (row.Level > 0) {
			t.Errorf("%s %s: the document says it needs a key: %v", row.Method, row.Path, secured)
		}
	}
	if doc.Info.Version != "1.2.3" {
		t.Errorf("version %q", doc.Info.Version)
	}
}
