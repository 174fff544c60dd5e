package s3_test

import (
	"testing"

	"github.com/whypfs/whypfs/s3"
)

type copied struct {
	ETag, LastModified, ChecksumCRC64NVME, ChecksumSHA256 string
}

func TestCopy(t *testing.T) {
	a := newAPI(t, s3.Options{})
	put := a.ok("PUT", "/box/src+1%20x", headers{"Content-Type": "text/css", "x-amz-meta-a": "1"}, "body")
	a.ok("PUT", "/other", nil, "")

	r := a.ok("PUT", "/other/k", headers{"x-amz-copy-source": "/box/src+1%20x", "Content-Type": "ignored/here", "x-amz-meta-b": "2"}, "")
	got := parse[copied](t, r)
	if got.ETag != put.header.Get("ETag") || got.ChecksumCRC64NVME != put.header.Get("x-amz-checksum-crc64nvme") ||
		r.header.Get("x-amz-meta-cid") != put.header.Get("x-amz-meta-cid") {
		t.Errorf("copy = %+v %v", got, r.header)
	}
	h := a.ok("GET", "/other/k", nil, "")
	if h.body != "body" || h.header.Get("Content-Type") != "text/css" || h.header.Get("x-amz-meta-a") != "1" || h.header.Get("x-amz-meta-b") != "" {
		t.Errorf("the copy = %q %v", h.body, h.header)
	}

	a.ok("PUT", "/other/k2", headers{"x-amz-copy-source": "box/src%2B1%20x?versionId=null", "x-amz-metadata-directive": "REPLACE", "x-amz-meta-b": "2"}, "")
	h = a.ok("GET", "/other/k2", nil, "")
	if h.body != "body" || h.header.Get("Content-Type") != "binary/octet-stream" || h.header.Get("x-amz-meta-a") != "" || h.header.Get("x-amz-meta-b") != "2" {
		t.Errorf("the copy with new metadata = %q %v", h.body, h.header)
	}

	self := "/box/src+1%20x"
	a.fails("PUT", self, headers{"x-amz-copy-source": self}, "", 400, "InvalidRequest")
	a.ok("PUT", self, headers{"x-amz-copy-source": self, "x-amz-metadata-directive": "REPLACE", "x-amz-meta-c": "3"}, "")
	if h = a.ok("GET", self, nil, ""); h.body != "body" || h.header.Get("x-amz-meta-c") != "3" || h.header.Get("x-amz-meta-a") != "" {
		t.Errorf("the copy onto itself = %q %v", h.body, h.header)
	}

	r = a.ok("PUT", "/other/sum", headers{"x-amz-copy-source": self, "x-amz-checksum-algorithm": "SHA256"}, "")
	if got = parse[copied](t, r); got.ChecksumSHA256 != "Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=" {
		t.Errorf("copy with a checksum = %+v", got)
	}
}

func TestCopyRefuses(t *testing.T) {
	a := newAPI(t, s3.Options{})
	tag := a.ok("PUT", "/box/src", nil, "body").header.Get("ETag")
	const past, future = "Thu, 01 Dec 1994 16:00:00 GMT", "Thu, 01 Dec 2094 16:00:00 GMT"
	for _, c := range []struct {
		h      headers
		status int
		code   string
	}{
		{headers{"x-amz-copy-source": "box/none"}, 404, "NoSuchKey"},
		{headers{"x-amz-copy-source": "none/src"}, 404, "NoSuchBucket"},
		{headers{"x-amz-copy-source": "box"}, 400, "InvalidArgument"},
		{headers{"x-amz-copy-source": "box/%zz"}, 400, "InvalidArgument"},
		{headers{"x-amz-copy-source": "box/src?versionId=7"}, 400, "InvalidArgument"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-metadata-directive": "MERGE"}, 400, "InvalidArgument"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-copy-source-if-match": `"a"`}, 412, "PreconditionFailed"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-copy-source-if-none-match": tag}, 412, "PreconditionFailed"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-copy-source-if-modified-since": future}, 412, "PreconditionFailed"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-copy-source-if-unmodified-since": past}, 412, "PreconditionFailed"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-source-expected-bucket-owner": "999999999999"}, 403, "AccessDenied"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-copy-source-server-side-encryption-customer-algorithm": "AES256"}, 501, "NotImplemented"},
		{headers{"x-amz-copy-source": "box/src", "x-amz-checksum-algorithm": "CRC99"}, 400, "InvalidRequest"},
	} {
		a.fails("PUT", "/box/dst", c.h, "", c.status, c.code)
		a.absent("/box/dst")
	}
	a.ok("PUT", "/box/dst", headers{"x-amz-copy-source": "box/src", "x-amz-copy-source-if-match": tag, "x-amz-copy-source-if-unmodified-since": past}, "")
	a.fails("PUT", "/box/dst", headers{"x-amz-copy-source": "box/src", "If-None-Match": "*"}, "", 412, "PreconditionFailed")
}

// TestCopyKeepsItsOwn checks that what belongs to the source alone is not copied.
func TestCopyKeepsItsOwn(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", headers{
		"x-amz-website-redirect-location": "/other", "x-amz-server-side-encryption": "AES256", "Cache-Control": "max-age=9",
	}, "data")
	a.ok("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/k"}, "")
	h := a.ok("HEAD", "/box/copy", nil, "").header
	if h.Get("x-amz-website-redirect-location") != "" || h.Get("x-amz-server-side-encryption") != "" || h.Get("Cache-Control") != "max-age=9" {
		t.Errorf("the copy has %v", h)
	}
	a.ok("PUT", "/box/k", headers{"x-amz-copy-source": "/box/k", "x-amz-website-redirect-location": "https://a.example/"}, "")
	h = a.ok("HEAD", "/box/k", nil, "").header
	if h.Get("x-amz-website-redirect-location") != "https://a.example/" || h.Get("Cache-Control") != "max-age=9" {
		t.Errorf("the object copied onto itself has %v", h)
	}
}
