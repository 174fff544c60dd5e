package estuaryapi

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/whypfs/whypfs/accounts"
)

// Levels of routes, as short words for the table.
const (
	anyone accounts.Level = 0
	upload                = accounts.LevelUpload
	user                  = accounts.LevelUser
	admin                 = accounts.LevelAdmin
)

// caller is who sent a request, as far as its token tells; the zero value is nobody.
type caller struct {
	user  accounts.User
	token accounts.Token
}

// request is what a handler gets: the HTTP request and who sent it.
type request struct {
	*http.Request
	who caller
}

// group is a heading of the table.
type group struct {
	name, doc string
	routes    []route
}

// route is a row of the table: how a request gets to its handler, and all that
// the OpenAPI document tells of it. What it takes is known from the handler's
// own types, so the document cannot differ from what is parsed.
type route struct {
	method, path string
	level        accounts.Level // anyone: needs no token
	doc          string
	serve        func(s *server, w http.ResponseWriter, r *request) error

	in       *params
	maxBody  int64       // of a parsed body, bytes
	media    string      // of a body that the handler reads itself
	form     any         // a struct with the fields of such a body; nil: bytes
	gives    []success   // its good answers
	failures []apiError  // its errors, besides those that follow from level and parameters
	others   []otherBody // errors with a body of another shape
	old      bool        // kept for old clients, another route is preferred
}

// success is a good answer of a route.
type success struct {
	code  int
	body  reflect.Type   // of the JSON; nil: none, or not JSON
	or    []reflect.Type // that it may have instead
	null  bool           // the JSON may be null
	media string         // of a body that is not JSON
}

// otherBody is an error whose body is not V1's usual one.
type otherBody struct {
	code int
	body any
}

func (e otherBody) Error() string { return fmt.Sprintf("%d %+v", e.code, e.body) }

const maxJSON = 1 << 20 // bytes of a parsed body, unless its row says more

// typed makes the row of a handler that gets its parameters parsed and returns its answer.
func typed[In, Out any](method, path string, level accounts.Level, doc string, h func(*server, *request, In) (Out, error)) route {
	rt := newRoute[In](method, path, level, doc)
	rt.gives = []success{successOf[Out]()}
	in := rt.in
	rt.serve = func(s *server, w http.ResponseWriter, r *request) error {
		var v In
		if err := in.parse(r.Request, reflect.ValueOf(&v).Elem()); err != nil {
			return err
		}
		out, err := h(s, r, v)
		if err != nil {
			return err
		}
		write(w, out)
		return nil
	}
	return rt
}

func newRoute[In any](method, path string, level accounts.Level, doc string) route {
	return route{method: method, path: path, level: level, doc: doc, maxBody: maxJSON, in: paramsOf(reflect.TypeFor[In](), path)}
}

func get[In, Out any](path string, level accounts.Level, doc string, h func(*server, *request, In) (Out, error)) route {
	return typed(http.MethodGet, path, level, doc, h)
}

func post[In, Out any](path string, level accounts.Level, doc string, h func(*server, *request, In) (Out, error)) route {
	return typed(http.MethodPost, path, level, doc, h)
}

func put[In, Out any](path string, level accounts.Level, doc string, h func(*server, *request, In) (Out, error)) route {
	return typed(http.MethodPut, path, level, doc, h)
}

func del[In, Out any](path string, level accounts.Level, doc string, h func(*server, *request, In) (Out, error)) route {
	return typed(http.MethodDelete, path, level, doc, h)
}

// raw makes the row of a handler that reads the body and writes the answer
// itself. It writes a whole answer or returns an error, never both. What it
// answers and reads is told with gives and reads.
func raw[In any](method, path string, level accounts.Level, doc string, h func(*server, http.ResponseWriter, *request, In) error) route {
	rt := newRoute[In](method, path, level, doc)
	in := rt.in
	rt.serve = func(s *server, w http.ResponseWriter, r *request) error {
		var v In
		if err := in.parse(r.Request, reflect.ValueOf(&v).Elem()); err != nil {
			return err
		}
		return h(s, w, r, v)
	}
	return rt
}

// fails declares errors that the route may answer with.
func (rt route) fails(errs ...apiError) route {
	rt.failures = slices.Concat(rt.failures, errs)
	return rt
}

// failsWith declares an error whose body is not V1's usual one; body is an example of it.
func (rt route) failsWith(code int, body any) route {
	rt.others = append(slices.Clone(rt.others), otherBody{code, body})
	return rt
}

// answers declares one more good answer, with JSON of the example's type.
func (rt route) answers(code int, example any) route {
	rt.gives = append(slices.Clone(rt.gives), success{code: code, body: reflect.TypeOf(example)})
	return rt
}

// or lets the last good answer have JSON of another example's type.
func (rt route) or(example any) route {
	rt.gives = slices.Clone(rt.gives)
	last := &rt.gives[len(rt.gives)-1]
	last.or = append(slices.Clone(last.or), reflect.TypeOf(example))
	return rt
}

// streams declares one more good answer, with bytes of a media type.
func (rt route) streams(code int, media string) route {
	rt.gives = append(slices.Clone(rt.gives), success{code: code, media: media})
	return rt
}

// orNull says that an empty list is answered as null, as V1 does here.
func (rt route) orNull() route {
	rt.gives = slices.Clone(rt.gives)
	for i := range rt.gives {
		rt.gives[i].null = true
	}
	return rt
}

// reads declares the body that a raw row's handler reads itself; fields is a
// struct of a form's fields, nil for bytes.
func (rt route) reads(media string, fields any) route {
	rt.media, rt.form = media, fields
	return rt
}

// upTo lets a parsed body have that many bytes.
func (rt route) upTo(bytes int64) route {
	rt.maxBody = bytes
	return rt
}

// deprecated marks a row that is there for old clients only.
func (rt route) deprecated() route {
	rt.old = true
	return rt
}

// at is the same route at another path with the same parameters, and perhaps
// another method: an alias.
func (rt route) at(method, path string) route {
	rt.method, rt.path, rt.old = method, path, true
	rt.in.check(path)
	return rt
}
