package s3_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

// damage changes a byte in every place where needle is stored.
func (a *api) damage(needle string) {
	a.t.Helper()
	found := 0
	err := filepath.WalkDir(filepath.Join(a.dir, "blocks"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		for from := 0; ; {
			i := strings.Index(string(data[from:]), needle)
			if i < 0 {
				return nil
			}
			found++
			from += i + 1
			if _, err := f.WriteAt([]byte{'!'}, int64(from)); err != nil {
				return err
			}
		}
	})
	must(a.t, err)
	if found == 0 {
		a.t.Fatalf("%q is not stored", needle)
	}
}

// A download that fails half way must not look whole, nor end in an error text.
func TestDownloadThatFailsIsCut(t *testing.T) {
	a := newAPI(t, s3.Options{})
	body := partBody(1, 3<<20) + "the damaged place" + partBody(2, 2<<20)
	a.ok("PUT", "/box/k", nil, body)
	a.damage("the damaged place")
	for _, h := range []headers{nil, {"Range": "bytes=100-"}, {"Range": fmt.Sprintf("bytes=0-%d", len(body)-2)}} {
		r := a.do("GET", "/box/k", h, "")
		if r.err == nil || r.status/100 != 2 {
			t.Errorf("GET %v of a damaged object = %d, %d bytes, %v; want a cut body", h, r.status, len(r.body), r.err)
		}
		if !strings.Contains(body, r.body) || strings.Contains(r.body, "<?xml") {
			t.Errorf("GET %v gave bytes that are not the object's", h)
		}
	}
	// What lies before the damage is still served.
	if r := a.ok("GET", "/box/k", headers{"Range": "bytes=0-99"}, ""); r.body != body[:100] {
		t.Errorf("GET before the damage = %q", r.body)
	}
}

// When not even the first byte can be had the answer is an error like any other.
func TestDownloadThatCannotBegin(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", headers{"Content-Type": "text/css"}, "the only block")
	a.ok("PUT", "/box/more", nil, partBody(1, 16<<10)) // the last page written is still in memory
	a.damage("the only block")
	r := a.fails("GET", "/box/k", nil, "", 500, "InternalError")
	if strings.Contains(r.body, "damaged") || r.header.Get("ETag") != "" || r.header.Get("Content-Type") != "application/xml" {
		t.Errorf("the error tells %v %s", r.header, r.body)
	}
}

// chunked is a body in unsigned aws-chunked framing.
func chunked(trailer string, chunks ...string) string {
	var b strings.Builder
	for _, c := range chunks {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(c), c)
	}
	b.WriteString("0\r\n")
	if trailer != "" {
		b.WriteString(trailer + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func TestChunkedBodies(t *testing.T) {
	a := newAPI(t, s3.Options{})
	id := a.begin("/box/k", nil)
	mode := func(extra ...string) headers {
		h := headers{"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked",
			"x-amz-trailer": "x-amz-checksum-crc32"}
		for i := 0; i < len(extra); i += 2 {
			h[extra[i]] = extra[i+1]
		}
		return h
	}
	sum := "x-amz-checksum-crc32:" + crc("hello world")
	good := chunked(sum, "hello ", "world")
	for _, target := range []string{"/box/k", "/box/k?partNumber=1&uploadId=" + id} {
		for _, c := range []struct {
			name string
			h    headers
			body string
			code string
		}{
			{"another checksum", mode(), chunked("x-amz-checksum-crc32:AAAAAA==", "hello world"), "BadDigest"},
			{"no trailer", mode(), chunked("", "hello world"), ""},
			{"no end", mode(), strings.TrimSuffix(good, "0\r\n"+sum+"\r\n\r\n"), ""},
			{"another length", mode("x-amz-decoded-content-length", "12"), good, ""},
			{"another MD5", mode("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="), good, "BadDigest"},
			{"a header and a trailer", mode("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="), good, "InvalidRequest"},
			{"not framed", mode(), "hello world", ""},
		} {
			r := a.do("PUT", target, c.h, c.body)
			if r.status != 400 || c.code != "" && r.code() != c.code {
				t.Errorf("PUT %s, %s = %d %s", target, c.name, r.status, r.body)
			}
		}
		a.absent("/box/k")
	}
	for _, h := range []headers{mode(), mode("x-amz-decoded-content-length", "11")} {
		r := a.ok("PUT", "/box/k", h, good)
		if r.header.Get("x-amz-checksum-crc32") != crc("hello world") {
			t.Errorf("PUT: %v", r.header)
		}
		r = a.ok("GET", "/box/k", nil, "")
		if r.body != "hello world" || r.header.Get("Content-Encoding") != "" {
			t.Errorf("GET = %q %v", r.body, r.header)
		}
		a.part("/box/k", id, 1, good, h)
		if l := parse[listedParts](t, a.ok("GET", "/box/k?uploadId="+id, nil, "")); fmt.Sprint(l.Sizes) != "[11]" {
			t.Errorf("parts = %+v", l)
		}
	}
}
