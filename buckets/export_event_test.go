package buckets

import (
	"context"
	"time"

	"github.com/whypfs/whypfs/kv"
)

func (b *Buckets) Notify(ctx context.Context, hook string) error { return b.notify(ctx, hook) }

// ApplyLifecycle runs the job of a bucket's lifecycle rules once; how it ends
// otherwise is a wait.
func (b *Buckets) ApplyLifecycle(ctx context.Context, uuid string) error {
	return b.applyLifecycle(ctx, uuid)
}

func (b *Buckets) RestoreCold(ctx context.Context, content uint64) error {
	return b.restoreCold(ctx, contentJobID(content))
}

func (b *Buckets) ReleaseCopy(ctx context.Context, content uint64) error {
	return b.release(ctx, contentJobID(content))
}

// Age makes all versions of a key older, and its uploads in progress.
func (b *Buckets) Age(ctx context.Context, bucket, key string, by time.Duration) error {
	return b.update(ctx, func(tx kv.Tx) error {
		var versions []Object
		if o, err := objectAt(tx, bucket, key); err == nil {
			versions = append(versions, o)
		}
		for row, err := range tx.Scan(kv.Range(tabVersion, bucket, key)) {
			if err != nil {
				return err
			}
			o, err := decodeObject(bucket, key, row.Value)
			if err != nil {
				return err
			}
			versions = append(versions, o)
		}
		for _, o := range versions {
			o.Modified = o.Modified.Add(-by)
			if err := store(tx, o); err != nil {
				return err
			}
		}
		var uploads []MultipartUpload
		for row, err := range tx.Scan(kv.Range(tabUpload, bucket, key)) {
			if err != nil {
				return err
			}
			var u MultipartUpload
			if err := decode(row.Value, &u); err != nil {
				return err
			}
			uploads = append(uploads, u)
		}
		for _, u := range uploads {
			u.Started = u.Started.Add(-by)
			if err := kv.PutJSON(tx, keyUpload(bucket, key, u.ID), u); err != nil {
				return err
			}
		}
		return nil
	})
}

// EndRestoration makes the time of a copy that came back be over.
func (b *Buckets) EndRestoration(ctx context.Context, content uint64) error {
	return b.update(ctx, func(tx kv.Tx) error {
		c, err := contentRow(tx, content)
		if err != nil {
			return err
		}
		c.Until = time.Now().Add(-time.Second)
		return kv.PutJSON(tx, keyContent(content), c)
	})
}
