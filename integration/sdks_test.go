//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// transport trusts the node, and finds the job's host on loopback.
func (j job) transport() (*http.Transport, error) {
	tr, err := transport(j.CA)
	if err != nil {
		return nil, err
	}
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host != j.host() {
			return nil, fmt.Errorf("the client dials %s, not %s (%v)", addr, j.host(), err)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, "127.0.0.1:"+port)
	}
	return tr, nil
}

// minio is minio-go for the job.
func (j job) minio() (*minio.Core, error) {
	tr, err := j.transport()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(j.Endpoint)
	if err != nil {
		return nil, err
	}
	style := minio.BucketLookupPath
	if j.Virtual {
		style = minio.BucketLookupDNS
	}
	return minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(j.AccessKey, j.SecretKey, ""), Secure: u.Scheme == "https", Transport: tr, BucketLookup: style,
	})
}

// unfinished starts an upload for a client that cannot leave one unfinished.
func (j job) unfinished() (id string, err error) {
	c, err := j.minio()
	if err != nil {
		return "", err
	}
	return c.NewMultipartUpload(context.Background(), j.Bucket, keyAborted, minio.PutObjectOptions{})
}

// unsized hides from a client that a file has a length and can seek.
type unsized struct{ io.Reader }

func minioSubject(t *testing.T) subject {
	return subject{
		name: "minio-go-" + version(t, "go", "list", "-m", "-f", "{{.Version}}", "github.com/minio/minio-go/v7"), part: 5 * mib, above: 16*mib - 1, keys: specialKeys,
		run: func(j job) (r report, err error) {
			c, err := j.minio()
			if err != nil {
				return r, err
			}
			minioJob(context.Background(), c, j, &r)
			return r, nil
		},
	}
}

// minioJob does a job with minio-go.
func minioJob(ctx context.Context, c *minio.Core, j job, r *report) {
	put := func(path, key, kind string) error {
		_, err := c.Client.FPutObject(ctx, j.Bucket, key, path, minio.PutObjectOptions{PartSize: 5 * mib, ContentType: kind})
		return err
	}
	get := func(key, path string) error {
		return c.Client.FGetObject(ctx, j.Bucket, key, path, minio.GetObjectOptions{})
	}
	r.do(stepMake, func() error {
		// Whatever it is told, minio-go makes a bucket in path style.
		path := j
		path.Virtual = false
		c, err := path.minio()
		if err != nil {
			return err
		}
		return c.MakeBucket(ctx, j.Bucket, minio.MakeBucketOptions{})
	})
	r.do(stepPut, func() error { return j.eachUp(func(path, key string) error { return put(path, key, "") }) })
	r.do(stepStream, func() error {
		f, err := os.Open(j.Stream)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = c.Client.PutObject(ctx, j.Bucket, keyStream, unsized{f}, -1, minio.PutObjectOptions{PartSize: 5 * mib})
		return err
	})
	r.do(stepSpecial, func() error { return j.eachSpecial(func(s special) error { return put(s.Up, s.Key, s.Type) }) })
	r.do(stepList, func() error {
		r.List = map[string]int64{}
		for o := range c.Client.ListObjects(ctx, j.Bucket, minio.ListObjectsOptions{Recursive: true, MaxKeys: 7}) {
			if o.Err != nil {
				return o.Err
			}
			r.List[o.Key] = o.Size
		}
		return nil
	})
	r.do(stepHead, func() error {
		r.Heads = map[string]head{}
		for key := range r.List {
			o, err := c.StatObject(ctx, j.Bucket, key, minio.StatObjectOptions{})
			if err != nil {
				return err
			}
			r.Heads[key] = head{o.ETag, o.UserMetadata["Cid"], o.Size}
		}
		return nil
	})
	r.do(stepGet, func() error { return j.eachBack(get) })
	r.do(stepCopy, func() error {
		for _, key := range []string{keyCopied, keyDoomed} {
			_, err := c.Client.CopyObject(ctx, minio.CopyDestOptions{Bucket: j.Bucket, Object: key}, minio.CopySrcOptions{Bucket: j.Bucket, Object: keySource})
			if err != nil {
				return err
			}
		}
		return nil
	})
	r.do(stepRange, func() error {
		var opt minio.GetObjectOptions
		if err := opt.SetRange(rangeFirst, rangeLast); err != nil {
			return err
		}
		return c.Client.FGetObject(ctx, j.Bucket, keyBig, filepath.Join(j.Down, fileRange), opt)
	})
	r.do(stepPresign, func() error {
		u, err := c.PresignedGetObject(ctx, j.Bucket, keySource, time.Hour, nil)
		if err == nil {
			r.Presigned = u.String()
		}
		return err
	})
	r.do(stepAbort, func() error {
		id, err := j.unfinished()
		if err != nil {
			return err
		}
		if _, err := c.PutObjectPart(ctx, j.Bucket, keyAborted, id, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{}); err != nil {
			return err
		}
		parts, err := c.ListObjectParts(ctx, j.Bucket, keyAborted, id, 0, 0)
		if err != nil || len(parts.ObjectParts) != 1 || parts.ObjectParts[0].Size != 4 {
			return fmt.Errorf("parts: %+v, %v", parts.ObjectParts, err)
		}
		return c.AbortMultipartUpload(ctx, j.Bucket, keyAborted, id)
	})
	r.do(stepDelete, func() error { return c.RemoveObject(ctx, j.Bucket, keyDoomed, minio.RemoveObjectOptions{}) })
}

func awsSDKSubject(t *testing.T) subject {
	return subject{
		name: "aws-sdk-go-" + version(t, "go", "list", "-m", "-f", "{{.Version}}", "github.com/aws/aws-sdk-go-v2/service/s3"), part: 8 * mib, above: 16*mib - 1, keys: specialKeys,
		run: func(j job) (r report, err error) {
			tr, err := j.transport()
			if err != nil {
				return r, err
			}
			c := awss3.New(awss3.Options{
				BaseEndpoint: aws.String(j.Endpoint), UsePathStyle: !j.Virtual, Region: "us-east-1", HTTPClient: &http.Client{Transport: tr},
				Credentials: awscredentials.NewStaticCredentialsProvider(j.AccessKey, j.SecretKey, ""),
				// What config.LoadDefaultConfig sets, as programs use it.
				RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
				ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
			})
			awsSDKJob(context.Background(), c, j, &r)
			return r, nil
		},
	}
}

// awsSDKJob does a job with the AWS SDK for Go: transfers through its transfer
// manager, the rest by its plain calls.
func awsSDKJob(ctx context.Context, c *awss3.Client, j job, r *report) {
	bucket := aws.String(j.Bucket)
	tm := transfermanager.New(c)
	upload := func(path, key, kind string, as func(*os.File) io.Reader) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in := &transfermanager.UploadObjectInput{Bucket: bucket, Key: aws.String(key), Body: as(f)}
		if kind != "" {
			in.ContentType = aws.String(kind)
		}
		_, err = tm.UploadObject(ctx, in)
		return err
	}
	file := func(f *os.File) io.Reader { return f }
	r.do(stepMake, func() error {
		_, err := c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: bucket})
		return err
	})
	r.do(stepPut, func() error {
		return j.eachUp(func(path, key string) error { return upload(path, key, "", file) })
	})
	r.do(stepStream, func() error {
		return upload(j.Stream, keyStream, "", func(f *os.File) io.Reader { return unsized{f} })
	})
	r.do(stepSpecial, func() error {
		return j.eachSpecial(func(s special) error { return upload(s.Up, s.Key, s.Type, file) })
	})
	r.do(stepList, func() error {
		r.List = map[string]int64{}
		pages := awss3.NewListObjectsV2Paginator(c, &awss3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(7)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, o := range page.Contents {
				r.List[aws.ToString(o.Key)] = aws.ToInt64(o.Size)
			}
		}
		return nil
	})
	r.do(stepHead, func() error {
		r.Heads = map[string]head{}
		for key := range r.List {
			o, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: bucket, Key: aws.String(key)})
			if err != nil {
				return err
			}
			r.Heads[key] = head{strings.Trim(aws.ToString(o.ETag), `"`), o.Metadata["cid"], aws.ToInt64(o.ContentLength)}
		}
		return nil
	})
	r.do(stepGet, func() error {
		return j.eachBack(func(key, path string) error {
			f, err := create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = tm.DownloadObject(ctx, &transfermanager.DownloadObjectInput{Bucket: bucket, Key: aws.String(key), WriterAt: f})
			return err
		})
	})
	awsSDKRest(ctx, c, j, r)
}

// awsSDKRest does the steps of a job that are single calls.
func awsSDKRest(ctx context.Context, c *awss3.Client, j job, r *report) {
	bucket := aws.String(j.Bucket)
	r.do(stepCopy, func() error {
		for _, key := range []string{keyCopied, keyDoomed} {
			_, err := c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: bucket, Key: aws.String(key), CopySource: aws.String(j.Bucket + "/" + keySource)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	r.do(stepRange, func() error {
		o, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String(keyBig), Range: aws.String(fmt.Sprintf("bytes=%d-%d", rangeFirst, rangeLast))})
		if err != nil {
			return err
		}
		defer o.Body.Close()
		f, err := create(filepath.Join(j.Down, fileRange))
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(f, o.Body)
		return err
	})
	r.do(stepPresign, func() error {
		u, err := awss3.NewPresignClient(c).PresignGetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String(keySource)})
		if err == nil {
			r.Presigned = u.URL
		}
		return err
	})
	r.do(stepAbort, func() error {
		u, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String(keyAborted)})
		if err != nil {
			return err
		}
		_, err = c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: bucket, Key: u.Key, UploadId: u.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader([]byte("part"))})
		if err != nil {
			return err
		}
		parts, err := c.ListParts(ctx, &awss3.ListPartsInput{Bucket: bucket, Key: u.Key, UploadId: u.UploadId})
		if err != nil || len(parts.Parts) != 1 || aws.ToInt64(parts.Parts[0].Size) != 4 {
			return fmt.Errorf("parts: %+v, %v", parts, err)
		}
		_, err = c.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: bucket, Key: u.Key, UploadId: u.UploadId})
		return err
	})
	r.do(stepDelete, func() error {
		_, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String(keyDoomed)})
		return err
	})
}

// create makes a file, with the directories it lies in.
func create(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.Create(path)
}
