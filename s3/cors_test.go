package s3_test

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

const corsRules = `<CORSConfiguration>` +
	`<CORSRule><ID>app</ID><AllowedOrigin>https://*.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>` +
	`<AllowedHeader>content-*</AllowedHeader><AllowedHeader>X-Amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-meta-cid</ExposeHeader>` +
	`<MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>` +
	`<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>`

// sortedTags is a document without the order of its elements, which S3 leaves open.
func sortedTags(doc string) string {
	tags := strings.SplitAfter(doc, "<")
	slices.Sort(tags)
	return strings.Join(tags, "")
}

// preflight asks as a browser does, which does not sign.
func (a *api) preflight(target string, h headers) reply {
	a.t.Helper()
	return a.send(a.request("OPTIONS", target, h, nil))
}

func TestCORSConfiguration(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fails("GET", "/box?cors", nil, "", 404, "NoSuchCORSConfiguration")
	a.fails("PUT", "/box?cors", nil, corsRules, 400, "InvalidRequest") // no digest
	for doc, code := range map[string]string{
		"":    "MalformedXML",
		"<x>": "MalformedXML",
		"<CORSConfiguration></CORSConfiguration>":       "MalformedXML",
		strings.Replace(corsRules, "PUT", "PATCH", 1):   "InvalidRequest",
		strings.Replace(corsRules, "//*.", "//*.*.", 1): "InvalidRequest",
	} {
		a.fails("PUT", "/box?cors", withMD5(doc), doc, 400, code)
	}
	a.fails("GET", "/box?cors", nil, "", 404, "NoSuchCORSConfiguration")
	a.ok("PUT", "/box?cors", withMD5(corsRules), corsRules)
	want := strings.Replace(corsRules, "<CORSConfiguration>", `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`, 1)
	if r := a.ok("GET", "/box?cors", nil, ""); sortedTags(r.body) != sortedTags(xml.Header+want) {
		t.Errorf("GetBucketCors = %s, want %s", r.body, want)
	}
	b := a.as("bob", 1)
	b.fails("GET", "/box?cors", nil, "", 403, "AccessDenied")
	b.fails("PUT", "/box?cors", withMD5(corsRules), corsRules, 403, "AccessDenied")
	b.fails("DELETE", "/box?cors", nil, "", 403, "AccessDenied")
	for range 2 {
		if r := a.do("DELETE", "/box?cors", nil, ""); r.status != 204 {
			t.Errorf("DeleteBucketCors = %d %s", r.status, r.body)
		}
	}
	a.fails("GET", "/box?cors", nil, "", 404, "NoSuchCORSConfiguration")
}

func TestPreflight(t *testing.T) {
	a := newAPI(t, s3.Options{})
	ask := func(origin, method, wanted string) headers {
		h := headers{}
		for name, v := range map[string]string{"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": wanted} {
			if v != "" {
				h[name] = v
			}
		}
		return h
	}
	const app = "https://a.example"
	if r := a.preflight("/box/k", ask(app, "PUT", "")); r.status != 403 || r.code() != "AccessForbidden" || r.header.Get("Vary") != "" {
		t.Errorf("preflight without rules = %d %v %s", r.status, r.header, r.body)
	}
	a.ok("PUT", "/box?cors", withMD5(corsRules), corsRules)
	for _, c := range []struct {
		target  string
		h       headers
		status  int
		origin  string
		methods string
	}{
		{"/box/k", ask(app, "PUT", "Content-Type, x-amz-meta-n"), 200, app, "GET, PUT"},
		{"/box/k?X-Amz-Signature=abc&X-Amz-Date=never", ask(app, "PUT", ""), 200, app, "GET, PUT"},
		{"/box", ask("https://other", "GET", ""), 200, "*", "GET"},
		{"/box/k", ask(app, "PUT", "authorization"), 403, "", ""},
		{"/box/k", ask("https://other", "PUT", ""), 403, "", ""},
		{"/box/k", ask(app, "DELETE", ""), 403, "", ""},
		{"/nobox/k", ask(app, "GET", ""), 403, "", ""},
		{"/", ask(app, "GET", ""), 403, "", ""},
		{"/box/k", ask(app, "", ""), 400, "", ""},
		{"/box/k", ask(app, "PATCH", ""), 400, "", ""},
		{"/box/k", ask("", "GET", ""), 400, "", ""},
		{"/box/k", ask("", "", ""), 400, "", ""},
	} {
		r := a.preflight(c.target, c.h)
		if r.status != c.status || r.header.Get("Access-Control-Allow-Origin") != c.origin || r.header.Get("Access-Control-Allow-Methods") != c.methods {
			t.Errorf("OPTIONS %s %v = %d %v %s", c.target, c.h, r.status, r.header, r.body)
		}
		if c.status == 403 && r.code() != "AccessForbidden" || c.status == 400 && r.code() != "BadRequest" {
			t.Errorf("OPTIONS %s %v = %s", c.target, c.h, r.body)
		}
	}
	r := a.preflight("/box/k", ask(app, "PUT", "Content-Type"))
	if r.header.Get("Access-Control-Allow-Headers") != "content-type" || r.header.Get("Access-Control-Max-Age") != "60" ||
		r.header.Get("Access-Control-Allow-Credentials") != "true" || !strings.Contains(r.header.Get("Vary"), "Origin") {
		t.Errorf("preflight headers %v", r.header)
	}
}

// TestCrossOriginAnswers: every answer to a page says whether it may read it,
// those that refuse the page's request too, and as the rules are now.
func TestCrossOriginAnswers(t *testing.T) {
	a := newAPI(t, s3.Options{})
	page := headers{"Origin": "https://a.example"}
	if r := a.ok("PUT", "/box/k", page, "data"); r.header.Get("Access-Control-Allow-Origin") != "" || r.header.Get("Vary") != "" {
		t.Errorf("without rules: %v", r.header)
	}
	a.ok("PUT", "/box?cors", withMD5(corsRules), corsRules)
	check := func(what string, r reply, origin string) {
		t.Helper()
		if r.header.Get("Access-Control-Allow-Origin") != origin || !strings.Contains(r.header.Get("Vary"), "Origin") {
			t.Errorf("%s = %d %v, want for %q", what, r.status, r.header, origin)
		}
		if exposed := r.header.Get("Access-Control-Expose-Headers"); origin == page["Origin"] && exposed != "ETag, x-amz-meta-cid" {
			t.Errorf("%s exposes %q", what, exposed)
		}
	}
	put := a.ok("PUT", "/box/k", page, "data")
	check("PUT", put, page["Origin"])
	if put.header.Get("ETag") == "" || put.header.Get("x-amz-meta-cid") == "" {
		t.Errorf("PUT has nothing to expose: %v", put.header)
	}
	check("GET", a.ok("GET", "/box/k", page, ""), page["Origin"])
	check("GET of nothing", a.do("GET", "/box/none", page, ""), page["Origin"])
	check("not signed", a.send(a.request("GET", "/box/k", page, nil)), page["Origin"])
	check("HEAD, no rule", a.ok("HEAD", "/box/k", page, ""), "")
	check("another origin", a.ok("GET", "/box/k", headers{"Origin": "https://other"}, ""), "*")
	if r := a.ok("GET", "/box/k", nil, ""); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("no origin: %v", r.header)
	}
	fewer := strings.Replace(corsRules, "https://*.example", "https://b.example", 1)
	a.ok("PUT", "/box?cors", withMD5(fewer), fewer)
	check("after a change", a.ok("GET", "/box/k", page, ""), "*")
	check("after a change", a.do("PUT", "/box/k", page, "data"), "")
	a.ok("DELETE", "/box?cors", nil, "")
	if r := a.ok("GET", "/box/k", page, ""); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("after deletion: %v", r.header)
	}
}
