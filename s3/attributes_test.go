package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

type objectAttributes struct {
	ETag         string
	CRC64NVME    string `xml:"Checksum>ChecksumCRC64NVME"`
	SHA256       string `xml:"Checksum>ChecksumSHA256"`
	SumType      string `xml:"Checksum>ChecksumType"`
	StorageClass string
	ObjectSize   string
	Parts        *struct {
		PartsCount, PartNumberMarker, NextPartNumberMarker, MaxParts int
		IsTruncated                                                  bool
		Part                                                         []struct {
			PartNumber, Size int
			ChecksumSHA256   string
		}
	} `xml:"ObjectParts"`
}

const allAttributes = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"

func TestObjectAttributes(t *testing.T) {
	a := newAPI(t, s3.Options{})
	put := a.ok("PUT", "/box/k", nil, "data").header
	r := a.ok("GET", "/box/k?attributes", headers{"x-amz-object-attributes": allAttributes}, "")
	got := parse[objectAttributes](t, r)
	if `"`+got.ETag+`"` != put.Get("ETag") || got.CRC64NVME != put.Get("x-amz-checksum-crc64nvme") || got.SumType != "FULL_OBJECT" ||
		got.StorageClass != "STANDARD" || got.ObjectSize != "4" || got.Parts != nil {
		t.Errorf("attributes are %+v", got)
	}
	if _, err := http.ParseTime(r.header.Get("Last-Modified")); err != nil || r.header.Get("ETag") != "" {
		t.Errorf("headers are %v", r.header)
	}
	// Only what was asked for is told, here by a header for each.
	req := a.request("GET", "/box/k?attributes", nil, nil)
	req.Header["X-Amz-Object-Attributes"] = []string{"ETag", "ObjectSize"}
	r = a.send(a.sign(req, ""))
	if got := parse[objectAttributes](t, r); r.status != 200 || got.ETag == "" || got.ObjectSize != "4" || got.CRC64NVME != "" || got.StorageClass != "" {
		t.Errorf("two attributes = %d %+v", r.status, got)
	}
	a.fails("GET", "/box/k?attributes", nil, "", 400, "InvalidRequest")
	a.fails("GET", "/box/k?attributes", headers{"x-amz-object-attributes": "ETag,Colour"}, "", 400, "InvalidArgument")
	a.fails("GET", "/box/none?attributes", headers{"x-amz-object-attributes": "ETag"}, "", 404, "NoSuchKey")
}

func TestObjectAttributesOfParts(t *testing.T) {
	a := newAPI(t, s3.Options{})
	bodies := []string{strings.Repeat("a", 5<<20), strings.Repeat("b", 5<<20), "c"}
	id := parse[struct{ UploadId string }](t, a.ok("POST", "/box/k?uploads", headers{"x-amz-checksum-algorithm": "SHA256"}, "")).UploadId
	var doc strings.Builder
	var sums []string
	for i, body := range bodies {
		n := string(rune('1' + i))
		h := a.ok("PUT", "/box/k?partNumber="+n+"&uploadId="+id, nil, body).header
		sums = append(sums, h.Get("x-amz-checksum-sha256"))
		doc.WriteString("<Part><PartNumber>" + n + "</PartNumber><ETag>" + h.Get("ETag") + "</ETag></Part>")
	}
	a.ok("POST", "/box/k?uploadId="+id, nil, "<CompleteMultipartUpload>"+doc.String()+"</CompleteMultipartUpload>")

	page := func(h headers) objectAttributes {
		h["x-amz-object-attributes"] = allAttributes
		return parse[objectAttributes](t, a.ok("GET", "/box/k?attributes", h, ""))
	}
	got := page(headers{})
	if got.SumType != "COMPOSITE" || !strings.HasSuffix(got.SHA256, "-3") || got.Parts == nil || got.Parts.PartsCount != 3 ||
		len(got.Parts.Part) != 3 || got.Parts.IsTruncated || got.Parts.MaxParts != 1000 {
		t.Fatalf("attributes are %+v", got)
	}
	for i, p := range got.Parts.Part {
		if p.PartNumber != i+1 || p.Size != len(bodies[i]) || p.ChecksumSHA256 != sums[i] {
			t.Errorf("part %d is %+v, want checksum %s", i+1, p, sums[i])
		}
	}
	p := page(headers{"x-amz-max-parts": "1", "x-amz-part-number-marker": "1"}).Parts
	if len(p.Part) != 1 || p.Part[0].PartNumber != 2 || !p.IsTruncated || p.NextPartNumberMarker != 2 || p.PartNumberMarker != 1 {
		t.Errorf("the second page is %+v", p)
	}
	if p = page(headers{"x-amz-part-number-marker": "9999"}).Parts; len(p.Part) != 0 || p.IsTruncated {
		t.Errorf("the page after the last is %+v", p)
	}
	a.fails("GET", "/box/k?attributes", headers{"x-amz-object-attributes": allAttributes, "x-amz-max-parts": "-1"}, "", 400, "InvalidArgument")

	// One part by its number comes with its own checksum.
	r := a.ok("GET", "/box/k?partNumber=3", headers{"x-amz-checksum-mode": "ENABLED"}, "")
	if r.body != "c" || r.header.Get("x-amz-checksum-sha256") != sums[2] || r.header.Get("x-amz-mp-parts-count") != "3" {
		t.Errorf("part 3 = %q %v", r.body, r.header)
	}
}

func TestConditionalDelete(t *testing.T) {
	a := newAPI(t, s3.Options{})
	const past = "Thu, 01 Dec 1994 16:00:00 GMT"
	tag := a.ok("PUT", "/box/k", nil, "data").header.Get("ETag")
	modified := a.ok("HEAD", "/box/k", nil, "").header.Get("Last-Modified")
	for _, c := range []struct {
		h    headers
		want int
	}{
		{headers{"If-Match": `"other"`}, 412},
		{headers{"x-amz-if-match-size": "5"}, 412},
		{headers{"x-amz-if-match-size": "many"}, 400},
		{headers{"x-amz-if-match-last-modified-time": past}, 412},
		{headers{"x-amz-if-match-last-modified-time": "today"}, 400},
		{headers{"If-Match": tag, "x-amz-if-match-size": "5"}, 412},
	} {
		if r := a.do("DELETE", "/box/k", c.h, ""); r.status != c.want {
			t.Errorf("DELETE with %v = %d, want %d", c.h, r.status, c.want)
		}
		a.ok("HEAD", "/box/k", nil, "")
	}
	a.ok("DELETE", "/box/k", headers{"If-Match": tag, "x-amz-if-match-size": "4", "x-amz-if-match-last-modified-time": modified}, "")
	a.absent("/box/k")
	a.ok("DELETE", "/box/k", headers{"x-amz-if-match-size": "4"}, "")
	a.fails("DELETE", "/box/k", headers{"If-Match": tag}, "", 404, "NoSuchKey")
}
