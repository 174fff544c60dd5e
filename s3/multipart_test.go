package s3_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/s3"
)

const partSize = 5 << 20

// partBody is a body for a part that differs from every other.
func partBody(n, size int) string {
	return strings.Repeat(fmt.Sprintf("%016d", n), size/16+1)[:size]
}

func (a *api) begin(path string, h headers) string {
	a.t.Helper()
	return parse[struct{ UploadId string }](a.t, a.ok("POST", path+"?uploads", h, "")).UploadId
}

func (a *api) part(path, id string, n int, body string, h headers) reply {
	a.t.Helper()
	return a.ok("PUT", fmt.Sprintf("%s?partNumber=%d&uploadId=%s", path, n, id), h, body)
}

// completion is the list of parts, by number in order given.
func completion(numbers []int, etags []string) string {
	var b strings.Builder
	b.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for i, n := range numbers {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, etags[i])
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.String()
}

type completed struct {
	Location, Bucket, Key, ETag                    string
	ChecksumCRC64NVME, ChecksumCRC32, ChecksumType string
}

func TestMultipart(t *testing.T) {
	a := newAPI(t, s3.Options{})
	path := "/box/dir/a%20b"
	id := a.begin(path, headers{"Content-Type": "video/mp4", "x-amz-meta-a": "1"})
	bodies := []string{partBody(1, partSize), partBody(2, partSize), partBody(3, 77)}
	whole := strings.Join(bodies, "")
	var etags []string
	sum := md5.New()
	for _, i := range []int{2, 0, 1} { // any order
		a.part(path, id, 10*i+1, bodies[i], nil)
	}
	for i, b := range bodies {
		s := md5.Sum([]byte(b))
		sum.Write(s[:])
		etags = append(etags, `"`+hex.EncodeToString(s[:])+`"`)
		_ = i
	}
	a.absent(path)

	r := a.ok("POST", path+"?uploadId="+id, nil, completion([]int{1, 11, 21}, etags))
	got := parse[completed](t, r)
	want := `"` + hex.EncodeToString(sum.Sum(nil)) + `-3"`
	if got.ETag != want || got.Bucket != "box" || got.Key != "dir/a b" || got.Location != a.url+"/box/dir/a%20b" || got.ChecksumType != "FULL_OBJECT" {
		t.Errorf("Complete = %+v, want ETag %s", got, want)
	}
	single := a.ok("PUT", "/box/single", nil, whole)
	if r.header.Get("x-amz-meta-cid") != single.header.Get("x-amz-meta-cid") {
		t.Errorf("CID %s by multipart, %s by one PUT", r.header.Get("x-amz-meta-cid"), single.header.Get("x-amz-meta-cid"))
	}
	if got.ChecksumCRC64NVME != single.header.Get("x-amz-checksum-crc64nvme") {
		t.Errorf("CRC64NVME %s by multipart, %s by one PUT", got.ChecksumCRC64NVME, single.header.Get("x-amz-checksum-crc64nvme"))
	}
	g := a.ok("GET", path, nil, "")
	if g.body != whole || g.header.Get("ETag") != want || g.header.Get("Content-Type") != "video/mp4" || g.header.Get("x-amz-meta-a") != "1" {
		t.Errorf("GET = %d bytes, %v", len(g.body), g.header)
	}
	for i, b := range bodies {
		r := a.ok("GET", fmt.Sprintf("%s?partNumber=%d", path, i+1), nil, "")
		if r.status != 206 || r.body != b || r.header.Get("x-amz-mp-parts-count") != "3" {
			t.Errorf("part %d = %d, %d bytes, %v", i+1, r.status, len(r.body), r.header)
		}
	}
	a.fails("GET", path+"?partNumber=4", nil, "", 416, "InvalidPartNumber")

	// A client that did not hear the answer asks again.
	again := parse[completed](t, a.ok("POST", path+"?uploadId="+id, nil, completion([]int{1, 11, 21}, etags)))
	if again.ETag != want {
		t.Errorf("Complete again = %+v", again)
	}
	a.fails("PUT", path+"?partNumber=1&uploadId="+id, nil, "x", 404, "NoSuchUpload")
}

func TestCompleteRefuses(t *testing.T) {
	a := newAPI(t, s3.Options{})
	id := a.begin("/box/k", nil)
	one := a.part("/box/k", id, 1, partBody(1, partSize), nil).header.Get("ETag")
	two := a.part("/box/k", id, 2, "small", nil).header.Get("ETag")
	three := a.part("/box/k", id, 3, "last", nil).header.Get("ETag")
	target := "/box/k?uploadId=" + id
	for _, c := range []struct {
		name   string
		h      headers
		doc    string
		status int
		code   string
	}{
		{"no document", nil, "", 400, "MalformedXML"},
		{"no parts", nil, "<CompleteMultipartUpload/>", 400, "MalformedXML"},
		{"broken", nil, "<CompleteMultipartUpload><Part>", 400, "MalformedXML"},
		{"no number", nil, "<CompleteMultipartUpload><Part><ETag>x</ETag></Part></CompleteMultipartUpload>", 400, "MalformedXML"},
		{"number 0", nil, completion([]int{0}, []string{one}), 400, "InvalidArgument"},
		{"number 10001", nil, completion([]int{10001}, []string{one}), 400, "InvalidArgument"},
		{"order", nil, completion([]int{2, 1}, []string{two, one}), 400, "InvalidPartOrder"},
		{"twice", nil, completion([]int{1, 1}, []string{one, one}), 400, "InvalidPartOrder"},
		{"unknown part", nil, completion([]int{1, 9}, []string{one, one}), 400, "InvalidPart"},
		{"another etag", nil, completion([]int{1}, []string{two}), 400, "InvalidPart"},
		{"small in the middle", nil, completion([]int{1, 2, 3}, []string{one, two, three}), 400, "EntityTooSmall"},
		{"size", headers{"x-amz-mp-object-size": "7"}, completion([]int{1}, []string{one}), 400, "InvalidRequest"},
		{"checksum", headers{"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, completion([]int{1}, []string{one}), 400, "BadDigest"},
		{"other checksum", headers{"x-amz-checksum-crc32": "AAAAAA=="}, completion([]int{1}, []string{one}), 400, "InvalidRequest"},
		{"too many", nil, completion(make([]int, 10001), make([]string, 10001)), 400, "InvalidArgument"},
		{"too long", nil, strings.Repeat(" ", 5<<20), 400, "MaxMessageLengthExceeded"},
		{"MD5", headers{"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, completion([]int{1}, []string{one}), 400, "BadDigest"},
		{"condition", headers{"If-Match": `"x"`}, completion([]int{1}, []string{one}), 404, "NoSuchKey"},
	} {
		r := a.do("POST", target, c.h, c.doc)
		if r.status != c.status || r.code() != c.code {
			t.Errorf("Complete, %s = %d %q, want %d %q", c.name, r.status, r.code(), c.status, c.code)
		}
		a.absent("/box/k")
	}
	a.ok("POST", target, headers{"If-None-Match": "*", "x-amz-mp-object-size": fmt.Sprint(partSize + 4)}, completion([]int{1, 3}, []string{one, three}))
	if r := a.ok("HEAD", "/box/k", nil, ""); r.header.Get("Content-Length") != fmt.Sprint(partSize+4) {
		t.Errorf("HEAD = %v", r.header)
	}
}

func TestUploadRefuses(t *testing.T) {
	a := newAPI(t, s3.Options{})
	id := a.begin("/box/k", nil)
	for _, c := range []struct {
		target string
		status int
		code   string
	}{
		{"/box/k?partNumber=0&uploadId=" + id, 400, "InvalidArgument"},
		{"/box/k?partNumber=10001&uploadId=" + id, 400, "InvalidArgument"},
		{"/box/k?partNumber=x&uploadId=" + id, 400, "InvalidArgument"},
		{"/box/k?partNumber=1&uploadId=none", 404, "NoSuchUpload"},
		{"/box/other?partNumber=1&uploadId=" + id, 404, "NoSuchUpload"},
		{"/box/k?uploadId=" + id, 501, "NotImplemented"},
		{"/box/k?partNumber=1", 501, "NotImplemented"},
	} {
		a.fails("PUT", c.target, nil, "x", c.status, c.code)
	}
	target := "/box/k?partNumber=1&uploadId=" + id
	a.fails("PUT", target, headers{"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "x", 400, "BadDigest")
	a.fails("PUT", target, headers{"x-amz-checksum-crc32": "AAAAAA=="}, "x", 400, "BadDigest")
	if r := a.ok("GET", "/box/k?uploadId="+id, nil, ""); strings.Contains(r.body, "<Part>") {
		t.Errorf("a refused part is there: %s", r.body)
	}
	a.ok("DELETE", "/box/k?uploadId="+id, nil, "")
	a.fails("DELETE", "/box/k?uploadId="+id, nil, "", 404, "NoSuchUpload")
	a.fails("PUT", target, nil, "x", 404, "NoSuchUpload")

	a.fails("POST", "/box/k?uploads", headers{"x-amz-checksum-algorithm": "CRC99"}, "", 400, "InvalidRequest")
	a.fails("POST", "/box/k?uploads", headers{"x-amz-checksum-type": "COMPOSITE"}, "", 400, "InvalidRequest")
	a.fails("POST", "/box/k?uploads", headers{"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT"}, "", 400, "InvalidRequest")
}

func TestMultipartChecksums(t *testing.T) {
	a := newAPI(t, s3.Options{})
	b1, b2 := partBody(1, partSize), "tail"
	for _, kind := range []string{"", "COMPOSITE", "FULL_OBJECT"} {
		h := headers{"x-amz-checksum-algorithm": "CRC32"}
		if kind != "" {
			h["x-amz-checksum-type"] = kind
		}
		id := a.begin("/box/k", h)
		a.fails("PUT", "/box/k?partNumber=1&uploadId="+id, headers{"x-amz-checksum-crc32c": "AAAAAA=="}, "x", 400, "InvalidRequest")
		r1 := a.part("/box/k", id, 1, b1, headers{"x-amz-checksum-crc32": crc(b1)})
		r2 := a.part("/box/k", id, 2, b2, nil) // computed here
		if r2.header.Get("x-amz-checksum-crc32") != crc(b2) {
			t.Errorf("part without a checksum: %v", r2.header)
		}
		doc := completion([]int{1, 2}, []string{r1.header.Get("ETag"), r2.header.Get("ETag")})
		wrong := strings.Replace(doc, "</Part>", "<ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>", 1)
		a.fails("POST", "/box/k?uploadId="+id, nil, wrong, 400, "InvalidPart")
		right := strings.Replace(doc, "</Part>", "<ChecksumCRC32>"+crc(b1)+"</ChecksumCRC32></Part>", 1)
		want, wantKind := crc(b1+b2), "FULL_OBJECT"
		told := want
		if kind != "FULL_OBJECT" {
			told = crc(raw(crc(b1)) + raw(crc(b2))) // minio-go leaves out the number of parts
			want, wantKind = told+"-2", "COMPOSITE"
		}
		a.fails("POST", "/box/k?uploadId="+id, headers{"x-amz-checksum-crc32": want[:8] + "-3"}, right, 400, "BadDigest")
		a.fails("POST", "/box/k?uploadId="+id, headers{"x-amz-checksum-type": map[string]string{"FULL_OBJECT": "COMPOSITE", "COMPOSITE": "FULL_OBJECT"}[wantKind]}, right, 400, "InvalidRequest")
		h = headers{"x-amz-checksum-crc32": told, "x-amz-checksum-type": wantKind}
		got := parse[completed](t, a.ok("POST", "/box/k?uploadId="+id, h, right))
		if got.ChecksumCRC32 != want || got.ChecksumType != wantKind {
			t.Errorf("type %q: Complete = %+v, want %s %s", kind, got, want, wantKind)
		}
		r := a.ok("HEAD", "/box/k", headers{"x-amz-checksum-mode": "ENABLED"}, "")
		if r.header.Get("x-amz-checksum-crc32") != want || r.header.Get("x-amz-checksum-type") != wantKind {
			t.Errorf("type %q: HEAD = %v", kind, r.header)
		}
	}
}

func crc(s string) string {
	v := crc32.ChecksumIEEE([]byte(s))
	return base64.StdEncoding.EncodeToString([]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

func raw(sum string) string {
	b, _ := base64.StdEncoding.DecodeString(sum)
	return string(b)
}

func TestUploadPartCopy(t *testing.T) {
	a := newAPI(t, s3.Options{})
	src := partBody(1, 2*partSize+9)
	tag := a.ok("PUT", "/box/src", nil, src).header.Get("ETag")
	id := a.begin("/box/k", nil)
	var etags []string
	for n, r := range []string{"", "bytes=3-12"} {
		h := headers{"x-amz-copy-source": "/box/src", "x-amz-copy-source-if-match": tag}
		if r != "" {
			h["x-amz-copy-source-range"] = r
		}
		etags = append(etags, parse[copied](t, a.part("/box/k", id, n+1, "", h)).ETag)
	}
	for _, c := range []struct {
		h      headers
		status int
		code   string
	}{
		{headers{"x-amz-copy-source": "/box/none"}, 404, "NoSuchKey"},
		{headers{"x-amz-copy-source": "/box/src", "x-amz-copy-source-range": "bytes=-5"}, 400, "InvalidArgument"},
		{headers{"x-amz-copy-source": "/box/src", "x-amz-copy-source-range": "bytes=5-"}, 400, "InvalidArgument"},
		{headers{"x-amz-copy-source": "/box/src", "x-amz-copy-source-range": "0-5"}, 400, "InvalidArgument"},
		{headers{"x-amz-copy-source": "/box/src", "x-amz-copy-source-range": "bytes=0-99999999"}, 416, "InvalidRange"},
		{headers{"x-amz-copy-source": "/box/src", "x-amz-copy-source-if-match": `"x"`}, 412, "PreconditionFailed"},
	} {
		a.fails("PUT", "/box/k?partNumber=3&uploadId="+id, c.h, "", c.status, c.code)
	}
	got := parse[completed](t, a.ok("POST", "/box/k?uploadId="+id, nil, completion([]int{1, 2}, etags)))
	whole := a.ok("PUT", "/box/whole", nil, src+src[3:13])
	if r := a.ok("GET", "/box/k", nil, ""); r.body != src+src[3:13] {
		t.Errorf("GET = %d bytes, want %d", len(r.body), len(src)+10)
	}
	if got.ChecksumCRC64NVME != whole.header.Get("x-amz-checksum-crc64nvme") {
		t.Errorf("CRC64NVME %q, want %q", got.ChecksumCRC64NVME, whole.header.Get("x-amz-checksum-crc64nvme"))
	}
}

type listedParts struct {
	Numbers              []int    `xml:"Part>PartNumber"`
	Sizes                []int64  `xml:"Part>Size"`
	ETags                []string `xml:"Part>ETag"`
	IsTruncated          bool
	NextPartNumberMarker int
	Key                  string
}

type listedUploads struct {
	Keys                              []string `xml:"Upload>Key"`
	IDs                               []string `xml:"Upload>UploadId"`
	Prefixes                          []string `xml:"CommonPrefixes>Prefix"`
	IsTruncated                       bool
	NextKeyMarker, NextUploadIdMarker string
}

func TestListPartsAndUploads(t *testing.T) {
	a := newAPI(t, s3.Options{})
	id := a.begin("/box/k", nil)
	for n := range 5 {
		a.part("/box/k", id, n+1, strings.Repeat("x", n), nil)
	}
	var got []int
	for marker := 0; ; {
		l := parse[listedParts](t, a.ok("GET", fmt.Sprintf("/box/k?uploadId=%s&max-parts=2&part-number-marker=%d", id, marker), nil, ""))
		got = append(got, l.Numbers...)
		if marker = l.NextPartNumberMarker; !l.IsTruncated {
			break
		}
	}
	if fmt.Sprint(got) != "[1 2 3 4 5]" {
		t.Errorf("pages of parts = %v", got)
	}
	a.fails("GET", "/box/k?uploadId=none", nil, "", 404, "NoSuchUpload")

	var ids []string
	for _, key := range []string{"a/1", "a/2", "k", "z"} {
		ids = append(ids, a.begin("/box/"+key, nil))
	}
	l := parse[listedUploads](t, a.ok("GET", "/box?uploads", nil, ""))
	if strings.Join(l.Keys, " ") != "a/1 a/2 k k z" || l.IsTruncated {
		t.Errorf("uploads = %+v", l)
	}
	l = parse[listedUploads](t, a.ok("GET", "/box?uploads&delimiter=/&encoding-type=url", nil, ""))
	if strings.Join(l.Keys, " ") != "k k z" || strings.Join(l.Prefixes, " ") != "a/" {
		t.Errorf("uploads with a delimiter = %+v", l)
	}
	var keys []string
	for query := ""; ; {
		l := parse[listedUploads](t, a.ok("GET", "/box?uploads&max-uploads=1"+query, nil, ""))
		keys = append(keys, l.Keys...)
		if query = "&key-marker=" + url.QueryEscape(l.NextKeyMarker) + "&upload-id-marker=" + l.NextUploadIdMarker; !l.IsTruncated {
			break
		}
	}
	if strings.Join(keys, " ") != "a/1 a/2 k k z" {
		t.Errorf("pages of uploads = %q", keys)
	}
	a.ok("DELETE", "/box", nil, "") // uploads end with their bucket
	a.fails("GET", "/box?uploads", nil, "", 404, "NoSuchBucket")
}

func TestUploadLevelMultipart(t *testing.T) {
	a := newAPI(t, s3.Options{})
	cam := a.as("cam", accounts.LevelUpload)
	_, err := a.buckets.CreateBucket(t.Context(), cam.user.ID, "cams", buckets.BucketOptions{})
	must(t, err)
	id := cam.begin("/cams/k", nil)
	tag := cam.part("/cams/k", id, 1, "x", nil).header.Get("ETag")
	cam.fails("PUT", "/cams/k?partNumber=2&uploadId="+id, headers{"x-amz-copy-source": "/cams/k"}, "", 403, "AccessDenied")
	cam.ok("GET", "/cams/k?uploadId="+id, nil, "")
	cam.ok("POST", "/cams/k?uploadId="+id, nil, completion([]int{1}, []string{tag}))
}
