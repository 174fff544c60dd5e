package cors_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/cors"
)

func parse(text string) (*cors.Configuration, error) {
	var c cors.Configuration
	if err := xml.Unmarshal([]byte(text), &c); err != nil {
		return nil, err
	}
	return &c, c.Validate()
}

func mustParse(t *testing.T, rules string) *cors.Configuration {
	t.Helper()
	c, err := parse("<CORSConfiguration>" + rules + "</CORSConfiguration>")
	if err != nil {
		t.Fatalf("%s: %v", rules, err)
	}
	return c
}

const (
	get = "<AllowedMethod>GET</AllowedMethod>"
	any = "<AllowedOrigin>*</AllowedOrigin>"
)

func rule(inside string) string { return "<CORSRule>" + inside + "</CORSRule>" }

func TestValidate(t *testing.T) {
	wrong := errors.New("in S3's words")
	for inside, want := range map[string]error{
		rule(get + any): nil,
		rule(get + any + "<ID>" + strings.Repeat("ü", 255) + "</ID>"): nil,
		rule(get + any + "<ID>" + strings.Repeat("i", 256) + "</ID>"): cors.ErrMalformed,
		strings.Repeat(rule(get+any), 100):                            nil,
		strings.Repeat(rule(get+any), 101):                            cors.ErrMalformed,
		"":                                                            cors.ErrMalformed,
		rule(get):                                                     cors.ErrMalformed,
		rule(any):                                                     cors.ErrMalformed,
		rule(get + "<AllowedOrigin></AllowedOrigin>"):                 cors.ErrMalformed,
		rule(get + "<AllowedOrigin>http://*.*</AllowedOrigin>"):  wrong,
		rule(get + "<AllowedOrigin>http://*.a</AllowedOrigin>"):  nil,
		rule(any + "<AllowedMethod>PATCH</AllowedMethod>"):       wrong,
		rule(any + "<AllowedMethod>get</AllowedMethod>"):         wrong,
		rule(any + "<AllowedMethod>OPTIONS</AllowedMethod>"):     wrong,
		rule(get + any + "<AllowedHeader>x-*</AllowedHeader>"):   nil,
		rule(get + any + "<AllowedHeader>*-*</AllowedHeader>"):   wrong,
		rule(get + any + "<AllowedHeader>a b</AllowedHeader>"):   cors.ErrMalformed,
		rule(get + any + "<ExposeHeader>*</ExposeHeader>"):       wrong,
		rule(get + any + "<ExposeHeader>a&#13;b</ExposeHeader>"): cors.ErrMalformed,
		rule(get + any + "<MaxAgeSeconds>0</MaxAgeSeconds>"):     nil,
		rule(get + any + "<MaxAgeSeconds>-1</MaxAgeSeconds>"):    cors.ErrMalformed,
	} {
		_, err := parse("<CORSConfiguration>" + inside + "</CORSConfiguration>")
		if e := (*cors.Error)(nil); want == wrong && errors.As(err, &e) && e.Message != "" {
			continue
		}
		if !errors.Is(err, want) {
			t.Errorf("%.80s: %v, want %v", inside, err, want)
		}
	}
}

// text is headers in a form to compare.
func text(h http.Header) string {
	if h == nil {
		return "none"
	}
	var out []string
	for _, name := range []string{"Origin", "Credentials", "Methods", "Headers"} {
		if v := h.Get("Access-Control-Allow-" + name); v != "" {
			out = append(out, v)
		}
	}
	for _, name := range []string{"Expose-Headers", "Max-Age"} {
		if v := h.Get("Access-Control-" + name); v != "" {
			out = append(out, v)
		}
	}
	return strings.Join(out, "; ")
}

func TestMatching(t *testing.T) {
	c := mustParse(t, rule("<AllowedOrigin>*suffix</AllowedOrigin><AllowedOrigin>https://start*end</AllowedOrigin>"+get+"<AllowedMethod>HEAD</AllowedMethod>"+
		"<ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-meta-cid</ExposeHeader>")+
		rule("<AllowedOrigin>https://app.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>Content-*</AllowedHeader>"+
			"<AllowedHeader>X-Amz-Meta-N</AllowedHeader><MaxAgeSeconds>3000</MaxAgeSeconds>")+
		rule("<AllowedOrigin>https://app.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader>")+
		rule("<AllowedOrigin>*</AllowedOrigin><AllowedMethod>DELETE</AllowedMethod>"))
	for _, q := range []struct {
		origin, method, wanted, actual, preflight string
	}{
		{"suffix", "GET", "", "suffix; true; GET, HEAD; ETag, x-amz-meta-cid", "suffix; true; GET, HEAD; ETag, x-amz-meta-cid"},
		{"a.suffix", "HEAD", "", "a.suffix; true; GET, HEAD; ETag, x-amz-meta-cid", "a.suffix; true; GET, HEAD; ETag, x-amz-meta-cid"},
		{"a.suffix.b", "GET", "", "none", "none"},
		{"A.SUFFIX", "GET", "", "none", "none"},
		{"https://startend", "GET", "", "https://startend; true; GET, HEAD; ETag, x-amz-meta-cid", "https://startend; true; GET, HEAD; ETag, x-amz-meta-cid"},
		{"https://starend", "GET", "", "none", "none"},
		{"https://startxend", "GET", "x-custom", "https://startxend; true; GET, HEAD; ETag, x-amz-meta-cid", "none"},
		{"https://app.example", "GET", "", "none", "none"},
		{"https://app.example", "PUT", "content-type, X-AMZ-meta-n ,,", "https://app.example; true; PUT", "https://app.example; true; PUT; content-type, x-amz-meta-n; 3000"},
		// The second rule for this origin allows what the first does not.
		{"https://app.example", "PUT", "content-type,authorization", "https://app.example; true; PUT", "https://app.example; true; PUT; content-type, authorization"},
		{"https://app.example", "DELETE", "", "*; DELETE", "*; DELETE"},
		{"null", "DELETE", "", "*; DELETE", "*; DELETE"},
		{"https://app.example", "delete", "", "none", "none"},
		{"", "PUT", "", "none", "none"},
	} {
		if got := text(c.Actual(q.origin, q.method)); got != q.actual {
			t.Errorf("Actual(%q, %s) = %s, want %s", q.origin, q.method, got, q.actual)
		}
		if got := text(c.Preflight(q.origin, q.method, q.wanted)); got != q.preflight {
			t.Errorf("Preflight(%q, %s, %q) = %s, want %s", q.origin, q.method, q.wanted, got, q.preflight)
		}
	}
}

// FuzzConfiguration: what is valid survives being written and read, and never
// allows an origin with credentials that no pattern of it matches.
func FuzzConfiguration(f *testing.F) {
	f.Add("<CORSConfiguration>"+rule(get+any)+"</CORSConfiguration>", "https://a", "x-a")
	f.Add("<CORSConfiguration>"+rule(get+"<AllowedOrigin>a*b</AllowedOrigin><AllowedHeader>*</AllowedHeader><MaxAgeSeconds>7</MaxAgeSeconds><ID>&lt;</ID>")+"</CORSConfiguration>", "ab", "x-a, b")
	f.Fuzz(func(t *testing.T, doc, origin, wanted string) {
		c, err := parse(doc)
		if err != nil {
			return
		}
		out, err := xml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(string(out))
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		h := c.Preflight(origin, "GET", wanted)
		if fmt.Sprint(h) != fmt.Sprint(again.Preflight(origin, "GET", wanted)) {
			t.Fatalf("%s and %s differ", doc, out)
		}
		if got := h.Get("Access-Control-Allow-Origin"); h != nil && got != "*" && got != origin {
			t.Fatalf("%q is answered with %q", origin, got)
		}
		if h != nil && c.Actual(origin, "GET") == nil {
			t.Fatal("a preflight allows what is then refused")
		}
	})
}
