package s3_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

func (a *api) deleteKeys(doc string, h headers) reply {
	a.t.Helper()
	sum := md5.Sum([]byte(doc))
	all := headers{"Content-MD5": base64.StdEncoding.EncodeToString(sum[:])}
	for name, v := range h {
		all[name] = v
	}
	return a.do("POST", "/box?delete", all, doc)
}

type deleted struct {
	Deleted []string `xml:"Deleted>Key"`
	Failed  []string `xml:"Error>Key"`
	Codes   []string `xml:"Error>Code"`
}

func TestDeleteObjects(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fill("a", "b & c", "keep", "d")
	tag := a.ok("HEAD", "/box/d", nil, "").header.Get("ETag")
	doc := `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object><Object><Key>b &amp; c</Key></Object>` +
		`<Object><Key>never was</Key></Object><Object><Key>keep</Key><ETag>"other"</ETag></Object>` +
		`<Object><Key>keep</Key><VersionId>7</VersionId></Object><Object><Key>keep</Key><Size>9</Size></Object>` +
		`<Object><Key>d</Key><ETag>` + tag + `</ETag><VersionId>null</VersionId></Object></Delete>`
	r := a.deleteKeys(doc, nil)
	got := parse[deleted](t, r)
	if r.status != 200 || strings.Join(got.Deleted, ",") != "a,b & c,never was,d" ||
		strings.Join(got.Failed, ",") != "keep,keep,keep" ||
		strings.Join(got.Codes, ",") != "PreconditionFailed,InvalidArgument,PreconditionFailed" {
		t.Errorf("DeleteObjects = %d %+v", r.status, got)
	}
	if p := a.list(""); strings.Join(p.Keys, ",") != "keep" {
		t.Errorf("left are %q", p.Keys)
	}
	r = a.deleteKeys(`<Delete><Quiet>true</Quiet><Object><Key>keep</Key></Object></Delete>`, nil)
	if got := parse[deleted](t, r); len(got.Deleted) != 0 {
		t.Errorf("a quiet deletion tells %+v", got)
	}
	a.absent("/box/keep")
}

func TestDeleteObjectsRefuses(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fill("a")
	const doc = `<Delete><Object><Key>a</Key></Object></Delete>`
	a.fails("POST", "/box?delete", nil, doc, 400, "InvalidRequest") // no digest
	a.fails("POST", "/box?delete", headers{"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, doc, 400, "BadDigest")
	a.fails("POST", "/box?delete", headers{"x-amz-checksum-crc32": "AAAAAA=="}, doc, 400, "BadDigest")
	for _, bad := range []string{"", "<Delete>", "<Other><Object><Key>a</Key></Object></Other>", "<Delete></Delete>", many(1001)} {
		if r := a.deleteKeys(bad, nil); r.status != 400 || r.code() != "MalformedXML" {
			t.Errorf("DeleteObjects of %.40q = %d %q", bad, r.status, r.code())
		}
	}
	if r := a.deleteKeys(strings.Repeat(" ", 8<<20)+doc, nil); r.code() != "MaxMessageLengthExceeded" {
		t.Errorf("DeleteObjects of 8 MiB = %d %q", r.status, r.code())
	}
	a.ok("HEAD", "/box/a", nil, "")
	if r := a.deleteKeys(many(1000), nil); r.status != 200 || len(parse[deleted](t, r).Deleted) != 1000 {
		t.Errorf("DeleteObjects of 1000 keys = %d", r.status)
	}
}

// Keys with characters that XML cannot have are deleted as any other, whether
// a client writes them as references or, as botocore does, as they are.
func TestDeleteObjectsWithControlCharacters(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fill("a\x01b", "a\vc", "\uFFFE", "a\nd")
	r := a.deleteKeys("<Delete><Object><Key>a\x01b</Key></Object><Object><Key>a&#xb;c</Key></Object>"+
		"<Object><Key>\uFFFE</Key></Object><Object><Key>a&#10;d</Key></Object></Delete>", nil)
	if r.status != 200 || !strings.Contains(r.body, "<Key>a&#x1;b</Key>") {
		t.Errorf("DeleteObjects = %d %s", r.status, r.body)
	}
	if p := a.list("encoding-type=url"); len(p.Keys) != 0 {
		t.Errorf("left are %q", p.Keys)
	}
}

// many is a request for n keys that do not exist, of the greatest length and
// with characters that need the longest escapes.
func many(n int) string {
	var b strings.Builder
	b.WriteString("<Delete>")
	for i := range n {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(strings.Repeat("\n", 1000)+fmt.Sprint(i)))
		b.WriteString("</Key></Object>")
	}
	b.WriteString("</Delete>")
	return b.String()
}
