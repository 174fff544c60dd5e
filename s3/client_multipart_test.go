package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
)

const clientPart = 5 << 20

// multipart uploads data in parts of 5 MiB through the AWS SDK.
func (c *clients) multipart(t *testing.T, key string, data []byte, algorithm types.ChecksumAlgorithm, kind types.ChecksumType) (*awss3.CompleteMultipartUploadOutput, error) {
	t.Helper()
	ctx := context.Background()
	up, err := c.aws.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{
		Bucket: aws.String(box), Key: aws.String(key), ChecksumAlgorithm: algorithm, ChecksumType: kind,
	})
	if err != nil {
		return nil, err
	}
	var parts []types.CompletedPart
	for i, rest := int32(1), data; len(rest) > 0; i++ {
		n := min(clientPart, len(rest))
		p, err := c.aws.UploadPart(ctx, &awss3.UploadPartInput{
			Bucket: aws.String(box), Key: aws.String(key), UploadId: up.UploadId, PartNumber: aws.Int32(i),
			Body: bytes.NewReader(rest[:n]), ChecksumAlgorithm: algorithm,
		})
		if err != nil {
			return nil, err
		}
		parts = append(parts, types.CompletedPart{
			PartNumber: aws.Int32(i), ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32, ChecksumCRC32C: p.ChecksumCRC32C,
			ChecksumCRC64NVME: p.ChecksumCRC64NVME, ChecksumSHA1: p.ChecksumSHA1, ChecksumSHA256: p.ChecksumSHA256,
		})
		rest = rest[n:]
	}
	return c.aws.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: aws.String(box), Key: aws.String(key), UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}, ChecksumType: kind,
	})
}

// TestClientsMultipart: the same bytes get the same CID in one piece and in
// parts of any client's size, whatever checksum they carry.
func TestClientsMultipart(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		data := randomBytes(clientPart + 12345)
		c.put("whole", data)
		want := c.wantObject(t, "whole", data).Metadata["cid"]
		type sums struct {
			algorithm types.ChecksumAlgorithm
			kind      types.ChecksumType
		}
		all := []sums{
			{types.ChecksumAlgorithmCrc32, types.ChecksumTypeComposite},
			{types.ChecksumAlgorithmCrc32, types.ChecksumTypeFullObject},
			{types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject},
			{types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject},
			{types.ChecksumAlgorithmSha1, types.ChecksumTypeComposite},
			{types.ChecksumAlgorithmSha256, types.ChecksumTypeComposite},
			{types.ChecksumAlgorithmSha256, ""},
		}
		if c.tls {
			all = all[2:5] // what differs from http is the transfer alone
		}
		for _, x := range all {
			key := fmt.Sprintf("%s %s", x.algorithm, x.kind)
			out, err := c.multipart(t, key, data, x.algorithm, x.kind)
			if err != nil {
				t.Errorf("%s: %v", key, err)
				continue
			}
			got := c.wantObject(t, key, data)
			if etag := aws.ToString(got.ETag); !strings.HasSuffix(etag, `-2"`) || etag != aws.ToString(out.ETag) {
				t.Errorf("%s: ETag %s on complete, %s on get, want …-2", key, aws.ToString(out.ETag), etag)
			}
			if cid := got.Metadata["cid"]; cid != want {
				t.Errorf("%s: CID %s, in one piece %s", key, cid, want)
			}
			if x.kind != "" && (got.ChecksumType != x.kind || out.ChecksumType != x.kind) {
				t.Errorf("%s: checksum type %q on complete, %q on get", key, out.ChecksumType, got.ChecksumType)
			}
			if x.kind == types.ChecksumTypeFullObject {
				one, err := c.aws.PutObject(context.Background(), &awss3.PutObjectInput{
					Bucket: aws.String(box), Key: aws.String("one"), Body: bytes.NewReader(data), ChecksumAlgorithm: x.algorithm,
				})
				must(t, err)
				for i, s := range [][2]*string{{one.ChecksumCRC32, got.ChecksumCRC32}, {one.ChecksumCRC32C, got.ChecksumCRC32C}, {one.ChecksumCRC64NVME, got.ChecksumCRC64NVME}} {
					if aws.ToString(s[0]) != aws.ToString(s[1]) {
						t.Errorf("%s: checksum %d is %q, in one piece %q", key, i, aws.ToString(s[1]), aws.ToString(s[0]))
					}
				}
			}
		}
		_, err := c.multipart(t, "bad type", data, types.ChecksumAlgorithmSha256, types.ChecksumTypeFullObject)
		wantAPICode(t, "full object SHA256", err, "InvalidRequest")
		for _, trailing := range []uint64{5 << 20, 6 << 20} {
			_, err := c.minio.PutObject(context.Background(), box, "minio", bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{PartSize: trailing, NumThreads: 2})
			must(t, err)
			if cid := c.wantObject(t, "minio", data).Metadata["cid"]; cid != want {
				t.Errorf("minio-go in parts of %d: CID %s, in one piece %s", trailing, cid, want)
			}
		}
	})
}

func TestClientsTrailingMultipart(t *testing.T) {
	for _, scheme := range []string{overHTTP, overTLS} {
		c := newClients(t, scheme, minio.Options{TrailingHeaders: true})
		data := randomBytes(clientPart + 1)
		for _, sum := range []minio.ChecksumType{minio.ChecksumNone, minio.ChecksumCRC32C, minio.ChecksumFullObjectCRC32, minio.ChecksumCRC64NVME, minio.ChecksumSHA256} {
			_, err := c.minio.PutObject(context.Background(), box, "key", bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{PartSize: clientPart, Checksum: sum})
			if err != nil {
				t.Errorf("%s, %s: %v", scheme, sum, err)
				continue
			}
			c.wantObject(t, "key", data)
		}
	}
}

// TestClientsCompose drives UploadPartCopy.
func TestClientsCompose(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		ctx := context.Background()
		a, b := randomBytes(clientPart+777), randomBytes(4000)
		c.put("a", a)
		c.put("with space+plus", b)
		_, err := c.minio.ComposeObject(ctx, minio.CopyDestOptions{Bucket: box, Object: "ab"},
			minio.CopySrcOptions{Bucket: box, Object: "a"},
			minio.CopySrcOptions{Bucket: box, Object: "with space+plus", MatchRange: true, Start: 100, End: 1099})
		if err != nil {
			t.Fatal(err)
		}
		c.wantObject(t, "ab", append(bytes.Clone(a), b[100:1100]...))
	})
}

func TestClientsUploadsListed(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		ctx := context.Background()
		core := minio.Core{Client: c.minio}
		for _, key := range clientKeys {
			id, err := core.NewMultipartUpload(ctx, box, key, minio.PutObjectOptions{})
			must(t, err)
			for n := 1; n <= 3; n++ {
				_, err := core.PutObjectPart(ctx, box, key, id, n, strings.NewReader("part"), 4, minio.PutObjectPartOptions{})
				must(t, err)
			}
			parts, err := core.ListObjectParts(ctx, box, key, id, 1, 1)
			if err != nil || len(parts.ObjectParts) != 1 || parts.ObjectParts[0].PartNumber != 2 || !parts.IsTruncated || parts.Key != key {
				t.Errorf("parts of %q after 1: %+v, %v", key, parts, err)
			}
		}
		found := map[string]bool{}
		for u := range c.minio.ListIncompleteUploads(ctx, box, "", true) {
			must(t, u.Err)
			found[u.Key] = true
		}
		for _, key := range clientKeys {
			if !found[key] {
				t.Errorf("the upload of %q is not listed", key)
			}
			must(t, c.minio.RemoveIncompleteUpload(ctx, box, key))
			c.wantNone(t, key)
		}
		for u := range c.minio.ListIncompleteUploads(ctx, box, "", true) {
			t.Errorf("%q is left", u.Key)
		}
	})
}
