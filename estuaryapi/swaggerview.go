package estuaryapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// pageGroup is a heading of the page at /swagger/.
type pageGroup struct {
	ID, Name, Doc string
	Operations    []pageOperation
}

// pageOperation is a route as the page tells of it.
type pageOperation struct {
	ID, Method, Path, Summary string
	Level                     string // "": no key
	Old                       bool
	Parameters                []pageParameter
	Body                      *pageBody
	Answers                   []pageAnswer
	Errors                    []pageError
}

type pageParameter struct {
	Name, In, Type, Default, Doc string
	Required, Old                bool
}

type pageBody struct{ Media, Shape string }

type pageAnswer struct {
	Code               int
	Text, Media, Shape string
}

type pageError struct {
	Code            int
	Reason, Details string
}

// pageGroups is the document in the order of the table.
func pageGroups(groups []group, doc *openapi3.T) []pageGroup {
	var out []pageGroup
	for _, g := range groups {
		if len(g.routes) == 0 {
			continue
		}
		pg := pageGroup{ID: strings.ReplaceAll(g.name, " ", "-"), Name: g.name, Doc: g.doc}
		for _, rt := range g.routes {
			path := documentPath(rt.path)
			pg.Operations = append(pg.Operations, newPageOperation(rt, path, doc.Paths.Value(path).GetOperation(rt.method)))
		}
		out = append(out, pg)
	}
	return out
}

func newPageOperation(rt route, path string, op *openapi3.Operation) pageOperation {
	out := pageOperation{ID: op.OperationID, Method: rt.method, Path: path, Summary: rt.doc, Level: levelName(rt.level), Old: rt.old}
	for _, ref := range op.Parameters {
		p := ref.Value
		v := pageParameter{Name: p.Name, In: p.In, Type: typeText(p.Schema.Value), Doc: p.Description, Required: p.Required, Old: p.Deprecated}
		if d := p.Schema.Value.Default; d != nil {
			v.Default = fmt.Sprint(d)
		}
		out.Parameters = append(out.Parameters, v)
	}
	if op.RequestBody != nil {
		for media, m := range op.RequestBody.Value.Content {
			out.Body = &pageBody{media, shapeOf(m.Schema)}
		}
	}
	for _, ok := range rt.gives {
		out.Answers = append(out.Answers, newPageAnswer(ok.code, op))
	}
	for _, o := range rt.others {
		out.Answers = append(out.Answers, newPageAnswer(o.code, op))
	}
	// What any route may answer is told once, at the top of the page.
	for _, e := range rt.failures {
		out.Errors = append(out.Errors, pageError{e.Code, e.Reason, e.Details})
	}
	slices.SortStableFunc(out.Errors, func(a, b pageError) int { return a.Code - b.Code })
	return out
}

func newPageAnswer(code int, op *openapi3.Operation) pageAnswer {
	a := pageAnswer{Code: code, Text: http.StatusText(code)}
	for media, m := range op.Responses.Status(code).Value.Content {
		a.Media = media
		if m.Schema != nil {
			a.Shape = shapeOf(m.Schema)
		}
	}
	return a
}

// typeText says in a few words what a value may be.
func typeText(s *openapi3.Schema) string {
	text := "anything"
	switch {
	case s.Type.Is("array"):
		text = "list of " + typeText(s.Items.Value) + ", by commas"
	case s.Format == "binary":
		text = "file"
	case s.Format == "byte":
		text = "base64"
	case s.Format == "date-time":
		text = "time"
	case s.Format == "cid":
		text = "CID"
	case s.Format != "" && s.Format != "int64" && s.Format != "uint64":
		text = s.Format
	case s.Type != nil:
		text = strings.Join(*s.Type, " or ")
	}
	var words []string
	for _, e := range s.Enum {
		words = append(words, fmt.Sprint(e))
	}
	if len(words) > 0 {
		text = strings.Join(words, ", ")
	}
	if s.Min != nil && s.Max != nil {
		text += fmt.Sprintf(" %.0f – %.0f", *s.Min, *s.Max)
	}
	return text
}

// shapeOf writes a schema as JSON with the types for values.
func shapeOf(ref *openapi3.SchemaRef) string {
	var b strings.Builder
	writeShape(&b, ref, "", nil)
	return b.String()
}

// writeShape writes ref at an indentation; within are the references it stands in, which end a circle.
func writeShape(b *strings.Builder, ref *openapi3.SchemaRef, indent string, within []string) {
	s := ref.Value
	if ref.Ref != "" {
		if slices.Contains(within, ref.Ref) {
			b.WriteString("…")
			return
		}
		within = append(slices.Clone(within), ref.Ref)
	}
	switch {
	case len(s.AllOf) == 1:
		writeShape(b, s.AllOf[0], indent, within)
		b.WriteString(" or null")
		return
	case s.Type.Is("array"):
		b.WriteString("[")
		writeShape(b, s.Items, indent, within)
		b.WriteString("]")
	case s.Type.Is("object") && len(s.Properties) > 0:
		writeFields(b, s, indent, within)
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		b.WriteString("{…: ")
		writeShape(b, s.AdditionalProperties.Schema, indent, within)
		b.WriteString("}")
	default:
		b.WriteString(typeText(s))
		return
	}
	if s.Nullable {
		b.WriteString(" or null")
	}
}

func writeFields(b *strings.Builder, s *openapi3.Schema, indent string, within []string) {
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 1 && s.Properties[names[0]].Value.Description == "" && len(s.Properties[names[0]].Value.Properties) == 0 {
		fmt.Fprintf(b, "{%q: ", names[0])
		writeShape(b, s.Properties[names[0]], indent, within)
		b.WriteString("}")
		return
	}
	b.WriteString("{\n")
	for _, name := range names {
		p := s.Properties[name]
		fmt.Fprintf(b, "%s  %q: ", indent, name)
		writeShape(b, p, indent+"  ", within)
		var notes []string
		if !slices.Contains(s.Required, name) {
			notes = append(notes, "may be left out")
		}
		if d := p.Value.Description; d != "" && p.Ref == "" && d != "a CID" {
			notes = append(notes, d)
		}
		if len(notes) > 0 {
			b.WriteString("   // " + strings.Join(notes, "; "))
		}
		b.WriteString("\n")
	}
	b.WriteString(indent + "}")
}
