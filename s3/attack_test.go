package s3_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/internal/stall"
	"github.com/whypfs/whypfs/s3"
)

// A condition that no object can meet keeps the object; it is not taken for no
// condition.
func TestConditionsThatNeverHold(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fill("k")
	etag := a.ok("HEAD", "/box/k", nil, "").header.Get("ETag")
	for _, tag := range []string{`""`, `"`, `"*"`, `W/` + etag} {
		h := headers{"If-Match": tag}
		a.fails("PUT", "/box/k", h, "other", 412, "PreconditionFailed")
		a.fails("DELETE", "/box/k", h, "", 412, "PreconditionFailed")
		r := a.deleteKeys(`<Delete><Object><Key>k</Key><ETag>`+tag+`</ETag></Object></Delete>`, nil)
		if got := parse[deleted](t, r); strings.Join(got.Codes, ",") != "PreconditionFailed" {
			t.Errorf("DeleteObjects with the ETag %s = %+v", tag, got)
		}
	}
	// The second of two lines counts as well.
	r := a.request("DELETE", "/box/k", nil, nil)
	r.Header["If-Match"] = []string{etag, `"other"`}
	if got := a.send(a.sign(r, "")); got.status != 501 {
		t.Errorf("DELETE with two If-Match lines = %d %s", got.status, got.code())
	}
	a.ok("DELETE", "/box/k", headers{"If-Match": etag}, "")
}

// A signature covers the values of a repeated header or parameter, but not
// which of them is the one that counts.
func TestRepeatedHeadersAndParameters(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fill("k", "other")
	for name, values := range map[string][]string{
		"X-Amz-Copy-Source":           {"/box/k", "/box/other"},
		"X-Amz-Storage-Class":         {"STANDARD", "STANDARD_IA"},
		"X-Amz-Acl":                   {"private", "public-read"},
		"X-Amz-Expected-Bucket-Owner": {"", "999999999999"},
	} {
		r := a.request("PUT", "/box/new", nil, strings.NewReader(""))
		r.Header[name] = values
		if got := a.send(a.sign(r, "")); got.status != 400 || got.code() != "InvalidRequest" {
			t.Errorf("PUT with %s: %q = %d %s", name, values, got.status, got.code())
		}
		a.absent("/box/new")
	}
	a.fails("GET", "/box?prefix=k&prefix=o", nil, "", 400, "InvalidArgument")
	a.fails("GET", "/box?list-type=2&list-type=1", nil, "", 400, "InvalidArgument")
	// Values of metadata are joined, as S3 does.
	r := a.request("PUT", "/box/new", nil, strings.NewReader(""))
	r.Header["X-Amz-Meta-A"] = []string{"1", "2"}
	if got := a.send(a.sign(r, "")); got.status != 200 {
		t.Errorf("PUT with metadata of two lines = %d %s", got.status, got.code())
	}
	if got := a.ok("HEAD", "/box/new", nil, "").header.Get("x-amz-meta-a"); got != "1,2" {
		t.Errorf("metadata = %q", got)
	}
}

// presigned makes a request by a presigned URL for the path and query.
func (a *api) presigned(method, target string, body string) *http.Request {
	a.t.Helper()
	r := a.request(method, target, nil, nil)
	q := r.URL.Query()
	q.Set("X-Amz-Expires", "60")
	r.URL.RawQuery = q.Encode()
	signed, _, err := v4.NewSigner().PresignHTTP(a.t.Context(), a.keys, r, "UNSIGNED-PAYLOAD", "s3", a.region, time.Now(),
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true; o.DisableHeaderHoisting = true })
	must(a.t, err)
	u, err := url.Parse(signed)
	must(a.t, err)
	out, err := http.NewRequestWithContext(a.t.Context(), method, a.url, strings.NewReader(body))
	must(a.t, err)
	out.URL = u
	return out
}

// The query of a presigned URL can hold what no header can.
func TestHoistedHeaders(t *testing.T) {
	a := newAPI(t, s3.Options{})
	if got := a.send(a.presigned("PUT", "/box/k?X-Amz-Meta-Good=yes", "data")); got.status != 200 {
		t.Fatalf("PUT = %d %s", got.status, got.body)
	}
	if got := a.ok("HEAD", "/box/k", nil, "").header.Get("x-amz-meta-good"); got != "yes" {
		t.Errorf("metadata = %q", got)
	}
	for _, query := range []string{
		"X-Amz-Meta-a%0d%0aSet-Cookie=1", "X-Amz-Meta-a%20b=1", "X-Amz-Meta-%C3%A9=1", "X-Amz-Meta-a:=1",
		"X-Amz-Copy-Source=/box/k&x-amz-copy-source=/box/k", "X-Amz-Acl=public-read", "x-amz-storage-class=STANDARD_IA",
	} {
		if got := a.send(a.presigned("PUT", "/box/new?"+query, "data")); got.status != 400 {
			t.Errorf("PUT ?%s = %d %s", query, got.status, got.body)
		}
		a.absent("/box/new")
	}
	// A value is encoded where it could break out of its header.
	if got := a.send(a.presigned("PUT", "/box/k?X-Amz-Meta-a=x%0d%0aSet-Cookie:%20y", "data")); got.status != 200 {
		t.Fatalf("PUT = %d %s", got.status, got.body)
	}
	got := a.ok("HEAD", "/box/k", nil, "").header
	if v := got.Get("x-amz-meta-a"); !strings.HasPrefix(v, "=?UTF-8?B?") || got.Get("Set-Cookie") != "" {
		t.Errorf("metadata = %q, cookie %q", v, got.Get("Set-Cookie"))
	}
}

// A body that stops leaves no object, and its client is told in S3's words.
func TestBodyThatStops(t *testing.T) {
	a := newAPI(t, s3.Options{})
	srv := httptest.NewServer(stall.Handler(s3.New(a.buckets, a.accounts, s3.Options{}), 100*time.Millisecond))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	for _, path := range []string{"/box/k", "/box/k?uploadId=" + a.begin("/box/k", nil) + "&partNumber=1"} {
		body, w := io.Pipe()
		t.Cleanup(func() { w.Close() })
		go w.Write([]byte("half"))
		r := a.request("PUT", path, headers{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}, body)
		r.ContentLength = 8
		if got := a.send(a.sign(r, "")); got.status != 400 || got.code() != "RequestTimeout" {
			t.Errorf("PUT %s of half a body = %d %s", path, got.status, got.code())
		}
	}
	a.absent("/box/k")
}

// Whose bucket is deleted while the body of a request about it arrives has no
// say over the bucket that another then makes under its name.
func TestBucketOfAnother(t *testing.T) {
	for target, body := range map[string]string{
		"/box?policy":            allow(`"*"`, "s3:*", "box/*"),
		"/box?versioning":        `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`,
		"/box?ownershipControls": writers,
		"/box?publicAccessBlock": `<PublicAccessBlockConfiguration></PublicAccessBlockConfiguration>`,
		"/box?encryption":        `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
		"/box/k":                 "data",
	} {
		ann := newAPI(t, s3.Options{})
		bob := ann.as("bob", accounts.LevelUser)
		r := ann.request("PUT", target, headers{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD", "Expect": "100-continue"}, nil)
		r.Body = io.NopCloser(&lateBody{strings.NewReader(body), func() { // read once the request was let in
			ann.ok("DELETE", "/box", nil, "")
			bob.ok("PUT", "/box", nil, "")
		}})
		r.ContentLength = int64(len(body))
		if got := ann.send(ann.sign(r, "")); got.status != 404 || got.code() != "NoSuchBucket" {
			t.Errorf("PUT %s to a bucket that is gone = %d %s", target, got.status, got.code())
		}
		b := bob.named("box")
		if b.Owner != bob.user.ID || b.Versioning != "" || len(b.Documents) > 0 {
			t.Errorf("PUT %s left bob's bucket as %+v", target, b)
		}
		bob.absent("/box/k")
	}
}

// lateBody calls first before it is read.
type lateBody struct {
	io.Reader
	first func()
}

func (l *lateBody) Read(p []byte) (int, error) {
	if l.first != nil {
		l.first()
		l.first = nil
	}
	return l.Reader.Read(p)
}
