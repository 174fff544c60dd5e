//go:build integration

package crash

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// remote is the target that is the real binary.
type remote struct{ *minio.Core }

func meta(body string) map[string]string { return map[string]string{"body": body} }

func madeBy(info minio.UploadInfo, err error) (made, error) {
	return made{version: info.VersionID}, err
}

func (r remote) put(ctx context.Context, bucket, key, body string) (made, error) {
	b, err := bytesOf(body)
	if err != nil {
		return made{}, err
	}
	return madeBy(r.Client.PutObject(ctx, bucket, key, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{
		UserMetadata: meta(body), DisableMultipart: true, DisableContentSha256: true,
	}))
}

func (r remote) head(ctx context.Context, bucket, key string) (source, error) {
	o, err := r.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	return source{body: o.UserMetadata["Body"], bucket: bucket, key: key, etag: o.ETag}, err
}

// copy copies what was looked up, or nothing.
func (r remote) copy(ctx context.Context, src source, bucket, key string) (made, error) {
	return madeBy(r.Client.CopyObject(ctx,
		minio.CopyDestOptions{Bucket: bucket, Object: key, UserMetadata: meta(src.body), ReplaceMetadata: true},
		minio.CopySrcOptions{Bucket: src.bucket, Object: src.key, MatchETag: src.etag}))
}

func (r remote) remove(ctx context.Context, bucket, key, version string) (string, error) {
	one := make(chan minio.ObjectInfo, 1)
	one <- minio.ObjectInfo{Key: key, VersionID: version}
	close(one)
	for res := range r.RemoveObjectsWithResult(ctx, bucket, one, minio.RemoveObjectsOptions{}) {
		if res.Err != nil {
			return "", res.Err
		}
		if version == "" {
			version = res.DeleteMarkerVersionID
		}
	}
	return version, ctx.Err()
}

func (r remote) versions(ctx context.Context, bucket, key string) (ids []string, err error) {
	for o := range r.Client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: key, WithVersions: true, Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		ids = append(ids, o.VersionID)
	}
	return ids, nil
}

func (r remote) create(ctx context.Context, bucket, key, body string) (string, error) {
	return r.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{UserMetadata: meta(body)})
}

func (r remote) part(ctx context.Context, bucket, key, upload string, n int, body string) (etag, cid string, err error) {
	b, err := bytesOf(body)
	if err != nil {
		return "", "", err
	}
	p, err := r.PutObjectPart(ctx, bucket, key, upload, n, bytes.NewReader(b), int64(len(b)), minio.PutObjectPartOptions{DisableContentSha256: true})
	return p.ETag, "", err
}

func (r remote) complete(ctx context.Context, bucket, key, upload string, etags []string) (made, error) {
	var list []minio.CompletePart
	for i, etag := range etags {
		list = append(list, minio.CompletePart{PartNumber: i + 1, ETag: etag})
	}
	return madeBy(r.CompleteMultipartUpload(ctx, bucket, key, upload, list, minio.PutObjectOptions{}))
}

func (r remote) abort(ctx context.Context, bucket, key, upload string) error {
	return r.AbortMultipartUpload(ctx, bucket, key, upload)
}

// refused: the source of a copy was gone or changed meanwhile.
func (remote) refused(err error) bool {
	var res minio.ErrorResponse
	return errors.As(err, &res) && (res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusPreconditionFailed)
}
