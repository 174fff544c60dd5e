package buckets

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// reannounce is how long an announced root is left alone: the DHT forgets a
// provider record after two days.
const reannounce = 22 * time.Hour

// Published says whether an undeleted content of a publishing bucket has this root.
func (b *Buckets) Published(ctx context.Context, root cid.Cid) (bool, error) {
	published := false
	err := b.view(ctx, func(tx kv.Tx) error {
		published = false
		list, err := contentsWithRoot(tx, root)
		for _, c := range list {
			if err != nil || published {
				break
			}
			published, err = publishes(tx, c)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("is %v published: %w", root, err)
	}
	return published, nil
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

// announceLater adds the job that announces a content of a publishing bucket.
func (b *Buckets) announceLater(tx kv.Tx, bucket Bucket, id uint64) error {
	if !b.announces || !bucket.Policy.Publish {
		return nil
	}
	return b.queue.Add(tx, jobAnnounce, strconv.FormatUint(id, 10), time.Time{})
}

// announce tells the network that this node has a content, again and again
// for as long as it is there to be had.
func (b *Buckets) announce(ctx context.Context, job string) error {
	id, err := strconv.ParseUint(job, 10, 64)
	if err != nil {
		return fmt.Errorf("announce job %q: %w", job, err)
	}
	c, published := Content{}, false
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		if c, err = contentRow(tx, id); err == nil {
			published, err = publishes(tx, c)
		}
		return err
	})
	switch {
	case errors.Is(err, ErrNoContent), err == nil && !published:
		return nil
	case err != nil:
		return err
	}
	err = b.node.Announce(ctx, c.CID)
	if errors.Is(err, node.ErrNotFound) {
		return queue.Later(time.Now().Add(reannounce), "not announced while it is not local")
	}
	if err != nil {
		return err
	}
	return queue.Later(time.Now().Add(reannounce), "announced; the next time is due before the network forgets")
}
