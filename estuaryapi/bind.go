package estuaryapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// params is how a request becomes a handler's In, a struct whose fields say by
// their tags where they come from:
//
//	ID    uint64 `path:"id"`
//	Limit int    `query:"limit,max" default:"500" max:"10000" doc:"…"`
//	Body  T      `body:""`
//
// A query parameter may have more names, which older clients use; one in a path
// may, too, and has the one that its route's path has. An embedded struct adds its fields. An absent or empty parameter leaves the default; a
// pointer tells absent from zero. What is malformed is answered with 400.
type params struct {
	fields []param
	body   []int // index of the field with the JSON body; nil: none
	bodyOf reflect.Type
}

// param is one parameter outside the body.
type param struct {
	index []int
	kind  reflect.Type // without its pointer
	in    string       // "path", "query", "header"
	names []string     // the first is the documented one
	doc   string
	rules rules
}

// errBodySize is the answer to a body over its limit.
var errBodySize = apiError{http.StatusRequestEntityTooLarge, "ERR_INVALID_INPUT", "the body is too large"}

// paramsOf reads the tags of t. A fault in them is a fault of the program.
func paramsOf(t reflect.Type, path string) *params {
	p := &params{}
	p.add(t, nil)
	for i := range p.fields {
		f := &p.fields[i]
		if at := slices.IndexFunc(f.names, func(name string) bool { return strings.Contains(path, "{"+name+"}") }); f.in == "path" && at >= 0 {
			f.names = f.names[at : at+1]
		}
	}
	p.check(path)
	return p
}

func (p *params) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			p.add(f.Type, index)
			continue
		}
		if _, ok := f.Tag.Lookup("body"); ok {
			p.body, p.bodyOf = index, f.Type
			continue
		}
		kind := f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		for _, in := range []string{"path", "query", "header"} {
			if names := f.Tag.Get(in); names != "" {
				p.fields = append(p.fields, param{index: index, kind: kind, in: in, names: strings.Split(names, ","),
					doc: f.Tag.Get("doc"), rules: rulesOf(f.Tag, kind)})
			}
		}
	}
}

// check makes sure that path has the wildcards that the fields ask for.
func (p *params) check(path string) {
	for _, f := range p.fields {
		if f.in == "path" && !strings.Contains(path, "{"+f.names[0]+"}") {
			panic(fmt.Sprintf("route %s has no {%s}", path, f.names[0]))
		}
	}
}

// parse fills v, a value of the type p was made of.
func (p *params) parse(r *http.Request, v reflect.Value) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil && len(p.fields) > 0 {
		return errInput("the query is malformed: %v", err) // what is left out of it may be the filter
	}
	for _, f := range p.fields {
		values := f.values(r, query)
		if len(values) == 0 {
			if f.rules.required {
				return errInput("%s is required", f.names[0])
			}
			if f.rules.def == "" {
				continue
			}
			values = []string{f.rules.def}
		}
		into := v.FieldByIndex(f.index)
		if into.Kind() == reflect.Pointer {
			into.Set(reflect.New(f.kind))
			into = into.Elem()
		}
		if err := f.set(into, values); err != nil {
			return err
		}
	}
	if p.body == nil {
		return nil
	}
	return decodeBody(r.Body, v.FieldByIndex(p.body).Addr().Interface())
}

// values are the given ones that are not empty.
func (f *param) values(r *http.Request, query url.Values) []string {
	var given []string
	switch f.in {
	case "path":
		return []string{r.PathValue(f.names[0])}
	case "header":
		given = r.Header.Values(f.names[0])
	case "query":
		for _, n := range f.names {
			given = append(given, query[n]...)
		}
	}
	var out []string
	for _, g := range given {
		if g != "" {
			out = append(out, g)
		}
	}
	return out
}

// decodeBody reads JSON, whatever its Content-Type says: V1 did not look at it.
func decodeBody(body io.Reader, into any) error {
	// encoding/json would put U+FFFD where a client sent other bytes.
	err := json.NewDecoder(transform.NewReader(body, encoding.UTF8Validator)).Decode(into)
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return errBodySize
	}
	return errInput("one or more params has an invalid data type or not supported: %s", err)
}
