package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/s3"
)

// lifecycle is a configuration of one rule for all keys.
func lifecycle(action string) string {
	return "<LifecycleConfiguration><Rule><ID>a rule</ID><Filter/><Status>Enabled</Status>" + action + "</Rule></LifecycleConfiguration>"
}

const threeDays = "<Expiration><Days>3</Days></Expiration>"

func TestLifecycleConfiguration(t *testing.T) {
	const sizes = "X-Amz-Transition-Default-Minimum-Object-Size"
	a := newAPI(t, s3.Options{})
	a.fails("GET", "/box?lifecycle", nil, "", 404, "NoSuchLifecycleConfiguration")
	doc := lifecycle(threeDays)
	a.fails("PUT", "/box?lifecycle", nil, doc, 400, "InvalidRequest") // no digest
	for _, c := range []struct{ doc, code string }{
		{"", "MalformedXML"},
		{"<LifecycleConfiguration/>", "MalformedXML"},
		{"<VersioningConfiguration/>", "MalformedXML"},
		{lifecycle("<Expiration><Days>x</Days></Expiration>"), "MalformedXML"},
		{lifecycle("<Expiration><Days>0</Days></Expiration>"), "InvalidArgument"},
		{lifecycle("<Expiration><Date>2030-01-01T01:00:00Z</Date></Expiration>"), "InvalidArgument"},
		{lifecycle("<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"), "InvalidStorageClass"},
		{lifecycle(""), "InvalidRequest"},
		{lifecycle(strings.Repeat(" ", 1<<20)), "MaxMessageLengthExceeded"},
	} {
		a.fails("PUT", "/box?lifecycle", withMD5(c.doc), c.doc, 400, c.code)
	}
	if r := a.ok("PUT", "/box?lifecycle", withMD5(doc), doc); r.header.Get(sizes) != "varies_by_storage_class" {
		t.Errorf("put: %s is %q", sizes, r.header.Get(sizes))
	}
	r := a.ok("GET", "/box?lifecycle", nil, "")
	want := strings.Replace(strings.Replace(doc, "<Filter/>", "<Filter></Filter>", 1), "<LifecycleConfiguration>",
		`<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`, 1)
	if !strings.HasSuffix(r.body, want) || r.header.Get(sizes) != "varies_by_storage_class" {
		t.Errorf("got %s with %v, want %s", r.body, r.header, want)
	}
	// What GET answered can be put again.
	h := withMD5(r.body)
	h[sizes] = "all_storage_classes_128K"
	a.ok("PUT", "/box?lifecycle", h, r.body)
	if r := a.ok("GET", "/box?lifecycle", nil, ""); r.header.Get(sizes) != h[sizes] {
		t.Errorf("get: %s is %q", sizes, r.header.Get(sizes))
	}
	for range 2 {
		if r := a.ok("DELETE", "/box?lifecycle", nil, ""); r.status != 204 {
			t.Errorf("delete = %d, want 204", r.status)
		}
	}
	a.fails("GET", "/box?lifecycle", nil, "", 404, "NoSuchLifecycleConfiguration")
}

// Writes and reads tell when an object expires, and uploads when they do.
func TestExpirationHeader(t *testing.T) {
	a := newAPI(t, s3.Options{})
	doc := lifecycle(threeDays + "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>")
	a.ok("PUT", "/box?lifecycle", withMD5(doc), doc)
	midnight := func(days int) string {
		return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, days).Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	before := midnight(4)
	replies := map[string]reply{
		"put":  a.ok("PUT", "/box/k", nil, "data"),
		"head": a.ok("HEAD", "/box/k", nil, ""),
		"get":  a.ok("GET", "/box/k", nil, ""),
		"copy": a.ok("PUT", "/box/c", headers{"x-amz-copy-source": "/box/k"}, ""),
	}
	after := midnight(4) // the tests may run over midnight
	for name, r := range replies {
		got := r.header.Get("x-amz-expiration")
		if got != `expiry-date="`+before+`", rule-id="a+rule"` && got != `expiry-date="`+after+`", rule-id="a+rule"` {
			t.Errorf("%s: x-amz-expiration is %q", name, got)
		}
	}
	r := a.ok("POST", "/box/m?uploads", nil, "")
	if id, date := r.header.Get("x-amz-abort-rule-id"), r.header.Get("x-amz-abort-date"); id != "a+rule" || date != midnight(2) {
		t.Errorf("upload: rule %q, date %q, want %q", id, date, midnight(2))
	}
	a.setVersioning("Enabled")
	first := a.put("v", "1")
	a.put("v", "2")
	if r := a.ok("HEAD", "/box/v?versionId="+first, nil, ""); r.header.Get("x-amz-expiration") != "" {
		t.Errorf("a noncurrent version expires: %v", r.header)
	}
}
