package s3_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
)

// TestClientsList: every listing of both clients names every key once, in
// order, whatever the page size.
func TestClientsList(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		ctx := context.Background()
		keys := append([]string{"dir/a", "dir/b", "dir/sub/c", "dir0", "dir/"}, clientKeys...)
		for _, key := range keys {
			c.put(key, []byte(key))
		}
		slices.Sort(keys)
		want := func(what string, got, keys []string) {
			t.Helper()
			if !slices.Equal(got, keys) {
				t.Errorf("%s lists\n%q, want\n%q", what, got, keys)
			}
		}
		for _, page := range []int32{1, 3, 1000} {
			for _, encoding := range []types.EncodingType{"", types.EncodingTypeUrl} {
				what := fmt.Sprintf("%d a page, encoding %q", page, encoding)
				want("V2 "+what, c.listV2(t, page, encoding), keys)
				want("V1 "+what, c.listV1(t, page, encoding), keys)
			}
		}
		for _, v1 := range []bool{false, true} {
			var all, level, dir []string
			opt := minio.ListObjectsOptions{Recursive: true, UseV1: v1, MaxKeys: 4}
			for o := range c.minio.ListObjects(ctx, box, opt) {
				must(t, o.Err)
				all = append(all, o.Key)
				if o.Size != int64(len(o.Key)) || o.ETag == "" || o.LastModified.IsZero() {
					t.Errorf("%q is listed as %+v", o.Key, o)
				}
			}
			want("minio-go", all, keys)
			for o := range c.minio.ListObjects(ctx, box, minio.ListObjectsOptions{UseV1: v1, MaxKeys: 2}) {
				must(t, o.Err)
				level = append(level, o.Key)
			}
			slices.Sort(level)
			want("minio-go by level", level, topLevel(keys))
			for o := range c.minio.ListObjects(ctx, box, minio.ListObjectsOptions{UseV1: v1, Prefix: "dir/", MaxKeys: 1}) {
				must(t, o.Err)
				dir = append(dir, o.Key)
			}
			slices.Sort(dir)
			want("minio-go in dir/", dir, []string{"dir/", "dir/a", "dir/b", "dir/sub/"})
		}
	})
}

// topLevel is what a listing with the delimiter "/" shows.
func topLevel(keys []string) []string {
	var out []string
	for _, key := range keys {
		if i := strings.Index(key, "/"); i >= 0 {
			key = key[:i+1]
		}
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}

func (c *clients) listV2(t *testing.T, page int32, encoding types.EncodingType) (keys []string) {
	t.Helper()
	p := awss3.NewListObjectsV2Paginator(c.aws, &awss3.ListObjectsV2Input{Bucket: aws.String(box), MaxKeys: &page, EncodingType: encoding})
	for p.HasMorePages() {
		out, err := p.NextPage(context.Background())
		must(t, err)
		if len(out.Contents) > int(page) || int(aws.ToInt32(out.KeyCount)) != len(out.Contents) {
			t.Fatalf("a page of %d has %d, KeyCount %d", page, len(out.Contents), aws.ToInt32(out.KeyCount))
		}
		for _, o := range out.Contents {
			keys = append(keys, decoded(t, *o.Key, encoding))
		}
	}
	return keys
}

func (c *clients) listV1(t *testing.T, page int32, encoding types.EncodingType) (keys []string) {
	t.Helper()
	in := &awss3.ListObjectsInput{Bucket: aws.String(box), MaxKeys: &page, EncodingType: encoding}
	for {
		out, err := c.aws.ListObjects(context.Background(), in)
		must(t, err)
		for _, o := range out.Contents {
			keys = append(keys, decoded(t, *o.Key, encoding))
		}
		if !aws.ToBool(out.IsTruncated) || len(out.Contents) == 0 {
			return keys
		}
		in.Marker = &keys[len(keys)-1]
	}
}

// decoded undoes encoding-type=url, which the AWS SDK leaves to its caller.
func decoded(t *testing.T, key string, encoding types.EncodingType) string {
	t.Helper()
	if encoding == "" {
		return key
	}
	key, err := url.QueryUnescape(key)
	must(t, err)
	return key
}

func TestClientsDeleteObjects(t *testing.T) {
	eachScheme(t, func(t *testing.T, c *clients) {
		ctx := context.Background()
		var ids []types.ObjectIdentifier
		for _, key := range clientKeys {
			c.put(key, []byte("x"))
			ids = append(ids, types.ObjectIdentifier{Key: aws.String(key)})
		}
		c.put("stays", []byte("x"))
		out, err := c.aws.DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: aws.String(box), Delete: &types.Delete{Objects: append(ids, types.ObjectIdentifier{Key: aws.String("never was")})}})
		if err != nil || len(out.Errors) > 0 || len(out.Deleted) != len(ids)+1 {
			t.Fatalf("DeleteObjects = %+v, %v", out, err)
		}
		for _, key := range clientKeys {
			c.wantNone(t, key)
			c.put(key, []byte("y"))
		}
		objects := make(chan minio.ObjectInfo, len(clientKeys))
		for _, key := range clientKeys {
			objects <- minio.ObjectInfo{Key: key}
		}
		close(objects)
		for e := range c.minio.RemoveObjects(ctx, box, objects, minio.RemoveObjectsOptions{}) {
			t.Errorf("minio-go does not remove %q: %v", e.ObjectName, e.Err)
		}
		if got := c.listV2(t, 1000, ""); !slices.Equal(got, []string{"stays"}) {
			t.Errorf("left: %q", got)
		}
	})
}
