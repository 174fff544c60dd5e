//go:build integration

package crash

import (
	"bytes"
	"context"
	"errors"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// A target is what a worker works on: the stores of its own process, or the
// real binary over HTTP. "bucket/key" is a path.
type target interface {
	put(ctx context.Context, bucket, key, body string) (made, error)
	head(ctx context.Context, bucket, key string) (source, error)
	copy(ctx context.Context, src source, bucket, key string) (made, error)
	remove(ctx context.Context, bucket, key, version string) (removed string, err error)
	versions(ctx context.Context, bucket, key string) ([]string, error)
	create(ctx context.Context, bucket, key, body string) (upload string, err error)
	part(ctx context.Context, bucket, key, upload string, n int, body string) (etag, cid string, err error)
	complete(ctx context.Context, bucket, key, upload string, etags []string) (made, error)
	abort(ctx context.Context, bucket, key, upload string) error
	// refused says that an error means that nothing was changed, for a good reason.
	refused(err error) bool
}

// made is what is told of a new object; the CID may be left out.
type made struct{ version, cid string }

// A source is an object to copy, as it was when it was looked up.
type source struct {
	body              string
	object            buckets.Object
	bucket, key, etag string
}

// direct is the target that has the stores.
type direct struct{ *stores }

func attributes(body string) buckets.Attributes {
	return buckets.Attributes{Meta: map[string]string{"body": body}}
}

func reader(body string) buckets.Upload {
	b, err := bytesOf(body)
	if err != nil {
		panic(err)
	}
	return buckets.Upload{Body: bytes.NewReader(b)}
}

func madeOf(o buckets.Object, err error) (made, error) {
	if err != nil {
		return made{}, err
	}
	return made{o.VersionID(), o.CID.String()}, nil
}

func (d direct) put(ctx context.Context, bucket, key, body string) (made, error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return made{}, err
	}
	return madeOf(d.buckets.Put(ctx, b, key, 7, reader(body), attributes(body), buckets.Conditions{}))
}

func (d direct) head(ctx context.Context, bucket, key string) (source, error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return source{}, err
	}
	o, err := d.buckets.Head(ctx, b, key, "")
	return source{body: o.Meta["body"], object: o}, err
}

func (d direct) copy(ctx context.Context, src source, bucket, key string) (made, error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return made{}, err
	}
	return madeOf(d.buckets.Copy(ctx, src.object, b, key, 7, attributes(src.body), buckets.Conditions{}))
}

func (d direct) remove(ctx context.Context, bucket, key, version string) (string, error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return "", err
	}
	gone, err := d.buckets.Delete(ctx, b, key, buckets.DeleteOptions{Version: version})
	return gone.Version, err
}

func (d direct) versions(ctx context.Context, bucket, key string) (ids []string, err error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	page, err := d.buckets.Versions(ctx, b, buckets.VersionQuery{Prefix: key, Max: 10})
	for _, o := range page.Versions {
		ids = append(ids, o.VersionID())
	}
	return ids, err
}

func (d direct) create(ctx context.Context, bucket, key, body string) (string, error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return "", err
	}
	u, err := d.buckets.CreateUpload(ctx, b, key, 7, 7, attributes(body), "")
	return u.ID, err
}

func (d direct) part(ctx context.Context, bucket, key, upload string, n int, body string) (etag, cid string, err error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return "", "", err
	}
	p, err := d.buckets.PutPart(ctx, b, key, upload, n, reader(body))
	if err != nil {
		return "", "", err
	}
	return p.ETag, p.CID.String(), nil
}

func (d direct) complete(ctx context.Context, bucket, key, upload string, etags []string) (made, error) {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return made{}, err
	}
	var list []buckets.CompletedPart
	for i, etag := range etags {
		list = append(list, buckets.CompletedPart{Number: i + 1, ETag: etag})
	}
	return madeOf(d.buckets.Complete(ctx, b, key, upload, list, nil, buckets.Conditions{}))
}

func (d direct) abort(ctx context.Context, bucket, key, upload string) error {
	b, err := d.buckets.Bucket(ctx, bucket)
	if err != nil {
		return err
	}
	return d.buckets.Abort(ctx, b, key, upload)
}

func (direct) refused(err error) bool {
	for _, e := range []error{buckets.ErrNoObject, buckets.ErrNoVersion, node.ErrNotFound, buckets.ErrNoUpload, buckets.ErrInvalidPart} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
