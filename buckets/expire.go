package buckets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// oldUploads yields a bucket's uploads in progress that began before a time, by
// key. They may be aborted meanwhile.
func (b *Buckets) oldUploads(ctx context.Context, bucket Bucket, before time.Time) iter.Seq2[MultipartUpload, error] {
	return func(yield func(MultipartUpload, error) bool) {
		q := UploadQuery{Max: gcBatch}
		for {
			page, err := b.Uploads(ctx, bucket, q)
			if err != nil {
				yield(MultipartUpload{}, err)
				return
			}
			for _, u := range page.Uploads {
				if u.Started.Before(before) && !yield(u, nil) {
					return
				}
			}
			if !page.More {
				return
			}
			q.AfterKey, q.AfterID = page.NextKey, page.NextID
		}
	}
}

// expireUploads aborts every upload to which nothing has come since a time.
// One that cannot be aborted does not keep the others.
func (b *Buckets) expireUploads(ctx context.Context, before time.Time) error {
	var list []Bucket
	err := b.view(ctx, func(tx kv.Tx) error {
		list = nil
		for bucket, err := range decodedBy(tx, tabBucket, decodeBucket) {
			if err != nil {
				return err
			}
			list = append(list, bucket)
		}
		return nil
	})
	errs := []error{err}
	for _, bucket := range list {
		for u, err := range b.oldUploads(ctx, bucket, before) {
			if err == nil {
				err = b.expireUpload(ctx, bucket, u, before)
			}
			if errors.Is(err, ErrNoUpload) || errors.Is(err, ErrNoBucket) {
				continue // gone meanwhile
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("expire uploads of bucket %s: %w", bucket.UUID, err))
			}
		}
	}
	return errors.Join(errs...)
}

// expireUpload aborts an upload unless a part has come since a time.
func (b *Buckets) expireUpload(ctx context.Context, bucket Bucket, u MultipartUpload, before time.Time) error {
	idle := false
	err := b.update(ctx, func(tx kv.Tx) error {
		if _, err := uploadRow(tx, bucket.UUID, u.Key, u.ID); err != nil {
			return err
		}
		parts, _, err := partRows(tx, u.ID, 0, maxParts)
		if err != nil {
			return err
		}
		idle = true
		for _, p := range parts {
			idle = idle && p.Modified.Before(before)
		}
		if !idle {
			return nil
		}
		return removeUpload(tx, bucket, u.Key, u.ID)
	})
	if err == nil && idle {
		b.log.InfoContext(ctx, "abandoned upload expired", "bucket", bucket.Name, "key", u.Key)
	}
	return err
}
