package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// Published says whether an undeleted content of a publishing bucket has this
// root, or the tree that such a bucket shows.
func (b *Buckets) Published(ctx context.Context, root cid.Cid) (bool, error) {
	published := false
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		published, err = isPublished(tx, root)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("is %v published: %w", root, err)
	}
	return published, nil
}

// WhilePublished calls fn, which makes blocks under root public, if root is
// published. If that ends meanwhile, what is under root is hidden after fn has ended.
func (b *Buckets) WhilePublished(ctx context.Context, root cid.Cid, fn func() error) error {
	b.publishing.RLock()
	defer b.publishing.RUnlock()
	published, err := b.Published(ctx, root)
	if err != nil || !published {
		return err
	}
	return fn()
}

// Private says whether undeleted contents have this root, all of them in
// buckets that do not publish.
func (b *Buckets) Private(ctx context.Context, root cid.Cid) (bool, error) {
	private := false
	err := b.view(ctx, func(tx kv.Tx) error {
		private = false
		list, err := contentsWithRoot(tx, root)
		for _, c := range list {
			if err != nil {
				break
			}
			var published bool
			if published, err = publishes(tx, c); published {
				private = false
				break
			}
			private = private || !c.Deleted
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("is %v private: %w", root, err)
	}
	return private, nil
}

func isPublished(tx kv.Tx, root cid.Cid) (bool, error) {
	list, err := contentsWithRoot(tx, root)
	for _, c := range list {
		if err != nil {
			break
		}
		if published, err := publishes(tx, c); err != nil || published {
			return published, err
		}
	}
	if err != nil {
		return false, err
	}
	return showsTree(tx, root)
}

func publishes(tx kv.Tx, c Content) (bool, error) {
	if c.Deleted {
		return false, nil
	}
	bucket, err := bucketRow(tx, c.Bucket)
	if errors.Is(err, ErrNoBucket) {
		return false, nil
	}
	return bucket.Policy.Publish, err
}
