package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
)

// flip changes one bit of the byte at the given part of a body.
func flip(num, den int) func([]byte) io.Reader {
	return func(b []byte) io.Reader {
		b = bytes.Clone(b)
		b[len(b)*num/den] ^= 4
		return bytes.NewReader(b)
	}
}

// breakOff ends the connection after that part of a body.
func breakOff(num, den int) func([]byte) io.Reader {
	return func(b []byte) io.Reader {
		return io.MultiReader(bytes.NewReader(b[:len(b)*num/den]), iotest.ErrReader(errors.New("broken wire")))
	}
}

// TestClientsHarmedBodies: a body that was changed or cut on its way leaves no
// object, and the one that was there as it was, in every payload mode that
// protects it.
func TestClientsHarmedBodies(t *testing.T) {
	data := randomBytes(200000)
	for _, scheme := range []string{overHTTP, overTLS} {
		for _, trailing := range []bool{false, true} {
			c := newClients(t, scheme, minio.Options{TrailingHeaders: trailing})
			ctx := context.Background()
			byAWS := func(key string) error {
				_, err := c.aws.PutObject(ctx, &awss3.PutObjectInput{Bucket: aws.String(box), Key: aws.String(key), Body: bytes.NewReader(data)})
				return err
			}
			byMinio := func(key string) error {
				opt := minio.PutObjectOptions{}
				if trailing {
					opt.Checksum = minio.ChecksumCRC32C
				}
				_, err := c.minio.PutObject(ctx, box, key, bytes.NewReader(data), int64(len(data)), opt)
				return err
			}
			old := []byte("the old object")
			c.put("key", old)
			for name, put := range map[string]func(string) error{"aws": byAWS, "minio": byMinio} {
				name = fmt.Sprintf("%s, %s, trailing %v", name, scheme, trailing)
				harms := map[string]func([]byte) io.Reader{
					"cut at 0": breakOff(0, 1), "cut in the middle": breakOff(1, 2), "cut near the end": breakOff(999, 1000),
				}
				if !c.tls || name[0] == 'a' || trailing { // minio-go over https leaves integrity to TLS
					harms["first byte"], harms["quarter"], harms["middle"] = flip(0, 1), flip(1, 4), flip(1, 2)
				}
				for what, harm := range harms {
					c.wire.harm = harm
					if err := put("key"); err == nil {
						t.Errorf("%s, %s: the put succeeds", name, what)
					}
					if err := put("new"); err == nil {
						t.Errorf("%s, %s: the put succeeds", name, what)
					}
					c.wire.harm = nil
					c.wantObject(t, "key", old)
					c.wantNone(t, "new")
				}
				must(t, put("good"))
				c.wantObject(t, "good", data)
			}
		}
	}
}

// TestClientsHarmedParts: the same for parts, whose upload can go on after it.
func TestClientsHarmedParts(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		ctx := context.Background()
		data := randomBytes(150000)
		up, err := c.aws.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: aws.String(box), Key: aws.String("key")})
		must(t, err)
		part := func() (*awss3.UploadPartOutput, error) {
			return c.aws.UploadPart(ctx, &awss3.UploadPartInput{
				Bucket: aws.String(box), Key: aws.String("key"), UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(data),
			})
		}
		for _, harm := range []func([]byte) io.Reader{flip(1, 2), breakOff(1, 2), breakOff(999, 1000)} {
			c.wire.harm = harm
			if _, err := part(); err == nil {
				t.Error("a harmed part is accepted")
			}
		}
		c.wire.harm = nil
		list, err := c.aws.ListParts(ctx, &awss3.ListPartsInput{Bucket: aws.String(box), Key: aws.String("key"), UploadId: up.UploadId})
		if err != nil || len(list.Parts) != 0 {
			t.Errorf("parts after harm: %+v, %v", list, err)
		}
		p, err := part()
		must(t, err)
		_, err = c.aws.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
			Bucket: aws.String(box), Key: aws.String("key"), UploadId: up.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: p.ETag}}},
		})
		must(t, err)
		c.wantObject(t, "key", data)
	}, overHTTP, overTLS, overHTTP2)
}

// unknownToObjects are calls of operations on the object "key" that do not exist here.
func (c *clients) unknownToObjects(ctx context.Context) map[string]func() error {
	b, k := aws.String(box), aws.String("key")
	return map[string]func() error{
		"PutObjectAcl": func() error {
			_, err := c.aws.PutObjectAcl(ctx, &awss3.PutObjectAclInput{Bucket: b, Key: k, ACL: types.ObjectCannedACLPublicRead})
			return err
		},
		"PutObjectRetention": func() error {
			_, err := c.aws.PutObjectRetention(ctx, &awss3.PutObjectRetentionInput{Bucket: b, Key: k, Retention: &types.ObjectLockRetention{Mode: "GOVERNANCE"}})
			return err
		},
		"PutObjectLegalHold": func() error {
			_, err := c.aws.PutObjectLegalHold(ctx, &awss3.PutObjectLegalHoldInput{Bucket: b, Key: k, LegalHold: &types.ObjectLockLegalHold{Status: "ON"}})
			return err
		},
		"RestoreObject": func() error {
			_, err := c.aws.RestoreObject(ctx, &awss3.RestoreObjectInput{Bucket: b, Key: k})
			return err
		},
		"SelectObjectContent": func() error {
			_, err := c.aws.SelectObjectContent(ctx, &awss3.SelectObjectContentInput{
				Bucket: b, Key: k, Expression: aws.String("x"), ExpressionType: "SQL",
				InputSerialization: &types.InputSerialization{}, OutputSerialization: &types.OutputSerialization{},
			})
			return err
		},
		"RenameObject": func() error {
			_, err := c.aws.RenameObject(ctx, &awss3.RenameObjectInput{Bucket: b, Key: aws.String("other"), RenameSource: aws.String("/box/key")})
			return err
		},
		"DeleteObject of a version": func() error {
			_, err := c.aws.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: b, Key: k, VersionId: aws.String("v1")})
			return err
		},
		"PutObject with a customer key": func() error {
			_, err := c.aws.PutObject(ctx, &awss3.PutObjectInput{
				Bucket: b, Key: k, Body: bytes.NewReader([]byte("x")),
				SSECustomerAlgorithm: aws.String("AES256"), SSECustomerKey: aws.String("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
			})
			return err
		},
	}
}

// unknownToBuckets are the same for buckets.
func (c *clients) unknownToBuckets(ctx context.Context) map[string]func() error {
	b := aws.String(box)
	return map[string]func() error{
		"DeleteBucketReplication": func() error {
			_, err := c.aws.DeleteBucketReplication(ctx, &awss3.DeleteBucketReplicationInput{Bucket: b})
			return err
		},
	}
}

// TestClientsUnknownOperations: what is not implemented answers so, and never
// becomes an operation on data.
func TestClientsUnknownOperations(t *testing.T) {
	c := newClients(t, overHTTP, minio.Options{})
	ctx := t.Context()
	calls := c.unknownToObjects(ctx)
	maps.Copy(calls, c.unknownToBuckets(ctx))
	for name, call := range calls {
		c.put("key", []byte("precious"))
		if err := call(); err == nil {
			t.Errorf("%s succeeds", name)
		} else if code := apiCode(err); code == "InternalError" {
			t.Errorf("%s: %v", name, err)
		}
		c.wantObject(t, "key", []byte("precious"))
		c.wantNone(t, "other")
		must(t, c.minio.RemoveObject(ctx, box, "key", minio.RemoveObjectOptions{}))
		if ok, err := c.minio.BucketExists(ctx, box); err != nil || !ok {
			t.Fatalf("after %s the bucket is gone: %v", name, err)
		}
	}
}
