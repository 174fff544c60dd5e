package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
)

// TestClientsRoundTrip: what one client puts, both get, byte for byte, under
// keys and at sizes that are on some edge.
func TestClientsRoundTrip(t *testing.T) {
	sizes := []int{0, 1, 65535, 65536, 65537, 300000, 1<<20 - 1, 1 << 20, 1<<20 + 1}
	eachScheme(t, func(t *testing.T, c *clients) {
		for i, key := range clientKeys {
			data := randomBytes(sizes[i%len(sizes)])
			sum := md5.Sum(data)
			want := hex.EncodeToString(sum[:])
			out := c.put(key, data)
			if got := strings.Trim(aws.ToString(out.ETag), `"`); got != want {
				t.Errorf("put %q: ETag %s, want %s", key, got, want)
			}
			got := c.wantObject(t, key, data)
			if etag := strings.Trim(aws.ToString(got.ETag), `"`); etag != want || got.Metadata["cid"] == "" {
				t.Errorf("get %q: ETag %s, cid %q, want %s and one", key, etag, got.Metadata["cid"], want)
			}
			other := randomBytes(sizes[(i+3)%len(sizes)])
			info, err := c.minio.PutObject(context.Background(), box, "m/"+key, bytes.NewReader(other), int64(len(other)), minio.PutObjectOptions{
				ContentType: "text/x-odd", UserMetadata: map[string]string{"note": "two  words"},
			})
			if err != nil || info.Size != int64(len(other)) {
				t.Errorf("put %q by minio-go: %+v, %v", key, info, err)
			}
			got = c.wantObject(t, "m/"+key, other)
			if aws.ToString(got.ContentType) != "text/x-odd" || strings.Join(strings.Fields(got.Metadata["note"]), " ") != "two words" ||
				aws.ToString(got.ContentEncoding) != "" {
				t.Errorf("get %q: type %q, encoding %q, metadata %v", key, aws.ToString(got.ContentType), aws.ToString(got.ContentEncoding), got.Metadata)
			}
			head, err := c.minio.StatObject(context.Background(), box, "m/"+key, minio.StatObjectOptions{})
			if err != nil || head.Size != int64(len(other)) || head.Key != "m/"+key {
				t.Errorf("stat %q: %+v, %v", key, head, err)
			}
		}
		for _, key := range clientKeys {
			_, err := c.aws.DeleteObject(context.Background(), &awss3.DeleteObjectInput{Bucket: aws.String(box), Key: aws.String(key)})
			must(t, err)
			c.wantNone(t, key)
			must(t, c.minio.RemoveObject(context.Background(), box, "m/"+key, minio.RemoveObjectOptions{}))
			c.wantNone(t, "m/"+key)
		}
	}, overHTTP, overTLS, overHTTP2)
}

// TestClientsTrailingHeaders is minio-go as mc and warp set it up: signed
// chunks with a signed trailer over http, unsigned ones over https.
func TestClientsTrailingHeaders(t *testing.T) {
	for _, scheme := range []string{overHTTP, overTLS} {
		c := newClients(t, scheme, minio.Options{TrailingHeaders: true})
		for _, n := range []int{0, 1, 65536, 200000} {
			data := randomBytes(n)
			for _, sum := range []minio.ChecksumType{minio.ChecksumNone, minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumSHA1, minio.ChecksumSHA256, minio.ChecksumCRC64NVME} {
				key := fmt.Sprintf("%d-%s", n, sum)
				_, err := c.minio.PutObject(context.Background(), box, key, bytes.NewReader(data), int64(n), minio.PutObjectOptions{Checksum: sum})
				if err != nil {
					t.Errorf("%s, put %s: %v", scheme, key, err)
					continue
				}
				c.wantObject(t, key, data)
			}
		}
	}
}

func TestClientsChecksums(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		data := randomBytes(100000)
		for _, algorithm := range types.ChecksumAlgorithm("").Values() {
			key := string(algorithm)
			if key == "MD5" || strings.HasPrefix(key, "XXHASH") {
				continue // the SDK knows the name, and leaves the sum to its caller
			}
			out, err := c.aws.PutObject(context.Background(), &awss3.PutObjectInput{
				Bucket: aws.String(box), Key: aws.String(key), Body: bytes.NewReader(data), ChecksumAlgorithm: algorithm,
			})
			if err != nil {
				t.Errorf("put %s: %v", key, err)
				continue
			}
			got := c.wantObject(t, key, data)
			for _, s := range [][3]*string{
				{aws.String("CRC32"), out.ChecksumCRC32, got.ChecksumCRC32},
				{aws.String("CRC32C"), out.ChecksumCRC32C, got.ChecksumCRC32C},
				{aws.String("CRC64NVME"), out.ChecksumCRC64NVME, got.ChecksumCRC64NVME},
				{aws.String("SHA1"), out.ChecksumSHA1, got.ChecksumSHA1},
				{aws.String("SHA256"), out.ChecksumSHA256, got.ChecksumSHA256},
			} {
				put, read := aws.ToString(s[1]), aws.ToString(s[2])
				if want := *s[0] == key; put != read || want != (put != "") {
					t.Errorf("%s: the %s is %q on put, %q on get", key, *s[0], put, read)
				}
			}
			if got.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("%s: type %q", key, got.ChecksumType)
			}
			// A checksum of the whole must not come with a part: SDKs would compare.
			part, err := c.aws.GetObject(context.Background(), &awss3.GetObjectInput{
				Bucket: aws.String(box), Key: aws.String(key), Range: aws.String("bytes=10-19"), ChecksumMode: "ENABLED",
			})
			if err != nil {
				t.Errorf("%s: %v", key, err)
				continue
			}
			b, err := io.ReadAll(part.Body)
			if err != nil || !bytes.Equal(b, data[10:20]) || aws.ToString(part.ContentRange) != "bytes 10-19/100000" {
				t.Errorf("%s: range is %d bytes at %q, %v", key, len(b), aws.ToString(part.ContentRange), err)
			}
		}
		for _, in := range []awss3.PutObjectInput{
			{ChecksumCRC32: aws.String("AAAAAA==")},
			{ChecksumCRC64NVME: aws.String("AAAAAAAAAAA=")},
			{ChecksumSHA256: aws.String("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")},
			{ContentMD5: aws.String("1B2M2Y8AsgTpgAmY7PhCfg==")},
		} {
			in.Bucket, in.Key, in.Body = aws.String(box), aws.String("wrong"), bytes.NewReader(data)
			_, err := c.aws.PutObject(context.Background(), &in)
			wantAPICode(t, "wrong checksum", err, "BadDigest")
			c.wantNone(t, "wrong")
		}
	}, overHTTP, overTLS, overHTTP2)
}

// TestClientsUnknownLength: nothing says how long the body is before it ends.
func TestClientsUnknownLength(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		data := randomBytes(3 << 20)
		if c.tls { // the AWS SDK does not do this over http
			for _, n := range []int{0, 1, len(data)} {
				_, err := c.aws.PutObject(context.Background(), &awss3.PutObjectInput{
					Bucket: aws.String(box), Key: aws.String("pipe"), Body: pipe{bytes.NewReader(data[:n])},
				})
				must(t, err)
				c.wantObject(t, "pipe", data[:n])
			}
		}
		_, err := c.minio.PutObject(context.Background(), box, "pipe", pipe{bytes.NewReader(data)}, -1, minio.PutObjectOptions{PartSize: 5 << 20})
		must(t, err)
		c.wantObject(t, "pipe", data)
	}, overHTTP, overTLS, overHTTP2)
}

func TestClientsConditions(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		ctx := context.Background()
		etag := *c.put("key", []byte("one")).ETag
		old, soon := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		for _, x := range []struct {
			name string
			in   awss3.GetObjectInput
			code string
		}{
			{"match", awss3.GetObjectInput{IfMatch: &etag}, ""},
			{"no match", awss3.GetObjectInput{IfMatch: aws.String(`"x"`)}, "PreconditionFailed"},
			{"none match", awss3.GetObjectInput{IfNoneMatch: aws.String(`"x"`)}, ""},
			{"unmodified", awss3.GetObjectInput{IfUnmodifiedSince: &old}, "PreconditionFailed"},
			{"unmodified yet", awss3.GetObjectInput{IfUnmodifiedSince: &soon}, ""},
			{"modified", awss3.GetObjectInput{IfModifiedSince: &old}, ""},
			{"same", awss3.GetObjectInput{IfNoneMatch: &etag}, "NotModified"},
			{"not modified", awss3.GetObjectInput{IfModifiedSince: &soon}, "NotModified"},
		} {
			x.in.Bucket, x.in.Key = aws.String(box), aws.String("key")
			out, err := c.aws.GetObject(ctx, &x.in)
			switch {
			case x.code != "":
				wantAPICode(t, x.name, err, x.code)
			case err != nil:
				t.Errorf("%s: %v", x.name, err)
			default:
				out.Body.Close()
			}
		}
		put := func(match, none string) error {
			in := &awss3.PutObjectInput{Bucket: aws.String(box), Key: aws.String("key"), Body: strings.NewReader("two")}
			if match != "" {
				in.IfMatch = &match
			}
			if none != "" {
				in.IfNoneMatch = &none
			}
			_, err := c.aws.PutObject(ctx, in)
			return err
		}
		wantAPICode(t, "create only", put("", "*"), "PreconditionFailed")
		wantAPICode(t, "replace another", put(`"x"`, ""), "PreconditionFailed")
		c.wantObject(t, "key", []byte("one"))
		must(t, put(etag, ""))
		c.wantObject(t, "key", []byte("two"))
		_, err := c.aws.PutObject(ctx, &awss3.PutObjectInput{Bucket: aws.String(box), Key: aws.String("none"), Body: strings.NewReader("x"), IfMatch: &etag})
		wantAPICode(t, "replace nothing", err, "NoSuchKey")
		c.wantNone(t, "none")
	}, overHTTP, overTLS, overHTTP2)
}

func TestClientsCopy(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		ctx := context.Background()
		for i, key := range clientKeys {
			data := randomBytes(1000 * i)
			_, err := c.minio.PutObject(ctx, box, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{
				ContentType: "text/one", UserMetadata: map[string]string{"a": "1"},
			})
			must(t, err)
			_, err = c.minio.CopyObject(ctx, minio.CopyDestOptions{Bucket: box, Object: "copy/" + key}, minio.CopySrcOptions{Bucket: box, Object: key})
			if err != nil {
				t.Errorf("copy %q: %v", key, err)
				continue
			}
			out := c.wantObject(t, "copy/"+key, data)
			if out.Metadata["a"] != "1" || aws.ToString(out.ContentType) != "text/one" {
				t.Errorf("copy %q: metadata %v of type %q", key, out.Metadata, aws.ToString(out.ContentType))
			}
			_, err = c.minio.CopyObject(ctx, minio.CopyDestOptions{
				Bucket: box, Object: key, ReplaceMetadata: true, UserMetadata: map[string]string{"b": "2"},
			}, minio.CopySrcOptions{Bucket: box, Object: key})
			if err != nil {
				t.Errorf("copy %q onto itself: %v", key, err)
				continue
			}
			out = c.wantObject(t, key, data)
			if out.Metadata["b"] != "2" || out.Metadata["a"] != "" {
				t.Errorf("replaced metadata of %q: %v", key, out.Metadata)
			}
		}
		_, err := c.minio.CopyObject(ctx, minio.CopyDestOptions{Bucket: box, Object: "x"}, minio.CopySrcOptions{Bucket: box, Object: "nothing"})
		wantAPICode(t, "copy of nothing", err, "NoSuchKey")
		_, err = c.minio.CopyObject(ctx, minio.CopyDestOptions{Bucket: box, Object: "x"}, minio.CopySrcOptions{Bucket: box, Object: "plain.txt", MatchETag: "0123"})
		wantAPICode(t, "copy of another", err, "PreconditionFailed")
		c.wantNone(t, "x")
	})
}
