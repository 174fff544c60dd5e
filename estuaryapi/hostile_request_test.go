package estuaryapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/whypfs/whypfs/estuaryapi"
)

// An attack is a request with something wrong in it, made of a row of the table
// and what the document says of it.
type attack struct {
	row    estuaryapi.Row
	method string
	path   string // escaped
	query  string // raw
	header [][2]string
	body   []byte
	cut    bool // the client goes away before the body's end
}

func (a attack) String() string {
	return fmt.Sprintf("%s %s?%s %.300q %.500q cut %v", a.method, clipped(a.path), clipped(a.query), a.header, a.body, a.cut)
}

func clipped(s string) string { return fmt.Sprintf("%.400s", s) }

// newAttack makes one that names, where it names something, what one of the
// owners has. Often only one part of it is wrong, so that it gets further in.
func newAttack(c chooser, row estuaryapi.Row, owners []things) attack {
	own := one(c, owners).variant(c)
	item := description().doc.Paths.Value(estuaryapi.DocumentPath(row.Path))
	op := item.GetOperation(row.Method)
	a := attack{row: row, method: row.Method}
	only := c.n(8) // the part that is wrong; more than there are: all of them
	wrong := func(part int) bool { return only == part || only > 5 }
	if a.path = goodPath(row.Path, own); wrong(1) {
		a.path = hostilePath(c, row.Path, own)
	}
	if a.query = goodQuery(c, op, own); wrong(2) {
		a.query = hostileQuery(c, op, own)
	}
	if op.RequestBody != nil {
		a.fill(c, op.RequestBody.Value, own, wrong(3) || wrong(4))
	}
	if wrong(5) {
		a.spoil(c)
	}
	return a
}

// variant is the same with something else in a name's place that is of another kind.
func (own things) variant(c chooser) things {
	switch c.n(7) {
	case 6: // which somebody may have sent in a CAR
		b := one(c, badNodes)
		bad, _ := section(b.codec, b.data)
		own.file.CID = bad.String()
	case 1:
		own.file.CID = own.hidden.CID.String()
	case 2:
		own.file.ID = own.hidden.Content
	case 3:
		own.file.ID = own.zone.ID
	case 4:
		own.collection = own.bucket.UUID
	case 5:
		if id, err := strconv.ParseUint(own.pin.RequestID, 10, 64); err == nil {
			own.file.ID, own.file.CID = id, own.pin.Pin.CID
		}
	}
	return own
}

// spoil changes what no row speaks of.
func (a *attack) spoil(c chooser) {
	for range c.n(3) {
		a.header = append(a.header, one(c, wrongHeaders))
	}
	switch c.n(6) {
	case 1:
		a.method = one(c, []string{http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodDelete, http.MethodPut, http.MethodTrace, "BREW"})
	case 2:
		a.cut = len(a.body) > 1
	case 3:
		a.body = []byte(one(c, wrongTexts)) // where none is wanted, or another
	}
}

func goodPath(path string, own things) string {
	path, _ = own.addressed(path)
	return strings.ReplaceAll(url.PathEscape(path), "%2F", "/")
}

// goodQuery has each parameter or not, with a value that it takes.
func goodQuery(c chooser, op *openapi3.Operation, own things) string {
	out := url.Values{}
	for _, ref := range op.Parameters {
		if p := ref.Value; p.In == "query" && !p.Deprecated && (p.Required || c.n(3) == 1) {
			out.Set(p.Name, goodValue(p, own))
		}
	}
	return out.Encode()
}

func goodValue(p *openapi3.Parameter, own things) string {
	s := p.Schema.Value
	if s.Type.Is("array") {
		s = s.Items.Value
	}
	switch v := own.named(p.Name); {
	case v != "":
		return v
	case s.Default != nil:
		return fmt.Sprint(s.Default)
	case len(s.Enum) > 0:
		return fmt.Sprint(s.Enum[0])
	case s.Format == "date-time":
		return "2100-01-02T15:04:05Z"
	case s.Format == "duration":
		return "24h"
	case s.Format == "cid":
		return own.file.CID
	case s.Type.Is("integer"):
		return "1"
	case s.Type.Is("boolean"):
		return "true"
	case strings.HasPrefix(s.Format, "2006"):
		return s.Format
	}
	return map[string]string{"dir": "/dir", "path": "/dir/x", "colpath": "/", "meta": `{"a":"b"}`, "expiry": "24h"}[p.Name]
}

func hostilePath(c chooser, path string, own things) string {
	out := wildcard.ReplaceAllStringFunc(path, func(w string) string {
		name := strings.Trim(w, "{.}")
		v := text(c, []string{cmp.Or(own.named(name), "1"), own.hidden.CID.String(), own.pin.RequestID, own.bucket.UUID, own.deal.UUID, own.user.Name, itoa(own.hidden.Content)})
		if v == "" && c.n(3) > 0 {
			v = "1"
		}
		if name != "path" {
			return url.PathEscape(v)
		}
		if c.n(2) == 0 {
			v = "ipfs/" + v
		}
		return strings.ReplaceAll(url.PathEscape(v), "%2F", "/")
	})
	if c.n(10) == 1 {
		out += one(c, []string{"/", "//", "/.", "/..", "%2f", "/x", "%00"})
	}
	return out
}

func hostileQuery(c chooser, op *openapi3.Operation, own things) string {
	var out []string
	for _, ref := range op.Parameters {
		p := ref.Value
		if p.In != "query" {
			continue
		}
		known := cmp.Or(own.named(p.Name), "1")
		if d, ok := p.Schema.Value.Default.(string); ok {
			known = d
		}
		times := c.n(4) - 1
		if p.Required {
			times++
		}
		for range times {
			out = append(out, p.Name+"="+url.QueryEscape(text(c, []string{known, "true", "/dir"})))
		}
	}
	switch c.n(12) {
	case 1:
		out = append(out, "format="+one(c, []string{"car", "raw", "tar", "json", "cbor", "dag-json", "ipns-record", "x"}))
	case 2:
		out = append(out, one(c, []string{"%zz", "a;b", "=", "&&&", "%", "limit", "limit=%ff", "?", "[]=1", strings.Repeat("a=b&", 5000)}))
	case 3:
		out = append(out, "download=true&filename="+url.QueryEscape(one(c, wrongTexts)), "entity-bytes=-1:5&dag-scope="+url.QueryEscape(one(c, wrongTexts)))
	}
	return strings.Join(out, "&")
}

func (a *attack) fill(c chooser, body *openapi3.RequestBody, own things, wrong bool) {
	if m := body.Content["application/json"]; m != nil {
		if a.body, _ = json.Marshal(jsonOf(m.Schema.Value, "id", own.named, 0)); wrong {
			a.body = hostileJSON(c, m.Schema.Value, own.named)
		}
		return
	}
	if !wrong {
		c = &byBytes{} // which makes good ones
	}
	for kind, m := range body.Content {
		switch {
		case strings.HasPrefix(kind, "multipart/"):
			kind, a.body = hostileForm(c, slices.Sorted(maps.Keys(m.Schema.Value.Properties)), own)
		case kind == "application/x-www-form-urlencoded":
			a.body = hostileFields(c, slices.Sorted(maps.Keys(m.Schema.Value.Properties)), own)
		default:
			a.body = hostileCAR(c)
		}
		a.header = append(a.header, [2]string{"Content-Type", kind})
	}
}

// broken is a body whose client goes away before its end.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF { //nolint:errorlint // the bare one
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// request is the attack with a key; "" is none.
func (a attack) request(base, token string) (*http.Request, error) {
	r, err := http.NewRequest(a.method, base+a.path, bytes.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	r.URL.RawQuery = a.query
	if a.cut {
		r.Body = io.NopCloser(broken{bytes.NewReader(a.body[:len(a.body)/2])})
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range a.header {
		r.Header.Add(h[0], h[1])
	}
	return r, nil
}
