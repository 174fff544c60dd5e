package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/whypfs/whypfs/s3"
)

// clients are two S3 SDKs of the same user at one server. What they send by
// default differs between http and https, so most tests run with both.
type clients struct {
	*api
	tls   bool
	aws   *awss3.Client
	minio *minio.Client
	wire  *wire
}

// A wire is the network between clients and server. It can be made to harm
// request bodies; nil passes them on.
type wire struct {
	next http.RoundTripper
	harm func(body []byte) io.Reader
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.harm != nil && r.Body != nil && r.Body != http.NoBody {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(w.harm(data))
	}
	return w.next.RoundTrip(r)
}

const (
	overHTTP  = "http"
	overTLS   = "https"
	overHTTP2 = "h2" // has neither Host nor Transfer-Encoding
)

// eachScheme runs test over http and HTTP/2, or over the schemes named.
func eachScheme(t *testing.T, test func(t *testing.T, c *clients), schemes ...string) {
	if schemes == nil {
		schemes = []string{overHTTP, overHTTP2}
	}
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) { test(t, newClients(t, scheme, minio.Options{})) })
	}
}

func newClients(t *testing.T, scheme string, opt minio.Options) *clients {
	t.Helper()
	a := newAPI(t, s3.Options{})
	srv := httptest.NewUnstartedServer(s3.New(a.buckets, a.accounts, s3.Options{}))
	tls := scheme != overHTTP
	if tls {
		srv.EnableHTTP2 = scheme == overHTTP2
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	opt.Creds = miniocreds.NewStaticV4(a.keys.AccessKeyID, a.keys.SecretAccessKey, "")
	w := &wire{next: srv.Client().Transport}
	opt.Secure, opt.Transport, opt.MaxRetries = tls, w, 1
	m, err := minio.New(srv.Listener.Addr().String(), &opt)
	must(t, err)
	return &clients{api: a, tls: tls, minio: m, wire: w, aws: awss3.New(awss3.Options{
		BaseEndpoint: aws.String(srv.URL), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(a.keys.AccessKeyID, a.keys.SecretAccessKey, ""),
		HTTPClient:  &http.Client{Transport: w}, RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	})}
}

const box = "box"

// clientKeys are keys that signers, proxies and routers trip over.
var clientKeys = []string{
	"plain.txt", "with space", "plus+plus", "percent%25 and %zz", "ünïcode/日本語/🙂", "//double//slash/",
	"tilde~under_score-dash.dot", `quotes"and'ticks`, "a/../b/./c", "semi;colon,comma=equals&amp",
	"question?mark#hash", "(paren)[bracket]{brace}!*$@:", `back\slash|pipe^caret`, "<xml>&entity;", "trailing space ",
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// pipe hides everything but Read, as a program's output does.
type pipe struct{ io.Reader }

// put stores data through the AWS SDK, from a pipe where the SDK can do that.
func (c *clients) put(key string, data []byte) *awss3.PutObjectOutput {
	c.t.Helper()
	out, err := c.aws.PutObject(context.Background(), &awss3.PutObjectInput{
		Bucket: aws.String(box), Key: aws.String(key), Body: bytes.NewReader(data),
	})
	if err != nil {
		c.t.Fatalf("put %q: %v", key, err)
	}
	return out
}

// wantObject reads key through both SDKs, which verify checksums by themselves.
func (c *clients) wantObject(t *testing.T, key string, data []byte) *awss3.GetObjectOutput {
	t.Helper()
	out, err := c.aws.GetObject(context.Background(), &awss3.GetObjectInput{
		Bucket: aws.String(box), Key: aws.String(key), ChecksumMode: "ENABLED",
	})
	if err != nil {
		t.Errorf("get %q: %v", key, err)
		return &awss3.GetObjectOutput{}
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("get %q: %d bytes, %v, want %d", key, len(got), err, len(data))
	}
	o, err := c.minio.GetObject(context.Background(), box, key, minio.GetObjectOptions{Checksum: true})
	must(t, err)
	defer o.Close()
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, data) {
		t.Errorf("get %q by minio-go: %d bytes, %v, want %d", key, len(got), err, len(data))
	}
	return out
}

// wantNone checks that key does not exist.
func (c *clients) wantNone(t *testing.T, key string) {
	t.Helper()
	_, err := c.aws.HeadObject(context.Background(), &awss3.HeadObjectInput{Bucket: aws.String(box), Key: aws.String(key)})
	if s := apiCode(err); s != "NotFound" {
		t.Errorf("head %q: %v, want NotFound", key, err)
	}
}

// apiCode is the S3 error code of err, or what it says otherwise.
func apiCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if e := minio.ToErrorResponse(err); err != nil && e.Code != "" {
		return e.Code
	}
	return fmt.Sprint(err)
}

func wantAPICode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if got := apiCode(err); got != code {
		t.Errorf("%s: %s (%v), want %s", what, got, err, code)
	}
}
