package estuaryapi_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/estuaryapi"
)

// The page tells every route of the table, with what it takes, answers and
// refuses, and is made of nothing but what stands beside it.
func TestSwaggerPage(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	if a := f.get("/swagger/", ""); a.code != 307 || a.header.Get("Location") != "/swagger/index.html" {
		t.Errorf("GET /swagger/ = %d to %q", a.code, a.header.Get("Location"))
	}
	page := f.get("/swagger/index.html", "")
	if page.code != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %s", page.code, page.header)
	}
	for _, row := range estuaryapi.Rows() {
		want := `data-method="` + row.Method + `" data-path="` + estuaryapi.DocumentPath(row.Path) + `"`
		if !page.has(want) {
			t.Errorf("the page lacks %s %s", row.Method, row.Path)
		}
	}
	op := page.body[strings.Index(page.body, `id="get_content_contents"`):]
	op = op[:strings.Index(op, "</details>")]
	for _, want := range []string{">user</b>", "<code>limit</code>", "integer 0 – 10000 · default 500", "most entries to answer", `&#34;pinningStatus&#34;: string`} {
		if !strings.Contains(op, want) {
			t.Errorf("a route's part lacks %s:\n%s", want, op)
		}
	}
	if !page.has("<code>ERR_CONTENT_NOT_FOUND</code>") || !page.has(`<span class="code err">404</span>`) {
		t.Error("the page tells no errors")
	}
	parts := regexp.MustCompile(`(?:src|href)="([^#"][^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(parts) != 3 {
		t.Errorf("the page is made of %v", parts)
	}
	for _, p := range parts {
		a := f.get("/swagger/"+p[1], "")
		if a.code != 200 || strings.Contains(a.body, "http://") || strings.Contains(a.body, "https://") {
			t.Errorf("GET /swagger/%s = %d, or it names another host", p[1], a.code)
		}
		again := f.do("GET", "/swagger/"+p[1], "", nil, "If-None-Match", a.header.Get("Etag"))
		if again.code != 304 || again.body != "" {
			t.Errorf("the same again = %d", again.code)
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy of %s: %s", p[1], policy)
		}
	}
	f.get("/swagger/nothing", "").wantError(t, "nothing", 404, "Not Found", "Not Found")
	f.get("/swagger/..%2fserver.go", "").wantError(t, "outside", 404, "Not Found", "Not Found")
}
