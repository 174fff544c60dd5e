package s3_test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

// withMD5 are headers with the digest of a document.
func withMD5(doc string) headers {
	sum := md5.Sum([]byte(doc))
	return headers{"Content-MD5": base64.StdEncoding.EncodeToString(sum[:])}
}

type tagSet struct {
	Keys   []string `xml:"TagSet>Tag>Key"`
	Values []string `xml:"TagSet>Tag>Value"`
}

// tags are those of a path, as key=value,…
func (a *api) tags(path string) string {
	a.t.Helper()
	set := parse[tagSet](a.t, a.ok("GET", path+"?tagging", nil, ""))
	pairs := make([]string, len(set.Keys))
	for i, key := range set.Keys {
		pairs[i] = key + "=" + set.Values[i]
	}
	return strings.Join(pairs, ",")
}

func taggingDocument(pairs ...string) string {
	var b strings.Builder
	b.WriteString("<Tagging><TagSet>")
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", pairs[i], pairs[i+1])
	}
	b.WriteString("</TagSet></Tagging>")
	return b.String()
}

func TestObjectTagging(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", headers{"x-amz-tagging": "foo=b%20r+x&bar"}, "data")
	if got := a.tags("/box/k"); got != "bar=,foo=b r x" {
		t.Errorf("tags of the upload are %q", got)
	}
	if n := a.ok("HEAD", "/box/k", nil, "").header.Get("x-amz-tagging-count"); n != "2" {
		t.Errorf("x-amz-tagging-count = %q", n)
	}
	doc := taggingDocument("a/b", "c@d", "ünï", "日本")
	a.ok("PUT", "/box/k?tagging", withMD5(doc), doc)
	if got := a.tags("/box/k"); got != "a/b=c@d,ünï=日本" {
		t.Errorf("tags that were put are %q", got)
	}

	a.ok("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/k", "x-amz-metadata-directive": "REPLACE"}, "")
	if got := a.tags("/box/copy"); got != "a/b=c@d,ünï=日本" {
		t.Errorf("tags of the copy are %q", got)
	}
	a.ok("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/k", "x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "x=y"}, "")
	if got := a.tags("/box/copy"); got != "x=y" {
		t.Errorf("tags of the copy with others are %q", got)
	}
	a.fails("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/k", "x-amz-tagging-directive": "MERGE"}, "", 400, "InvalidArgument")

	if r := a.ok("DELETE", "/box/k?tagging", nil, ""); r.status != 204 || a.tags("/box/k") != "" {
		t.Errorf("DELETE = %d, left are %q", r.status, a.tags("/box/k"))
	}
	if r := a.ok("GET", "/box/k", nil, ""); r.body != "data" || r.header.Get("x-amz-tagging-count") != "" {
		t.Errorf("the object is now %q %v", r.body, r.header)
	}
	a.fails("PUT", "/box/none?tagging", withMD5(doc), doc, 404, "NoSuchKey")
	a.fails("GET", "/box/k?tagging&versionId=", nil, "", 400, "InvalidArgument")
}

func TestTaggingRefuses(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", headers{"x-amz-tagging": "kept=yes"}, "data")
	eleven := make([]string, 22)
	for i := range eleven {
		eleven[i] = fmt.Sprint(i)
	}
	for _, c := range []struct{ doc, code string }{
		{taggingDocument(eleven...), "InvalidTag"},
		{taggingDocument(strings.Repeat("k", 129), "v"), "InvalidTag"},
		{taggingDocument("k", strings.Repeat("v", 257)), "InvalidTag"},
		{taggingDocument("", "v"), "InvalidTag"},
		{taggingDocument("k", "v?"), "InvalidTag"},
		{taggingDocument("AWS:k", "v"), "InvalidTag"},
		{taggingDocument("k", "v", "k", "w"), "InvalidTag"},
		{"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>", "MalformedXML"},
		{"<Tagging></Tagging>", "MalformedXML"},
		{"<Other><TagSet></TagSet></Other>", "MalformedXML"},
	} {
		a.fails("PUT", "/box/k?tagging", withMD5(c.doc), c.doc, 400, c.code)
	}
	a.fails("PUT", "/box/k?tagging", nil, taggingDocument("k", "v"), 400, "InvalidRequest") // no digest
	if got := a.tags("/box/k"); got != "kept=yes" {
		t.Errorf("tags are now %q", got)
	}
	full := taggingDocument(strings.Repeat("ü", 128), strings.Repeat("ü", 256))
	a.ok("PUT", "/box/k?tagging", withMD5(full), full)
}

func TestBucketTagging(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fails("GET", "/box?tagging", nil, "", 404, "NoSuchTagSet")
	pairs := make([]string, 100)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("%03d", i)
	}
	doc := taggingDocument(pairs...)
	a.ok("PUT", "/box?tagging", withMD5(doc), doc)
	if got := strings.Count(a.tags("/box"), ","); got != 49 {
		t.Errorf("%d tags, want 50", got+1)
	}
	over := taggingDocument(append(pairs, "one", "more")...)
	a.fails("PUT", "/box?tagging", withMD5(over), over, 400, "InvalidTag")
	a.ok("DELETE", "/box?tagging", nil, "")
	a.fails("GET", "/box?tagging", nil, "", 404, "NoSuchTagSet")
}
