package s3_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
)

func TestClientsPresigned(t *testing.T) {
	c := newClients(t, overHTTP, minio.Options{})
	ctx := context.Background()
	sign := awss3.NewPresignClient(c.aws)
	send := func(method, u string, h http.Header, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, u, strings.NewReader(body))
		must(t, err)
		for name, v := range h {
			if name != "Host" {
				r.Header[name] = v
			}
		}
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		must(t, err)
		return res.StatusCode, string(got)
	}
	for _, key := range clientKeys {
		put, err := sign.PresignPutObject(ctx, &awss3.PutObjectInput{
			Bucket: aws.String(box), Key: aws.String(key), Metadata: map[string]string{"a": "b"},
		}, awss3.WithPresignExpires(time.Minute))
		must(t, err)
		if status, body := send("PUT", put.URL, put.SignedHeader, "by url"); status != 200 {
			t.Errorf("put %q: %d %s", key, status, body)
			continue
		}
		if got := c.wantObject(t, key, []byte("by url")); got.Metadata["a"] != "b" {
			t.Errorf("put %q: metadata %v", key, got.Metadata)
		}
		get, err := sign.PresignGetObject(ctx, &awss3.GetObjectInput{
			Bucket: aws.String(box), Key: aws.String(key), ResponseContentType: aws.String("text/odd; a=b"),
		})
		must(t, err)
		if status, body := send("GET", get.URL, get.SignedHeader, ""); status != 200 || body != "by url" {
			t.Errorf("get %q: %d %s", key, status, body)
		}
		for _, altered := range []string{get.URL + "&versionId=x", strings.Replace(get.URL, "/box/", "/box/x", 1), strings.Replace(get.URL, "text%2Fodd", "text%2Fhtml", 1)} {
			if status, _ := send("GET", altered, get.SignedHeader, ""); status != 403 {
				t.Errorf("altered %s: %d", altered, status)
			}
		}
		if status, _ := send("DELETE", get.URL, get.SignedHeader, ""); status != 403 {
			t.Errorf("delete by the URL of a get: %d", status)
		}
		// A URL for a PUT must not become one for a copy of something else.
		h := put.SignedHeader.Clone()
		h.Set("X-Amz-Copy-Source", "/box/other")
		if status, _ := send("PUT", put.URL, h, ""); status != 403 {
			t.Errorf("copy by the URL of a put: %d", status)
		}

		u, err := c.minio.PresignedPutObject(ctx, box, "m/"+key, time.Minute)
		must(t, err)
		if status, body := send("PUT", u.String(), nil, "by minio"); status != 200 {
			t.Errorf("put %q by minio-go: %d %s", key, status, body)
		}
		u, err = c.minio.PresignedGetObject(ctx, box, "m/"+key, time.Minute, url.Values{"response-content-disposition": {`attachment; filename="a b.txt"`}})
		must(t, err)
		if status, body := send("GET", u.String(), nil, ""); status != 200 || body != "by minio" {
			t.Errorf("get %q by minio-go: %d %s", key, status, body)
		}
	}
}
