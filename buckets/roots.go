package buckets

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// Roots yields every root whose blocks must stay, once each: node.Sweep's argument.
//
// They are those of one moment. Reading them in several snapshots would miss
// some: an upload that is completed in between moves its leaves from the roots
// of its parts, read later, to a root that belongs among those read before.
// What is referenced after that moment either was put under a lease that the
// sweep has waited for, or that keeps it, or is reached from a root of that moment.
func (b *Buckets) Roots(ctx context.Context, yield func(cid.Cid) error) error {
	var roots []cid.Cid
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		roots, err = allRoots(tx)
		return err
	})
	if err == nil {
		// A snapshot may show a commit whose sync is under way, or has failed. A
		// sweep must not remove what the state before it needs, which is the one
		// that a power cut brings back. Updates are answered in the order of
		// commits, so after this one what was read is durable.
		err = b.update(ctx, func(kv.Tx) error { return nil })
	}
	if err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	for _, root := range roots {
		if err := yield(root); err != nil {
			return err
		}
	}
	return nil
}

// allRoots returns the distinct roots, jumping over the other references to each.
func allRoots(tx kv.Tx) (roots []cid.Cid, err error) {
	from, to := kv.Range(tabRef)
	for from != nil {
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
