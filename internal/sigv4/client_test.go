package sigv4_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/whypfs/whypfs/internal/sigv4"
)

func bytesOf(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// sizes meet the edges of the clients' 64 KiB chunks.
var sizes = []int{0, 1, 65535, 65536, 65537, 300000, 2 << 20}

// TestMinioClient covers the streaming modes that minio-go chooses: signed
// chunks over http, the same with a trailer, and plain or trailing over https.
func TestMinioClient(t *testing.T) {
	modes := map[string]map[sigv4.Mode]bool{}
	for _, tls := range []bool{false, true} {
		for _, trailing := range []bool{false, true} {
			name := fmt.Sprintf("tls=%v trailing=%v", tls, trailing)
			modes[name] = map[sigv4.Mode]bool{}
			t.Run(name, func(t *testing.T) {
				c, s := newCapture(t, tls)
				client, err := minio.New(s.Listener.Addr().String(), &minio.Options{
					Creds:  miniocreds.NewStaticV4(docKey, docSecret, ""),
					Secure: tls, Transport: s.Client().Transport, Region: "us-east-1",
					TrailingHeaders: trailing, MaxRetries: 1,
				})
				if err != nil {
					t.Fatal(err)
				}
				for i, n := range sizes {
					data, key := bytesOf(n), oddKeys[i]
					// The server knows no real objects, so only its view counts.
					opt := minio.PutObjectOptions{UserMetadata: map[string]string{"note": "a  b"}}
					if trailing {
						opt.Checksum = minio.ChecksumCRC32C
					}
					_, err := client.PutObject(context.Background(), "bucket", key, bytes.NewReader(data), int64(n), opt)
					if c.req == nil || c.err != nil || !bytes.Equal(c.got, data) {
						t.Fatalf("%d bytes: server read %d: %v (client: %v)", n, len(c.got), c.err, err)
					}
					modes[name][c.req.Mode] = true
				}
				core := minio.Core{Client: client}
				data := bytesOf(100000)
				_, err = core.PutObjectPart(context.Background(), "bucket", "key", "id", 1, bytes.NewReader(data), int64(len(data)), minio.PutObjectPartOptions{})
				if c.req == nil || c.err != nil || !bytes.Equal(c.got, data) {
					t.Fatalf("part: server read %d: %v (client: %v)", len(c.got), c.err, err)
				}
				modes[name][c.req.Mode] = true
			})
		}
	}
	for name, mode := range map[string]sigv4.Mode{
		"tls=false trailing=false": sigv4.ModeStreamingSigned,
		"tls=false trailing=true":  sigv4.ModeStreamingSignedTrailer,
		"tls=true trailing=false":  sigv4.ModeUnsigned,
		"tls=true trailing=true":   sigv4.ModeStreamingUnsignedTrailer,
	} {
		if !modes[name][mode] {
			t.Errorf("%s: mode %d was not used, only %v", name, mode, modes[name])
		}
	}
}

// unseekable hides Seek, as a pipe does.
type unseekable struct{ io.Reader }

func newAWSClient(tls bool, t *testing.T) (*s3.Client, *capture) {
	c, s := newCapture(t, tls)
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.URL), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(docKey, docSecret, ""),
		HTTPClient:  s.Client(), RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
	}), c
}

func TestAWSClient(t *testing.T) {
	algorithms := []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256}
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", tls), func(t *testing.T) {
			client, c := newAWSClient(tls, t)
			for i, n := range append(sizes, sizes...) {
				data, key := bytesOf(n), oddKeys[i]
				in := &s3.PutObjectInput{
					Bucket: aws.String("bucket"), Key: aws.String(key), Body: bytes.NewReader(data),
					ChecksumAlgorithm: algorithms[i%len(algorithms)],
					Metadata:          map[string]string{"note": "a  b"},
				}
				if tls && i >= len(sizes) {
					in.Body, in.ContentLength = unseekable{in.Body}, aws.Int64(int64(n))
				}
				_, err := client.PutObject(context.Background(), in)
				if err != nil || !bytes.Equal(c.got, data) {
					t.Fatalf("key %q, %d bytes: server read %d: %v (client: %v)", key, n, len(c.got), c.err, err)
				}
				if want := sigv4.ModeStreamingUnsignedTrailer; tls && n > 0 && c.req.Mode != want {
					t.Errorf("key %q: mode %v, want %v", key, c.req.Mode, want)
				}
				if tls && n > 0 && len(c.body.Trailer()) != 1 {
					t.Errorf("key %q: trailers %v, want one", key, c.body.Trailer())
				}
			}
		})
	}
}

// TestAWSClientUnknownLength: no Content-Length and no decoded length.
func TestAWSClientUnknownLength(t *testing.T) {
	client, c := newAWSClient(true, t)
	data := strings.Repeat("0123456789", 50000)
	_, err := client.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: aws.String("bucket"), Key: aws.String("key"), Body: unseekable{strings.NewReader(data)},
	})
	if err != nil || string(c.got) != data {
		t.Fatalf("server read %d: %v (client: %v)", len(c.got), c.err, err)
	}
}
