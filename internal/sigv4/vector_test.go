package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/sigv4"
)

// The examples of the Amazon S3 API Reference, "Authenticating Requests (AWS
// Signature Version 4)", with the key, secret and time it uses.
const (
	docKey    = "AKIAIOSFODNN7EXAMPLE"
	docSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	docCred   = "Credential=" + docKey + "/20130524/us-east-1/s3/aws4_request"
	emptySum  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var docTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func docOptions() sigv4.Options {
	return sigv4.Options{Region: "us-east-1", Now: func() time.Time { return docTime }}
}

func docKeys(_ context.Context, key string) (string, error) {
	if key != docKey {
		return "", fmt.Errorf("%q: %w", key, sigv4.ErrNoKey)
	}
	return docSecret, nil
}

// request parses head as a server would, so that headers are where net/http
// puts them.
func request(t testing.TB, head string, body io.Reader) *http.Request {
	t.Helper()
	head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), body)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	e := (*sigv4.Error)(nil)
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%s: error %v, want %s", what, err, code)
	}
}

const (
	docGet = `GET /test.txt HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Authorization: AWS4-HMAC-SHA256 ` + docCred + `,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41
Range: bytes=0-9
x-amz-content-sha256: ` + emptySum + `
x-amz-date: 20130524T000000Z`

	docPut = `PUT /test$file.text HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Date: Fri, 24 May 2013 00:00:00 GMT
Authorization: AWS4-HMAC-SHA256 ` + docCred + `,SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd
x-amz-date: 20130524T000000Z
x-amz-storage-class: REDUCED_REDUNDANCY
x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072
Content-Length: 21`

	docLifecycle = `GET /?lifecycle HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Authorization: AWS4-HMAC-SHA256 ` + docCred + `,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543
x-amz-date: 20130524T000000Z
x-amz-content-sha256: ` + emptySum

	docList = `GET /?max-keys=2&prefix=J HTTP/1.1
Host: examplebucket.s3.amazonaws.com
Authorization: AWS4-HMAC-SHA256 ` + docCred + `,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7
x-amz-date: 20130524T000000Z
x-amz-content-sha256: ` + emptySum

	docPresigned = `GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=` + docKey + `%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1
Host: examplebucket.s3.amazonaws.com`

	docChunked = `PUT /examplebucket/chunkObject.txt HTTP/1.1
Host: s3.amazonaws.com
x-amz-date: 20130524T000000Z
x-amz-storage-class: REDUCED_REDUNDANCY
Authorization: AWS4-HMAC-SHA256 ` + docCred + `,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9
x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD
Content-Encoding: aws-chunked
x-amz-decoded-content-length: 66560
Content-Length: 66824`

	docTrailer = `PUT /examplebucket/chunkObject.txt HTTP/1.1
Host: s3.amazonaws.com
x-amz-date: 20130524T000000Z
x-amz-storage-class: REDUCED_REDUNDANCY
Authorization: AWS4-HMAC-SHA256 ` + docCred + `,SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e
x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
Content-Encoding: aws-chunked
x-amz-decoded-content-length: 66560
x-amz-trailer: x-amz-checksum-crc32c
Connection: close
Content-Length: 66942`
)

func docChunks(sigs ...string) string {
	return "10000;chunk-signature=" + sigs[0] + "\r\n" + strings.Repeat("a", 65536) + "\r\n" +
		"400;chunk-signature=" + sigs[1] + "\r\n" + strings.Repeat("a", 1024) + "\r\n" +
		"0;chunk-signature=" + sigs[2] + "\r\n"
}

func TestDocumentedRequests(t *testing.T) {
	for _, c := range []struct {
		name, head string
		mode       sigv4.Mode
		presigned  bool
	}{
		{"get", docGet, sigv4.ModeSigned, false},
		{"put", docPut, sigv4.ModeSigned, false},
		{"lifecycle", docLifecycle, sigv4.ModeSigned, false},
		{"list", docList, sigv4.ModeSigned, false},
		{"presigned", docPresigned, sigv4.ModeUnsigned, true},
		{"chunked", docChunked, sigv4.ModeStreamingSigned, false},
		{"trailer", docTrailer, sigv4.ModeStreamingSignedTrailer, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := sigv4.Verify(request(t, c.head, http.NoBody), docKeys, docOptions())
			if err != nil {
				t.Fatal(err)
			}
			if q.AccessKey != docKey || q.Anonymous || q.Presigned != c.presigned || q.Mode != c.mode {
				t.Errorf("Verify = %+v, want key %s, presigned %v, mode %v", q, docKey, c.presigned, c.mode)
			}
			if s := fmt.Sprintf("%+v %#v", q, q); strings.Contains(s, docSecret) {
				t.Errorf("a printed request shows its secret: %s", s)
			}
		})
	}
}

func TestDocumentedBodies(t *testing.T) {
	for _, c := range []struct{ name, head, body, trailer string }{
		{
			"put", docPut, "Welcome to Amazon S3.", "",
		},
		{
			"chunked", docChunked,
			docChunks("ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
				"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
				"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9") + "\r\n", "",
		},
		{
			"trailer", docTrailer,
			docChunks("b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
				"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
				"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992") +
				"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
			"sOO8/Q==",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			head := strings.ReplaceAll(c.head, "66942", fmt.Sprint(len(c.body)))
			r := request(t, head, strings.NewReader(c.body))
			q, err := sigv4.Verify(r, docKeys, docOptions())
			if err != nil {
				t.Fatal(err)
			}
			b, err := q.Body(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.ReadAll(1 << 20)
			if err != nil {
				t.Fatal(err)
			}
			want := []byte(c.body)
			if b.Hash() == nil {
				want = bytes.Repeat([]byte("a"), 66560)
			}
			if !bytes.Equal(got, want) || b.Size() != int64(len(want)) {
				t.Errorf("read %d bytes of declared %d, want %d", len(got), b.Size(), len(want))
			}
			if got := b.Trailer().Get("x-amz-checksum-crc32c"); got != c.trailer {
				t.Errorf("trailer %q, want %q", got, c.trailer)
			}
		})
	}
}
