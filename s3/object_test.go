package s3_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/s3"
)

// oddKeys must come back as they are: nothing may clean, redirect or decode them twice.
var oddKeys = []string{
	"plain", "a/b/c", "/leading", "//double", "a//b", "trailing/", "a/./b", "a/../b", "..", ".", "../x", "a/.",
	"with space", "plus+plus", "per%cent", "%2F", "a%2Fb", "question?mark", "hash#mark", "amp&ersand=eq;semi",
	"line\nfeed", "carriage\rreturn", "tab\t", "\x01control", "del\x7f", "bütter", "日本語", "😀", `quote"'`, "<xml>&amp;",
	"back\\slash", "colon:", "*?[x]", "~tilde", "uploads", "$dollar@at,comma", strings.Repeat("k", 1024),
}

// escapeKey encodes every byte that is not unreserved, so slashes of a key too.
func escapeKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}

// pathOf encodes a key as clients do: slashes stay.
func pathOf(key string) string { return strings.ReplaceAll(escapeKey(key), "%2F", "/") }

func TestOddKeys(t *testing.T) {
	a := newAPI(t, s3.Options{})
	for _, key := range oddKeys {
		a.ok("PUT", "/box/"+pathOf(key), nil, "body of "+key)
	}
	for _, key := range oddKeys {
		if r := a.ok("GET", "/box/"+pathOf(key), nil, ""); r.body != "body of "+key {
			t.Errorf("GET %q = %q", key, r.body)
		}
		a.ok("HEAD", "/box/"+pathOf(key), nil, "")
		a.ok("DELETE", "/box/"+pathOf(key), nil, "")
		a.absent("/box/" + pathOf(key))
	}
	// A slash of a key may be sent encoded; it is the same key.
	a.ok("PUT", "/box/x/y", nil, "xy")
	if r := a.ok("GET", "/box/x%2Fy", nil, ""); r.body != "xy" {
		t.Errorf("GET x%%2Fy = %q", r.body)
	}
}

func TestPutAnswers(t *testing.T) {
	a := newAPI(t, s3.Options{})
	body := "hello, world"
	sum := md5.Sum([]byte(body))
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	put := a.ok("PUT", "/box/k", nil, body)
	if put.header.Get("ETag") != etag || put.body != "" {
		t.Errorf("PUT: ETag %s, body %q, want %s", put.header.Get("ETag"), put.body, etag)
	}
	cid := put.header.Get("x-amz-meta-cid")
	if !strings.HasPrefix(cid, "bafk") {
		t.Errorf("PUT: CID %q, want that of a raw block", cid)
	}
	if put.header.Get("x-amz-checksum-crc64nvme") == "" || put.header.Get("x-amz-checksum-type") != "FULL_OBJECT" {
		t.Errorf("PUT: no checksum: %v", put.header)
	}
	get, head := a.ok("GET", "/box/k", nil, ""), a.ok("HEAD", "/box/k", nil, "")
	if get.body != body || head.body != "" {
		t.Errorf("GET %q, HEAD %q", get.body, head.body)
	}
	want := headers{
		"ETag": etag, "x-amz-meta-cid": cid, "Content-Length": "12", "Content-Type": "binary/octet-stream",
		"Accept-Ranges": "bytes", "x-amz-checksum-crc64nvme": "",
	}
	for name, v := range want {
		if get.header.Get(name) != v || head.header.Get(name) != v {
			t.Errorf("%s: GET %q, HEAD %q, want %q", name, get.header.Get(name), head.header.Get(name), v)
		}
	}
	if _, err := http.ParseTime(get.header.Get("Last-Modified")); err != nil {
		t.Error(err)
	}
	sums := a.ok("GET", "/box/k", headers{"x-amz-checksum-mode": "ENABLED"}, "")
	if sums.header.Get("x-amz-checksum-crc64nvme") != put.header.Get("x-amz-checksum-crc64nvme") {
		t.Errorf("GET with checksums: %v", sums.header)
	}
	part := a.ok("GET", "/box/k", headers{"x-amz-checksum-mode": "ENABLED", "Range": "bytes=0-3"}, "")
	if part.header.Get("x-amz-checksum-crc64nvme") != "" {
		t.Error("a range carries the checksum of the whole")
	}
}

func TestHeadersTravel(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", headers{
		"Content-Type": "text/css", "Cache-Control": "max-age=9", "Content-Disposition": `attachment; filename="x"`,
		"Content-Encoding": "aws-chunked, gzip", "Content-Language": "de", "Expires": "Thu, 01 Dec 2094 16:00:00 GMT",
		"X-Amz-Meta-MixedCase": "Value", "x-amz-meta-utf8": "grün", "x-amz-meta-latin": "gr\xfcn", "x-amz-meta-cid": "mine",
		"X-Other": "dropped", "x-amz-website-redirect-location": "/other", "x-amz-server-side-encryption": "AES256",
	}, "x")
	r := a.ok("GET", "/box/k", nil, "")
	want := headers{
		"Content-Type": "text/css", "Cache-Control": "max-age=9", "Content-Disposition": `attachment; filename="x"`,
		"Content-Encoding": "gzip", "Content-Language": "de", "Expires": "Thu, 01 Dec 2094 16:00:00 GMT",
		"x-amz-meta-mixedcase": "Value", "x-amz-meta-utf8": "=?UTF-8?B?Z3LDvG4=?=", "x-amz-meta-latin": "=?UTF-8?B?Z3LDvG4=?=",
		"X-Other": "", "x-amz-website-redirect-location": "/other", "x-amz-server-side-encryption": "AES256",
	}
	for name, v := range want {
		if got := r.header.Get(name); got != v {
			t.Errorf("%s = %q, want %q", name, got, v)
		}
	}
	if got := r.header.Values("x-amz-meta-cid"); len(got) != 1 || got[0] == "mine" {
		t.Errorf("x-amz-meta-cid = %q, want the server's alone", got)
	}
	r = a.ok("GET", "/box/k?response-content-type=text/plain&response-cache-control=no-store&response-content-disposition=inline", nil, "")
	if r.header.Get("Content-Type") != "text/plain" || r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Disposition") != "inline" {
		t.Errorf("overrides: %v", r.header)
	}
	a.ok("PUT", "/box/full", headers{"x-amz-meta-a": strings.Repeat("v", 2047)}, "x")
	a.fails("PUT", "/box/over", headers{"x-amz-meta-a": strings.Repeat("v", 2048)}, "x", 400, "MetadataTooLarge")
	a.absent("/box/over")
}

func TestContentEncoding(t *testing.T) {
	a := newAPI(t, s3.Options{})
	for sent, want := range map[string]string{
		"gzip": "gzip", "deflate, gzip": "deflate, gzip", "deflate,gzip": "deflate,gzip",
		"gzip, aws-chunked": "gzip", "AWS-chunked,deflate,gzip": "deflate,gzip", "aws-chunked, aws-chunked": "",
	} {
		a.ok("PUT", "/box/k", headers{"Content-Encoding": sent}, "x")
		if got := a.ok("HEAD", "/box/k", nil, "").header.Get("Content-Encoding"); got != want {
			t.Errorf("Content-Encoding %q comes back as %q, want %q", sent, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	a := newAPI(t, s3.Options{})
	body := strings.Repeat("0123456789", 300_000) // three blocks
	a.ok("PUT", "/box/k", nil, body)
	a.ok("PUT", "/box/empty", nil, "")
	last := len(body) - 1
	for _, c := range []struct {
		header   string
		status   int
		from, to int // inclusive
	}{
		{"bytes=0-0", 206, 0, 0},
		{"bytes=5-14", 206, 5, 14},
		{"bytes=1048570-1048580", 206, 1048570, 1048580}, // over a block's end
		{"bytes=2999990-", 206, 2999990, last},
		{"bytes=2999990-99999999999999999999", 206, 2999990, last},
		{"bytes=-7", 206, last - 6, last},
		{"bytes=-99999999", 206, 0, last},
		{"bytes=0-", 206, 0, last},
		{"bytes=0-1,5-6", 200, 0, last}, // S3 does not answer multipart/byteranges
		{"bytes=9-5", 200, 0, last},
		{"bytes=x-5", 200, 0, last},
		{"octets=0-5", 200, 0, last},
		{"bytes=+1-5", 200, 0, last},
	} {
		r := a.do("GET", "/box/k", headers{"Range": c.header}, "")
		if r.status != c.status || r.body != body[c.from:c.to+1] {
			t.Errorf("Range %s = %d with %d bytes, want %d with %d", c.header, r.status, len(r.body), c.status, c.to-c.from+1)
		}
		h := a.do("HEAD", "/box/k", headers{"Range": c.header}, "")
		if h.status != r.status || h.header.Get("Content-Range") != r.header.Get("Content-Range") || h.header.Get("Content-Length") != r.header.Get("Content-Length") {
			t.Errorf("Range %s: HEAD %d %v, GET %d %v", c.header, h.status, h.header, r.status, r.header)
		}
	}
	if r := a.ok("GET", "/box/k", headers{"Range": "bytes=5-14"}, ""); r.header.Get("Content-Range") != "bytes 5-14/3000000" {
		t.Errorf("Content-Range %q", r.header.Get("Content-Range"))
	}
	if r := a.ok("GET", "/box/empty", nil, ""); r.status != 200 || r.body != "" || r.header.Get("Content-Length") != "0" {
		t.Errorf("the empty object = %d %q %v", r.status, r.body, r.header)
	}
	for _, c := range []struct{ path, header string }{
		{"/box/k", "bytes=3000000-"}, {"/box/k", "bytes=-0"}, {"/box/empty", "bytes=0-"}, {"/box/empty", "bytes=-1"},
	} {
		r := a.fails("GET", c.path, headers{"Range": c.header}, "", 416, "InvalidRange")
		if !strings.Contains(r.body, "<ActualObjectSize>") {
			t.Errorf("%s %s: %s", c.path, c.header, r.body)
		}
	}
}

func TestPartAndIfRange(t *testing.T) {
	a := newAPI(t, s3.Options{})
	body := strings.Repeat("0123456789", 300_000)
	a.ok("PUT", "/box/k", nil, body)
	whole := a.ok("GET", "/box/k?partNumber=1", nil, "")
	if whole.status != 206 || whole.body != body || whole.header.Get("Content-Range") != "bytes 0-2999999/3000000" {
		t.Errorf("part 1 of a plain object = %d, %d bytes, %v", whole.status, len(whole.body), whole.header)
	}
	a.fails("GET", "/box/k?partNumber=1", headers{"Range": "bytes=0-1"}, "", 400, "InvalidRequest")
	tag := whole.header.Get("ETag")
	if r := a.ok("GET", "/box/k", headers{"Range": "bytes=0-1", "If-Range": tag}, ""); r.status != 206 {
		t.Errorf("If-Range with the ETag = %d", r.status)
	}
	if r := a.ok("GET", "/box/k", headers{"Range": "bytes=0-1", "If-Range": `"other"`}, ""); r.status != 200 || r.body != body {
		t.Errorf("If-Range with another ETag = %d, %d bytes", r.status, len(r.body))
	}
}

func TestReadConditions(t *testing.T) {
	a := newAPI(t, s3.Options{})
	tag := a.ok("PUT", "/box/k", nil, "x").header.Get("ETag")
	modified := a.ok("HEAD", "/box/k", nil, "").header.Get("Last-Modified")
	const past, future = "Thu, 01 Dec 1994 16:00:00 GMT", "Thu, 01 Dec 2094 16:00:00 GMT"
	for _, c := range []struct {
		h    headers
		want int
	}{
		{headers{"If-Match": tag}, 200},
		{headers{"If-Match": strings.Trim(tag, `"`)}, 200},
		{headers{"If-Match": "*"}, 200},
		{headers{"If-Match": `"a", ` + tag}, 200},
		{headers{"If-Match": `"a"`}, 412},
		{headers{"If-Match": "W/" + tag}, 412},
		{headers{"If-None-Match": tag}, 304},
		{headers{"If-None-Match": "*"}, 304},
		{headers{"If-None-Match": "W/" + tag}, 304},
		{headers{"If-None-Match": `"a"`}, 200},
		{headers{"If-Modified-Since": past}, 200},
		{headers{"If-Modified-Since": modified}, 304},
		{headers{"If-Modified-Since": future}, 304},
		{headers{"If-Modified-Since": "yesterday"}, 200},
		{headers{"If-Unmodified-Since": past}, 412},
		{headers{"If-Unmodified-Since": modified}, 200},
		{headers{"If-Unmodified-Since": future}, 200},
		{headers{"If-Match": tag, "If-Unmodified-Since": past}, 200},    // the ETag decides
		{headers{"If-None-Match": tag, "If-Modified-Since": past}, 304}, // the ETag decides
		{headers{"If-None-Match": `"a"`, "If-Modified-Since": future}, 200},
		{headers{"If-Match": `"a"`, "If-None-Match": tag}, 412},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := a.do(method, "/box/k", c.h, "")
			if r.status != c.want {
				t.Errorf("%s %v = %d, want %d", method, c.h, r.status, c.want)
			}
			if r.status == 304 && (r.body != "" || r.header.Get("ETag") != tag) {
				t.Errorf("%s %v: 304 with %q and %v", method, c.h, r.body, r.header)
			}
		}
	}
}

func TestWriteConditions(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fails("PUT", "/box/k", headers{"If-Match": "*"}, "0", 404, "NoSuchKey")
	one := a.ok("PUT", "/box/k", headers{"If-None-Match": "*"}, "1").header.Get("ETag")
	a.fails("PUT", "/box/k", headers{"If-None-Match": "*"}, "2", 412, "PreconditionFailed")
	a.fails("PUT", "/box/k", headers{"If-Match": `"0"`}, "2", 412, "PreconditionFailed")
	two := a.ok("PUT", "/box/k", headers{"If-Match": one}, "2").header.Get("ETag")
	a.fails("DELETE", "/box/k", headers{"If-Match": one}, "", 412, "PreconditionFailed")
	if r := a.ok("GET", "/box/k", nil, ""); r.body != "2" {
		t.Errorf("the object is %q", r.body)
	}
	a.ok("DELETE", "/box/k", headers{"If-Match": two}, "")
	a.absent("/box/k")
	if r := a.ok("DELETE", "/box/k", nil, ""); r.status != 204 {
		t.Errorf("DELETE of nothing = %d", r.status)
	}
}

// What a client says of its body is compared, and a difference leaves no object.
func TestPromisesOfTheBody(t *testing.T) {
	a := newAPI(t, s3.Options{})
	sum := md5.Sum([]byte("body"))
	right := base64.StdEncoding.EncodeToString(sum[:])
	a.ok("PUT", "/box/right", headers{"Content-MD5": right}, "body")
	for _, c := range []struct {
		h      headers
		status int
		code   string
	}{
		{headers{"Content-MD5": right}, 400, "BadDigest"},
		{headers{"Content-MD5": "short"}, 400, "InvalidDigest"},
		{headers{"x-amz-checksum-crc32": "AAAAAA=="}, 400, "BadDigest"},
		{headers{"x-amz-checksum-sha256": "AAAA"}, 400, "BadDigest"},
		{headers{"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="}, 400, "InvalidRequest"},
		{headers{"x-amz-sdk-checksum-algorithm": "CRC32"}, 400, "InvalidRequest"},
		{headers{"x-amz-content-sha256": strings.Repeat("0", 64)}, 400, "XAmzContentSHA256Mismatch"},
		{headers{"x-amz-content-sha256": "STREAMING-NEW-PAYLOAD"}, 400, ""},
	} {
		r := a.do("PUT", "/box/k", c.h, "another body")
		if r.status != c.status || c.code != "" && r.code() != c.code {
			t.Errorf("PUT %v = %d %s, want %d %s", c.h, r.status, r.body, c.status, c.code)
		}
		a.absent("/box/k")
	}
	r := a.ok("PUT", "/box/k", headers{"x-amz-checksum-crc32": "4GQZPg=="}, "another body")
	if r.header.Get("x-amz-checksum-crc32") != "4GQZPg==" || r.header.Get("x-amz-checksum-crc64nvme") != "" {
		t.Errorf("checksums told: %v", r.header)
	}
}

func TestTooLarge(t *testing.T) {
	a := newAPI(t, s3.Options{})
	r := a.request("PUT", "/box/k", headers{"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Expect": "100-continue"}, strings.NewReader("x"))
	r.ContentLength = 5<<30 + 1
	a.sign(r, "")
	// The refusal comes before the body is asked for.
	if got := a.send(r); got.status != 400 || got.code() != "EntityTooLarge" {
		t.Errorf("PUT of 5 GiB and a byte = %d %q", got.status, got.code())
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	a := newAPI(t, s3.Options{})
	conn := a.dial()
	r := a.request("PUT", "/box/k", headers{"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, strings.NewReader("0123456789"))
	a.sign(r, "")
	var raw strings.Builder
	must(t, r.Write(&raw))
	_, err := conn.Write([]byte(strings.TrimSuffix(raw.String(), "56789")))
	must(t, err)
	must(t, conn.CloseWrite())
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer := make([]byte, 4096)
	n, _ := conn.Read(answer)
	if got := string(answer[:n]); n > 0 && !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("a short body is answered with %q", got)
	}
	a.absent("/box/k")
}

func TestWriteConditionOnETag(t *testing.T) {
	a := newAPI(t, s3.Options{})
	tag := a.ok("PUT", "/box/k", headers{"If-None-Match": `"other"`}, "data").header.Get("ETag")
	a.fails("PUT", "/box/k", headers{"If-None-Match": tag}, "new", 412, "PreconditionFailed")
	a.fails("PUT", "/box/k", headers{"If-None-Match": strings.Trim(tag, `"`)}, "new", 412, "PreconditionFailed")
	a.ok("PUT", "/box/k", headers{"If-None-Match": `"other"`}, "new")
	a.fails("PUT", "/box/k", headers{"If-Match": tag}, "newer", 412, "PreconditionFailed")
}

// HeadBucket tells the directory that a bucket is, once someone has asked for it.
func TestHeadBucketTree(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/dir/k", nil, "x")
	if r := a.ok("HEAD", "/box", nil, ""); r.header.Get("X-Whypfs-Tree-Cid") != "" {
		t.Errorf("before anyone asked: %v", r.header)
	}
	b, err := a.buckets.Bucket(t.Context(), "box")
	must(t, err)
	tree, err := a.buckets.Tree(t.Context(), b, time.Minute)
	must(t, err)
	for _, pending := range []string{"false", "true"} {
		r := a.ok("HEAD", "/box", nil, "")
		if r.header.Get("X-Whypfs-Tree-Cid") != tree.Root.String() || r.header.Get("X-Whypfs-Tree-Pending") != pending {
			t.Errorf("HEAD = %v, want the tree %s, pending %s", r.header, tree.Root, pending)
		}
		a.ok("PUT", "/box/dir/later", nil, "x")
	}
}
