package buckets

import (
	"context"

	"github.com/whypfs/whypfs/kv"
)

// Unjob removes the job of a bucket's tree, as no code does.
func (b *Buckets) Unjob(ctx context.Context, bucket Bucket) error {
	return b.update(ctx, func(tx kv.Tx) error { return b.queue.Remove(tx, jobTree, bucket.UUID) })
}
