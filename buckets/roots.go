package buckets

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// rootsBatch bounds the roots one snapshot is kept open for.
const rootsBatch = 1000

// Roots yields every root whose blocks must stay, once each: node.Sweep's argument.
//
// It reads in several snapshots. That is safe because a root that is referenced
// all the time is seen whichever snapshot its turn comes in, and a root that
// becomes referenced meanwhile is either under its uploader's lease or, when
// it is copied, was referenced before.
func (b *Buckets) Roots(ctx context.Context, yield func(cid.Cid) error) error {
	from, to := kv.Range(tabRef)
	for {
		var roots []cid.Cid
		err := b.view(ctx, func(tx kv.Tx) (err error) {
			roots, err = someRoots(tx, from, to)
			return err
		})
		if err != nil {
			return fmt.Errorf("roots: %w", err)
		}
		for _, root := range roots {
			if err := yield(root); err != nil {
				return err
			}
		}
		if len(roots) < rootsBatch {
			return nil
		}
		from = kv.After(tabRef, rootKey(roots[len(roots)-1]))
	}
}

// someRoots returns the next distinct roots, jumping over the other references to each.
func someRoots(tx kv.Tx, from, to []byte) (roots []cid.Cid, err error) {
	for from != nil && len(roots) < rootsBatch {
		var next []byte
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return nil, err
			}
			var raw []byte
			if err := kv.Unkey(row.Key, nil, &raw, nil, nil); err != nil {
				return nil, err
			}
			root, err := cid.Cast(raw)
			if err != nil {
				return nil, fmt.Errorf("reference %x: %w", row.Key, err)
			}
			roots = append(roots, root)
			next = kv.After(tabRef, raw)
			break
		}
		from = next
	}
	return roots, nil
}
