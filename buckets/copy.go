package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// Copy stores src's bytes, by reference, as bucket/key of owner's with attr.
// src that was removed since it was looked up is ErrNoObject; it may be any version.
func (b *Buckets) Copy(ctx context.Context, src Object, bucket Bucket, key string, owner uint64, attr Attributes, cond Conditions) (Object, error) {
	if !validKey(key) {
		return Object{}, ErrKey
	}
	if src.Marker {
		return Object{}, fmt.Errorf("copy %q: %w", src.Key, ErrMarker)
	}
	if err := b.precheck(ctx, bucket, key, attr, cond); err != nil {
		return Object{}, err
	}
	if _, err := b.admit(ctx, bucket.Owner, Usage{Bytes: src.Size, Objects: 1}, freedBy(bucket, key)); err != nil {
		return Object{}, fmt.Errorf("copy %q to %q: %w", src.Key, key, err)
	}
	lease := b.node.Lease()
	defer lease.Release()
	o, err := b.copy(ctx, src, bucket, key, owner, attr, cond)
	if err != nil {
		return Object{}, fmt.Errorf("copy %q to %q: %w", src.Key, key, err)
	}
	b.metrics.objects.WithLabelValues("copy").Inc()
	return o, nil
}

func (b *Buckets) copy(ctx context.Context, src Object, bucket Bucket, key string, owner uint64, attr Attributes, cond Conditions) (Object, error) {
	c, err := b.Content(ctx, src.Content)
	if errors.Is(err, ErrNoContent) {
		return Object{}, ErrNoObject
	}
	if err != nil {
		return Object{}, err
	}
	if c.Offloaded {
		// The copy joins a zone of its own, which can only be packed from local blocks.
		if err := b.Restore(ctx, src.CID); err != nil {
			return Object{}, err
		}
	}
	if bucket.Policy.Publish {
		if err := b.publishFrom(ctx, src, bucket); err != nil {
			return Object{}, err
		}
	}
	o := src
	o.Bucket, o.Key, o.Owner, o.Attributes = bucket.UUID, key, owner, attr
	return b.commit(ctx, change{asked: bucket, name: key, cond: cond, event: EventCopy, extra: func(tx kv.Tx, o Object) error {
		now, err := versionNamed(tx, src.Bucket, src.Key, src.VersionID())
		if errors.Is(err, ErrNoVersion) || err == nil && now.Content != src.Content {
			return ErrNoObject // another null version is another one
		}
		if err != nil {
			return err
		}
		// Only a root that is referenced now cannot have been swept.
		held, err := holdsRoot(tx, src.CID, src.Content)
		if err == nil && !held {
			return node.ErrNotFound
		}
		if err != nil || o.Content == src.Content {
			return err
		}
		return copyPartSums(tx, src.Content, o.Content)
	}}, o)
}

// publishFrom makes what was stored for a private bucket readable by anyone.
func (b *Buckets) publishFrom(ctx context.Context, src Object, bucket Bucket) error {
	if src.Bucket == bucket.UUID {
		return nil
	}
	from, err := b.BucketByUUID(ctx, src.Bucket)
	if err != nil || from.Policy.Publish {
		return err
	}
	b.publishing.RLock()
	defer b.publishing.RUnlock()
	if err := b.stillAs(ctx, bucket); err != nil {
		return err
	}
	return b.node.Publish(ctx, src.CID)
}
