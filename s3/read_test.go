package s3_test

import (
	"strings"
	"testing"
)

// TestAnonymousReads checks what a reader without credentials gets of an object
// that anybody may read, but whose tags and lock nobody else may.
func TestAnonymousReads(t *testing.T) {
	a := newLocked(t)
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}]}`
	if r := a.do("PUT", "/box?policy", nil, policy); r.status/100 != 2 {
		t.Fatalf("PUT policy = %d %s", r.status, r.body)
	}
	a.ok("PUT", "/box/k", headers{"x-amz-tagging": "a=b", "x-amz-object-lock-legal-hold": "ON", "Content-MD5": withMD5("data")["Content-MD5"]}, "data")
	anonymous := func(method, target string) reply {
		return a.send(a.request(method, target, nil, strings.NewReader("")))
	}
	r := anonymous("GET", "/box/k")
	if r.status != 200 || r.body != "data" || r.header.Get("x-amz-tagging-count") != "" || r.header.Get("x-amz-object-lock-legal-hold") != "" {
		t.Errorf("anonymous GET = %d %q %v", r.status, r.body, r.header)
	}
	h := a.ok("HEAD", "/box/k", nil, "").header
	if h.Get("x-amz-tagging-count") != "1" || h.Get("x-amz-object-lock-legal-hold") != "ON" {
		t.Errorf("the owner's HEAD = %v", h)
	}
	// A link that anybody can write must not say how the object is shown.
	r = anonymous("GET", "/box/k?response-content-type=text/html")
	if r.status != 400 || r.code() != "InvalidRequest" || r.header.Get("Content-Type") != "application/xml" {
		t.Errorf("anonymous GET with another type = %d %q %v", r.status, r.code(), r.header)
	}
	if r = anonymous("GET", "/box/none"); r.status != 403 {
		t.Errorf("anonymous GET of nothing = %d, want that it is not told", r.status)
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	a := newLocked(t)
	id := a.put("k", "data")
	a.ok("DELETE", "/box/k?versionId="+id, nil, "")
	for target, want := range map[string]string{
		"/box/k":                 "<Key>k</Key>",
		"/box/k?versionId=" + id: "<Key>k</Key><VersionId>" + id + "</VersionId>",
	} {
		if r := a.do("GET", target, nil, ""); r.status != 404 || !strings.Contains(r.body, want) {
			t.Errorf("GET %s = %d %s, want %s", target, r.status, r.body, want)
		}
	}
}
