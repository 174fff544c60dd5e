package estuaryapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"reflect"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// schemas makes OpenAPI schemas of Go types as encoding/json writes them. Named
// structs become components, each told once.
type schemas struct {
	made  openapi3.Schemas
	names map[reflect.Type]string
}

var (
	rawType      = reflect.TypeFor[json.RawMessage]()
	jsonWriter   = reflect.TypeFor[json.Marshaler]()
	textWriter   = reflect.TypeFor[encoding.TextMarshaler]()
	ownPackage   = reflect.TypeFor[server]().PkgPath()
	closedObject = openapi3.AdditionalProperties{Has: new(bool)} // nothing but what is told
)

// of returns the schema of t.
func (s *schemas) of(t reflect.Type) *openapi3.SchemaRef {
	switch {
	case t == timeType:
		return openapi3.NewDateTimeSchema().NewRef()
	case t == cidType:
		link := openapi3.NewObjectSchema().WithProperty("/", openapi3.NewStringSchema())
		link.Description, link.Nullable = "a CID", true
		return link.NewRef()
	case t == rawType || t.Kind() == reflect.Interface:
		return (&openapi3.Schema{Nullable: true}).NewRef()
	case t.Kind() == reflect.Pointer:
		return nullable(s.of(t.Elem()))
	case t.Implements(jsonWriter) || reflect.PointerTo(t).Implements(jsonWriter):
		return (&openapi3.Schema{Nullable: true}).NewRef()
	case t.Implements(textWriter):
		return openapi3.NewStringSchema().NewRef()
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.object(t)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return openapi3.NewBytesSchema().NewRef()
		}
		list := openapi3.NewArraySchema()
		list.Items = s.of(t.Elem())
		return list.NewRef()
	case reflect.Map:
		m := openapi3.NewObjectSchema()
		m.AdditionalProperties = openapi3.AdditionalProperties{Schema: s.of(t.Elem())}
		return m.NewRef()
	default:
		return basicSchema(t).NewRef()
	}
}

func basicSchema(t reflect.Type) *openapi3.Schema {
	switch k := t.Kind(); {
	case t == durationType:
		return openapi3.NewInt64Schema()
	case k == reflect.String:
		return openapi3.NewStringSchema()
	case k == reflect.Bool:
		return openapi3.NewBoolSchema()
	case k == reflect.Float64 || k == reflect.Float32:
		return openapi3.NewFloat64Schema()
	case k >= reflect.Int && k <= reflect.Int64:
		return openapi3.NewInt64Schema()
	case isUnsigned(t):
		n := openapi3.NewIntegerSchema().WithMin(0)
		n.Format = "uint64"
		return n
	}
	panic(fmt.Sprintf("no schema for %s", t))
}

// nullable is ref or null. A reference cannot say so itself.
func nullable(ref *openapi3.SchemaRef) *openapi3.SchemaRef {
	if ref.Ref == "" {
		ref.Value.Nullable = true
		return ref
	}
	return (&openapi3.Schema{Nullable: true, AllOf: openapi3.SchemaRefs{ref}}).NewRef()
}

func (s *schemas) object(t reflect.Type) *openapi3.SchemaRef {
	if t.Name() == "" {
		return s.fill(openapi3.NewObjectSchema(), t).NewRef()
	}
	name, known := s.names[t]
	if !known {
		name = s.name(t)
		o := openapi3.NewObjectSchema()
		s.names[t], s.made[name] = name, o.NewRef() // before its fields: one may lead back here
		s.fill(o, t)
	}
	return openapi3.NewSchemaRef("#/components/schemas/"+name, s.made[name].Value)
}

// name is t's own one, with its package before it if another has taken that.
func (s *schemas) name(t reflect.Type) string {
	short := strings.NewReplacer("[", "_", "]", "", "/", "_", "*", "", ",", "_").Replace(t.Name())
	r := []rune(short)
	r[0] = unicode.ToUpper(r[0])
	name := string(r)
	if _, taken := s.made[name]; taken {
		name = path.Base(t.PkgPath()) + "." + name
	}
	if _, taken := s.made[name]; taken {
		panic("two types are " + name + " in the document")
	}
	return name
}

// fill adds t's fields to o: names, what may be left out, what may be null.
func (s *schemas) fill(o *openapi3.Schema, t reflect.Type) *openapi3.Schema {
	o.AdditionalProperties = closedObject
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
			continue
		case f.Anonymous && name == "":
			e := f.Type
			if e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			if e.Kind() == reflect.Struct {
				s.fill(o, e)
				continue
			}
		case !f.IsExported():
			continue
		}
		if name == "" {
			name = f.Name
		}
		o.WithPropertyRef(name, s.field(f, t))
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			o.Required = append(o.Required, name)
		}
	}
	return o
}

// field is the schema of a struct's field. A list may be null only where its
// tag `null` says so; structs of other packages have no such tag.
func (s *schemas) field(f reflect.StructField, of reflect.Type) *openapi3.SchemaRef {
	ref := s.of(f.Type)
	k := f.Type.Kind()
	if (k == reflect.Slice || k == reflect.Map) && (f.Tag.Get("null") == "true" || of.PkgPath() != ownPackage) {
		ref = nullable(ref)
	}
	if doc := f.Tag.Get("doc"); doc != "" && ref.Ref == "" {
		ref.Value.Description = doc
	}
	return ref
}

// value is the schema of a parameter outside the body.
func (s *schemas) value(t reflect.Type, r rules) *openapi3.SchemaRef {
	var v *openapi3.Schema
	switch k := t.Kind(); {
	case t.Kind() == reflect.Slice && t != cidType:
		list := openapi3.NewArraySchema()
		list.Items = s.value(t.Elem(), r)
		return list.NewRef()
	case t == timeType && r.layout == "2006-01-02T15:04:05Z07:00":
		v = openapi3.NewDateTimeSchema()
	case t == givenType:
		v = openapi3.NewStringSchema()
	case t == durationType:
		v = openapi3.NewStringSchema().WithFormat("duration")
	case t == cidType:
		v = openapi3.NewStringSchema().WithFormat("cid")
	case t == timeType:
		v = openapi3.NewStringSchema().WithFormat(r.layout)
	case k == reflect.Struct:
		v = openapi3.NewStringSchema()
	default:
		v = basicSchema(t)
	}
	if v.Type.Is("integer") && r.max < math.MaxInt64 {
		v = v.WithMin(r.min).WithMax(r.max)
	}
	for _, e := range r.enum {
		v.Enum = append(v.Enum, e)
	}
	if r.def != "" {
		v.Default = defaultOf(v, r.def)
	}
	return v.NewRef()
}

func defaultOf(v *openapi3.Schema, text string) any {
	var n any
	if v.Type.Is("string") || json.Unmarshal([]byte(text), &n) != nil {
		return text
	}
	return n
}
