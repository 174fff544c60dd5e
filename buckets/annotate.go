package buckets

import (
	"context"
	"fmt"

	"github.com/whypfs/whypfs/internal/acl"
	"github.com/whypfs/whypfs/kv"
)

// Tag is one of an object's tags, which keep their order.
type Tag struct{ Key, Value string }

// SetTags replaces the tags of a version; see change.
func (b *Buckets) SetTags(ctx context.Context, bucket Bucket, key, version string, tags []Tag) (Object, error) {
	event := EventTag
	if len(tags) == 0 {
		event = EventUntag
	}
	return b.change(ctx, bucket, key, version, event, func(_ Bucket, o *Object) error {
		o.Tags = tags
		return nil
	})
}

// SetGrants replaces the grants of a version; see change.
func (b *Buckets) SetGrants(ctx context.Context, bucket Bucket, key, version string, grants []acl.Grant) (Object, error) {
	return b.change(ctx, bucket, key, version, EventACL, func(_ Bucket, o *Object) error {
		o.Grants = grants
		return nil
	})
}

// change sets what a version carries besides its bytes, without making it a new
// one. Its errors are those of Head; a marker asked for by its version is
// ErrMarker. event, if not "", is what webhooks hear. fn may run more than once, on an object as it is stored.
func (b *Buckets) change(ctx context.Context, bucket Bucket, key, version, event string, fn func(Bucket, *Object) error) (Object, error) {
	var o Object
	err := b.update(ctx, func(tx kv.Tx) error {
		now, err := bucketRow(tx, bucket.UUID)
		if err != nil {
			return err
		}
		if o, err = find(tx, now, key, version); err != nil {
			return err
		}
		if o.Marker {
			return ErrMarker
		}
		if err := fn(now, &o); err != nil {
			return err
		}
		if err := store(tx, o); err != nil || event == "" {
			return err
		}
		return b.emit(tx, now, event, o)
	})
	if err != nil {
		return o, fmt.Errorf("change %q: %w", key, err)
	}
	return o, nil
}
