package estuaryapi

import (
	"cmp"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/whypfs/whypfs/accounts"
)

// openAPI makes the OpenAPI document of the table.
func openAPI(groups []group, version string) *openapi3.T {
	d := &document{schemas: schemas{made: openapi3.Schemas{}, names: map[reflect.Type]string{}}, responses: openapi3.ResponseBodies{}}
	d.T = &openapi3.T{
		OpenAPI: "3.0.3",
		Info: &openapi3.Info{
			Title: "WhyPFS", Version: cmp.Or(version, "dev"),
			Description: "Estuary V1's API. Send a key as `Authorization: Bearer EST…ARY`.",
		},
		Servers: openapi3.Servers{{URL: "/"}},
		Paths:   openapi3.NewPaths(),
	}
	errorRef := d.of(reflect.TypeFor[errorBody]())
	for _, g := range groups {
		d.Tags = append(d.Tags, &openapi3.Tag{Name: g.name, Description: g.doc})
		for _, rt := range g.routes {
			p := documentPath(rt.path)
			if d.Paths.Value(p) == nil {
				d.Paths.Set(p, &openapi3.PathItem{})
			}
			d.Paths.Value(p).SetOperation(rt.method, d.operation(g, rt, errorRef))
		}
	}
	d.Components = &openapi3.Components{
		Schemas: d.made, Responses: d.responses,
		SecuritySchemes: openapi3.SecuritySchemes{"bearerAuth": {Value: openapi3.NewSecurityScheme().WithType("http").WithScheme("bearer").
			WithDescription("A key, EST…ARY")}},
	}
	return d.T
}

// document is an OpenAPI document that is being made.
type document struct {
	*openapi3.T
	schemas
	responses openapi3.ResponseBodies // errors that many routes share, by name
}

var wildcard = regexp.MustCompile(`{([^}.]+)(\.\.\.)?}`)

// documentPath is a path of the table as OpenAPI writes it.
func documentPath(p string) string { return wildcard.ReplaceAllString(p, "{$1}") }

func (d *document) operation(g group, rt route, errorRef *openapi3.SchemaRef) *openapi3.Operation {
	op := openapi3.NewOperation()
	op.Tags, op.Summary, op.Deprecated = []string{g.name}, rt.doc, rt.old
	op.OperationID = strings.ToLower(rt.method) + wildcard.ReplaceAllStringFunc(rt.path, func(w string) string { return "_" + strings.Trim(w, "{.}") })
	op.OperationID = strings.NewReplacer("/", "_", "-", "_", "__", "_").Replace(op.OperationID)
	if rt.level > anyone {
		op.Security = &openapi3.SecurityRequirements{{"bearerAuth": {}}}
		op.Description = "Needs a key of level " + levelName(rt.level) + "."
	}
	d.parameters(op, rt)
	op.Responses = openapi3.NewResponsesWithCapacity(8)
	for _, ok := range rt.gives {
		op.Responses.Set(fmt.Sprint(ok.code), d.good(ok))
	}
	for code, errs := range byCode(rt.errors()) {
		if op.Responses.Status(code) == nil {
			op.Responses.Set(fmt.Sprint(code), d.bad(code, errs, errorRef))
		}
	}
	for _, o := range rt.others {
		d.other(op, o, errorRef)
	}
	return op
}

// other tells of an error whose body is not V1's usual one, beside those with
// the same status code whose body is.
func (d *document) other(op *openapi3.Operation, o otherBody, errorRef *openapi3.SchemaRef) {
	body, text := d.of(reflect.TypeOf(o.body)), http.StatusText(o.code)
	if usual := op.Responses.Status(o.code); usual != nil {
		either := openapi3.NewAnyOfSchema()
		either.AnyOf = openapi3.SchemaRefs{errorRef, body}
		body, text = either.NewRef(), *usual.Value.Description
	}
	op.Responses.Set(fmt.Sprint(o.code), &openapi3.ResponseRef{Value: openapi3.NewResponse().WithDescription(text).WithJSONSchemaRef(body)})
}

func levelName(l accounts.Level) string {
	return map[accounts.Level]string{upload: "upload", user: "user", admin: "admin"}[l]
}

func (d *document) parameters(op *openapi3.Operation, rt route) {
	told := map[string]bool{}
	for _, f := range rt.in.fields {
		p := &openapi3.Parameter{Name: f.names[0], In: f.in, Description: f.doc, Required: f.in == "path" || f.rules.required, Schema: d.value(f.kind, f.rules)}
		if f.kind.Kind() == reflect.Slice {
			p.Style, p.Explode = openapi3.SerializationForm, new(bool)
		}
		told[f.names[0]] = f.in == "path"
		op.AddParameter(p)
		for _, old := range f.names[1:] {
			alias := *p
			alias.Name, alias.Deprecated, alias.Required, alias.Description = old, true, false, "older name of "+f.names[0]
			op.AddParameter(&alias)
		}
	}
	for _, w := range wildcard.FindAllStringSubmatch(rt.path, -1) {
		if !told[w[1]] {
			op.AddParameter(openapi3.NewPathParameter(w[1]).WithSchema(openapi3.NewStringSchema()))
		}
	}
	body := openapi3.NewRequestBody().WithRequired(true)
	switch {
	case rt.in.bodyOf != nil:
		op.RequestBody = &openapi3.RequestBodyRef{Value: body.WithJSONSchemaRef(d.of(rt.in.bodyOf))}
	case rt.form != nil:
		form := d.of(reflect.TypeOf(rt.form))
		for _, f := range form.Value.Properties {
			if f.Value.Format == "byte" { // JSON's; a form has files
				f.Value.Format = "binary"
			}
		}
		op.RequestBody = &openapi3.RequestBodyRef{Value: body.WithSchemaRef(form, []string{rt.media})}
	case rt.media != "":
		bytes := openapi3.NewStringSchema().WithFormat("binary").NewRef()
		op.RequestBody = &openapi3.RequestBodyRef{Value: body.WithSchemaRef(bytes, []string{rt.media})}
	}
}

func (d *document) good(ok success) *openapi3.ResponseRef {
	r := openapi3.NewResponse().WithDescription(http.StatusText(ok.code))
	switch {
	case ok.media == "*/*":
		r.Content = openapi3.Content{ok.media: openapi3.NewMediaType()} // any, so it has no schema
	case ok.media != "":
		r.Content = openapi3.NewContentWithSchema(openapi3.NewStringSchema().WithFormat("binary"), []string{ok.media})
	case ok.body != nil:
		ref := d.of(ok.body)
		if len(ok.or) > 0 {
			any := openapi3.NewAnyOfSchema()
			any.AnyOf = openapi3.SchemaRefs{ref}
			for _, t := range ok.or {
				any.AnyOf = append(any.AnyOf, d.of(t))
			}
			ref = any.NewRef()
		}
		if ok.null {
			ref = nullable(ref)
		}
		r = r.WithJSONSchemaRef(ref)
	}
	return &openapi3.ResponseRef{Value: r}
}

// bad is the answer of a route's errors with one status code.
func (d *document) bad(code int, errs []apiError, errorRef *openapi3.SchemaRef) *openapi3.ResponseRef {
	lines := []string{http.StatusText(code)}
	var reasons []string
	for _, e := range errs {
		lines = append(lines, "* `"+e.Reason+"`: "+e.Details)
		reasons = append(reasons, e.Reason)
	}
	text := strings.Join(lines, "\n")
	for n := 0; ; n++ {
		name := fmt.Sprintf("E%d.%s", code, strings.NewReplacer("ERR_", "", " ", "").Replace(strings.Join(slices.Compact(reasons), ".")))
		if n > 0 {
			name += fmt.Sprintf(".%d", n)
		}
		known := d.responses[name]
		if known == nil {
			known = &openapi3.ResponseRef{Value: openapi3.NewResponse().WithDescription(text).WithJSONSchemaRef(errorRef)}
			d.responses[name] = known
		}
		if *known.Value.Description == text {
			return &openapi3.ResponseRef{Ref: "#/components/responses/" + name, Value: known.Value}
		}
	}
}

// errors are all errors of a route's own: those it declares and those that
// follow from its level and what it takes.
func (rt route) errors() []apiError {
	errs := slices.Concat([]apiError{errRate, errInternal}, rt.failures)
	if rt.level > anyone {
		errs = append(errs, errNoAccounts, errAuthMissing, errNoBearer, errBadAuth, errNoToken, errExpired(0, "2030-01-02T15:04:05Z"),
			errSuspended(fmt.Errorf("%w: why", accounts.ErrSuspended)))
	}
	if rt.level > upload {
		errs = append(errs, errUploadOnly)
	}
	if rt.level > user {
		errs = append(errs, errLevel)
	}
	if rt.in.bodyOf != nil {
		errs = append(errs, errBodySize)
	}
	if len(rt.in.fields) > 0 || rt.in.bodyOf != nil {
		errs = append(errs, errInput("what is malformed, and why"))
	}
	return errs
}

func byCode(errs []apiError) map[int][]apiError {
	out := map[int][]apiError{}
	for _, e := range errs {
		if !slices.Contains(out[e.Code], e) {
			out[e.Code] = append(out[e.Code], e)
		}
	}
	return out
}
