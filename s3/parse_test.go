package s3

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/sigv4"
)

// A parameter that cannot be parsed is left out of url.Values, and a PUT of
// ?acl;x would then be a PUT of the object.
func TestRouteRefusesUnparsableQuery(t *testing.T) {
	s := new(server)
	for _, query := range []string{"acl;x", "tagging;", "acl=%zz", "%", "a=b;c"} {
		r := httptest.NewRequest("PUT", "/box/k", nil)
		r.URL.RawQuery = query
		c := &call{r: r, h: r.Header, auth: &sigv4.Request{}}
		if err := s.route(c); err != errInvalidURI {
			t.Errorf("route(?%s) = %v, want %v", query, err, errInvalidURI)
		}
	}
}

func TestSplit(t *testing.T) {
	for path, want := range map[string]struct {
		level     level
		name, key string
	}{
		"/":               {level: service},
		"/box":            {bucket, "box", ""},
		"/box/":           {bucket, "box", ""},
		"/box/k":          {object, "box", "k"},
		"/box//":          {object, "box", "/"},
		"/box//k/":        {object, "box", "/k/"},
		"/box/a/../b/./c": {object, "box", "a/../b/./c"},
		"/box/ a\n b ":    {object, "box", " a\n b "},
		"/a b/?x#y":       {object, "a b", "?x#y"},
		"":                {},
		"*":               {},
		"box/k":           {},
		"//":              {},
		"//k":             {},
	} {
		l, name, key, ok := split(path)
		if ok != (want.level != "") || l != want.level || name != want.name || key != want.key {
			t.Errorf("split(%q) = %q, %q, %q, %v; want %+v", path, l, name, key, ok, want)
		}
	}
}

// Every row is chosen by a request that has what it needs, so none is hidden
// by another.
func TestEveryOperationIsReachable(t *testing.T) {
	s := new(server)
	for _, op := range operations {
		target := map[level]string{service: "/", bucket: "/box", object: "/box/k"}[op.level]
		r := httptest.NewRequest(op.method, target+"?"+strings.Join(op.need, "&"), nil)
		if op.copies {
			r.Header.Set("X-Amz-Copy-Source", "a/b")
		}
		c := &call{r: r, h: r.Header, auth: &sigv4.Request{}}
		if err := s.route(c); err != nil || c.op.name != op.name {
			t.Errorf("%s %s chooses %v, %v", op.method, r.URL, c.op, err)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=-", "bytes=9-1", "bytes=0-1,2-3", "octets=1-2", "bytes=99999999999999999999-"} {
		f.Add(seed, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		offset, length, v := parseRange(header, size)
		if v == rangeOK && (offset < 0 || length <= 0 || offset > size-length) {
			t.Errorf("parseRange(%q, %d) = %d+%d", header, size, offset, length)
		}
		if from, n, err := copyRange(header, size); err == nil && (from < 0 || n < 0 || from > size-n) {
			t.Errorf("copyRange(%q, %d) = %d+%d", header, size, from, n)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("a/b")
	f.Add("\x00")
	f.Add("MTphL2I")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseToken(formatToken(s)); err != nil || got != s {
			t.Errorf("parseToken(formatToken(%q)) = %q, %v", s, got, err)
		}
		if after, err := parseToken(s); err == nil {
			if again, err := parseToken(formatToken(after)); err != nil || again != after {
				t.Errorf("parseToken(%q) = %q, and of its token %q, %v", s, after, again, err)
			}
		}
	})
}

func FuzzCopySource(f *testing.F) {
	for _, seed := range []string{"b/k", "/b/k", "b/k%20x?versionId=null", "b/k+x", "arn:aws:s3:::b/k", "b", "%zz/k", "b/k?versionId=3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		src, err := parseCopySource(v)
		if err == nil && (src.name == "" || src.key == "" || len(src.key) > 1024 || strings.Contains(src.name, "/")) {
			t.Errorf("parseCopySource(%q) = %+v", v, src)
		}
	})
}

func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"a"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>`))
	f.Add([]byte(`<Delete><Quiet>true</Quiet><Object><Key>k</Key></Object></Delete>`))
	f.Add([]byte(`<Delete><Object>`))
	f.Add([]byte("<Delete><Object><Key>\x01&#x1;&#x10FFFF;<![CDATA[&#2;]]></Key></Object></Delete>"))
	f.Add([]byte(`<CORSConfiguration><CORSRule><AllowedOrigin>a*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>1</MaxAgeSeconds></CORSRule></CORSConfiguration>`))
	f.Add([]byte(`<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`))
	f.Add([]byte(`<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if parts, err := parseParts(data); err == nil {
			for _, p := range parts {
				if p.Number < 1 || p.Number > maxParts {
					t.Errorf("parseParts(%q) = %+v", data, p)
				}
			}
		}
		var d deleteRequest
		_ = parseXML(data, &d)
		if tags, err := parseTagging(data, maxBucketTags); err == nil {
			checkTags(t, tags, maxBucketTags)
		}
		if doc, err := parseEncryption(data); err == nil && doc.Rules[0].Default.Algorithm != sseS3 {
			t.Errorf("parseEncryption(%q) = %+v", data, doc)
		}
		if rules, err := parseCORS(data); err == nil && (len(rules.Rules) < 1 || len(rules.Rules) > 100) {
			t.Errorf("parseCORS(%q) = %d rules", data, len(rules.Rules))
		}
	})
}

func FuzzTagHeader(f *testing.F) {
	for _, seed := range []string{"a=b", "a=b&c", "a=b&a=c", "%20=+", "&&=", "aws:x=1", "%zz", "a=%ff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		tags, err := parseTagHeader(v)
		if err != nil {
			return
		}
		checkTags(t, tags, maxObjectTags)
		// A document of the same tags is the same set.
		data, err := xml.Marshal(newTagging(tags))
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseTagging(data, maxObjectTags)
		if err != nil || !slices.Equal(again, tags) {
			t.Errorf("%q is %q, and by a document %q, %v", v, tags, again, err)
		}
	})
}

// checkTags checks what holds of every set of tags.
func checkTags(t *testing.T, tags []buckets.Tag, most int) {
	t.Helper()
	for i, tag := range tags {
		if tag.Key == "" || len(tags) > most || utf8.RuneCountInString(tag.Key) > maxTagKey || utf8.RuneCountInString(tag.Value) > maxTagValue ||
			i > 0 && tags[i-1].Key >= tag.Key {
			t.Errorf("tags are %q", tags)
		}
	}
}

// Whatever a key holds, a document with it is well-formed but for characters
// that XML 1.0 cannot have, which are written as references.
func FuzzText(f *testing.F) {
	f.Add("a&b<c>\"d'\r\n\t\x00\x1f\xff\uFFFE😀")
	f.Add("a&b<c>\"d'\r\n\t\x00\x1f\uFFFE😀\U0010FFFF\U000F0001&#1;]]>")
	f.Fuzz(func(t *testing.T, s string) {
		out, err := xml.Marshal(struct {
			XMLName xml.Name `xml:"k"`
			Key     text
		}{Key: text(s)})
		if err != nil || !utf8.Valid(out) {
			t.Fatalf("Marshal(%q) = %q, %v", s, out, err)
		}
		for _, b := range out {
			if b < 0x20 {
				t.Fatalf("Marshal(%q) = %q holds a control character", s, out)
			}
		}
		var back struct {
			Key string
		}
		if representable(s) {
			if err := xml.Unmarshal(out, &back); err != nil || back.Key != s {
				t.Errorf("Unmarshal(%q) = %q, %v, want %q", out, back.Key, err, s)
			}
		}
		if err := parseXML(out, &back); utf8.ValidString(s) && (err != nil || back.Key != s) {
			t.Errorf("parseXML(%q) = %q, %v, want %q", out, back.Key, err, s)
		}
	})
}

// Characters that XML forbids come as they are or as references, and what
// stands for them while they are read cannot be told from a document.
func TestForbiddenCharacters(t *testing.T) {
	const pair = "\U0010FFFF\U000F0001"
	for doc, want := range map[string]string{
		"a\x01b\x00\x1f\x7f\uFFFE\uFFFF":                  "a\x01b\x00\x1f\x7f\uFFFE\uFFFF",
		"&#1;&#x1;&#x001f;&#65535;&#x41;&#0;":             "\x01\x01\x1f\uFFFFA\x00",
		"\r\n\r\t&#13;&#xa;":                              "\n\n\t\r\n",
		pair:                                              pair,
		"&#x10FFFF;&#x10fFfF;\U000F0001":                  "\U0010FFFF" + pair,
		"&#1114111;\U000F0001&#x0000000000000000010FFFF;": pair + "\U0010FFFF",
		"<![CDATA[&#1;\x01&#x10FFFF;]]>&#1;":              "&#1;\x01&#x10FFFF;\x01",
		"&amp;#1;&lt;&quot;":                              "&#1;<\"",
		"<!-- &#1; \x01 -->x":                             "x",
	} {
		var got struct {
			Key string `xml:",chardata"`
		}
		if err := parseXML([]byte("<k>"+doc+"</k>"), &got); err != nil || got.Key != want {
			t.Errorf("parseXML(%q) = %q, %v, want %q", doc, got.Key, err, want)
		}
	}
	for _, doc := range []string{"&#;", "&#x;", "&#1", "&#x110000;", "&#99999999999999999999;", "\xff", "&#-1;", "&#X1;", "&unknown;"} {
		if err := parseXML([]byte("<k>"+doc+"</k>"), new(struct{})); err != errMalformedXML {
			t.Errorf("parseXML(%q): %v, want %v", doc, err, errMalformedXML)
		}
	}
}

func representable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}

func FuzzConditions(f *testing.F) {
	f.Add(`"a", W/"b", *`, "b")
	f.Fuzz(func(t *testing.T, list, etag string) {
		if matches(list, etag, false) && !matches(list, etag, true) {
			t.Errorf("matches(%q, %q) is strong but not weak", list, etag)
		}
	})
}

// A small document of very many elements must not become a large structure,
// nor one that goes on behind its end be taken for a whole one.
func TestDocumentsOfManyElements(t *testing.T) {
	fill := func(head, element, tail string, size int) []byte {
		return []byte(head + strings.Repeat(element, (size-len(head)-len(tail))/len(element)) + tail)
	}
	deletion := func(data []byte) error { return parseXML(data, new(deleteRequest)) }
	completion := func(data []byte) error { _, err := parseParts(data); return err }
	for _, c := range []struct {
		name string
		read func([]byte) error
		data []byte
		code string
	}{
		{"deletions", deletion, fill("<Delete>", "<Object/>", "</Delete>", maxDeleteBody), "MalformedXML"},
		{"parts", completion, fill("<CompleteMultipartUpload>", "<Part/>", "</CompleteMultipartUpload>", maxCompleteBody), "InvalidArgument"},
		{"elements of a part", completion, fill("<CompleteMultipartUpload><Part>", "<ChecksumX/>", "</Part></CompleteMultipartUpload>", maxCompleteBody), "MalformedXML"},
		{"depth", completion, fill("<CompleteMultipartUpload><Part>", "<x>", "", maxCompleteBody), "MalformedXML"},
		{"attributes", deletion, fill("<Delete", ` a=""`, "></Delete>", maxDeleteBody), "MalformedXML"},
		{"two documents", deletion, []byte("<Delete><Object><Key>a</Key></Object></Delete><Delete/>"), "MalformedXML"},
		{"text behind", deletion, []byte("<Delete><Object><Key>a</Key></Object></Delete>x"), "MalformedXML"},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		err := c.read(c.data)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if e := translate(err); e.Code != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
		if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
			t.Errorf("%s: %d bytes make the heap grow by %d", c.name, len(c.data), grown)
		}
	}
	if err := deletion([]byte("\n<Delete><Object><Key>a</Key></Object></Delete>\n<!-- end --> ")); err != nil {
		t.Error(err)
	}
}

// TestCopyLimit needs no object of that size: what is too large is refused
// before anything is read.
func TestCopyLimit(t *testing.T) {
	c := &call{h: http.Header{}}
	for size, refused := range map[int64]bool{maxPut: false, maxPut + 1: true} {
		_, err := c.copied(copySource{key: "k", bucket: buckets.Bucket{UUID: "other"}, object: buckets.Object{Size: size}})
		if got := err != nil && translate(err).Code == errInvalidRequest.Code; got != refused {
			t.Errorf("a copy of %d bytes: %v, want refused %v", size, err, refused)
		}
	}
}
