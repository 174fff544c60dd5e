package estuaryapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

var (
	Bearer        = bearer
	ErrBrokenBody = errBrokenBody
)

const MaxBesides = maxBesides

// DealStatus is V1's JSON form of a deal.
func DealStatus(c buckets.Content, d deals.Deal) any { return newDealStatus(c, d) }

// ReadForm reads a form as an upload does.
func ReadForm(contentType string, body io.Reader) (name, kind string, data []byte, err error) {
	r := httptest.NewRequest(http.MethodPost, "/content/add", body)
	r.Header.Set("Content-Type", contentType)
	f, err := formReader(httptest.NewRecorder(), r, time.Minute, new(addParams).take)
	if err != nil {
		return "", "", nil, err
	}
	if err := f.toData(); err != nil {
		return "", "", nil, err
	}
	if data, err = io.ReadAll(f); err != nil {
		return "", "", nil, err
	}
	err = f.rest()
	return f.name, f.contentType(), data, err
}

// APIError is the answer to err.
func APIError(err error) (code int, reason string) {
	e := asError(err)
	return e.Code, e.Reason
}

// Row is a row of the table of routes, as tests see it.
type Row struct {
	Method, Path string
	Level        accounts.Level
	// Reasons are the documented errors, by status code.
	Reasons map[int][]string
	// Own are those of them that the row declares itself, besides what every row
	// of its kind has. Others are the codes of its errors with another body.
	Own    map[int][]string
	Others []int
	// Given are the parameters that are only there or not.
	Given []string
}

// Rows is the table of routes.
func Rows() []Row {
	var out []Row
	for _, g := range routes() {
		for _, rt := range g.routes {
			row := Row{Method: rt.method, Path: rt.path, Level: rt.level, Reasons: map[int][]string{}, Own: map[int][]string{}}
			for _, f := range rt.in.fields {
				if f.kind == givenType {
					row.Given = append(row.Given, f.names...)
				}
			}
			for _, e := range rt.errors() {
				row.Reasons[e.Code] = append(row.Reasons[e.Code], e.Reason)
			}
			for _, e := range rt.failures {
				row.Own[e.Code] = append(row.Own[e.Code], e.Reason)
			}
			for _, o := range rt.others {
				row.Others = append(row.Others, o.code)
			}
			out = append(out, row)
		}
	}
	return out
}

// Document is the OpenAPI document of the table.
func Document() *openapi3.T { return openAPI(routes(), "1.2.3") }

// DocumentPath is a row's path as the document has it.
func DocumentPath(path string) string { return documentPath(path) }

// Given is a parameter that is only there or not.
type Given = given

// Parse fills into, a pointer to a struct with a route's parameters.
func Parse(r *http.Request, into any) error {
	v := reflect.ValueOf(into).Elem()
	return paramsOf(v.Type(), r.Pattern).parse(r, v)
}

// WriteList writes batches as one JSON array; an error ends it.
func WriteList(w http.ResponseWriter, batches [][]int, end error) error {
	return writeList(w, func() ([]int, error) {
		if len(batches) == 0 {
			return nil, end
		}
		b := batches[0]
		batches = batches[1:]
		return b, nil
	})
}

const MaxKeys = maxKeys

// Limiter limits by number.
type Limiter = limiter[int]

func NewLimiter(perSecond float64) *Limiter { return newLimiter[int](perSecond) }

func (l *limiter[K]) Allow(key K) bool { return l.allow(key) }
func (l *limiter[K]) Len() int         { return len(l.now) + len(l.before) }
