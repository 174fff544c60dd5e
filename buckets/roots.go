package buckets

import (
	"context"
	"fmt"
	"strings"

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

// allRoots returns the distinct roots.
func allRoots(tx kv.Tx) ([]cid.Cid, error) {
	ofContents, err := contentRoots(tx)
	if err != nil {
		return nil, err
	}
	others, err := referencedRoots(tx)
	if err != nil {
		return nil, err
	}
	return mergeRoots(ofContents, others), nil
}

// contentRoots returns those that contents hold, in order.
func contentRoots(tx kv.Tx) (roots []cid.Cid, err error) {
	for row, err := range tx.Scan(kv.Range(tabCID)) {
		if err != nil {
			return nil, err
		}
		if string(row.Value) != string(holding) {
			continue // a row from before has another in ref if it holds
		}
		root, err := rootIn(row.Key, nil)
		if err != nil {
			return nil, err
		}
		if len(roots) == 0 || root != roots[len(roots)-1] {
			roots = append(roots, root)
		}
	}
	return roots, nil
}

// referencedRoots returns those that have a reference, in order, jumping over
// the other references to each.
func referencedRoots(tx kv.Tx) (roots []cid.Cid, err error) {
	from, to := kv.Range(tabRef)
	for from != nil {
		var next []byte
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return nil, err
			}
			root, err := rootIn(row.Key, nil, nil)
			if err != nil {
				return nil, err
			}
			roots = append(roots, root)
			next = kv.After(tabRef, root.Bytes())
			break
		}
		from = next
	}
	return roots, nil
}

// rootIn is the root that a key has behind its table, before the rest.
func rootIn(key []byte, rest ...any) (cid.Cid, error) {
	var raw []byte
	if err := kv.Unkey(key, append([]any{nil, &raw}, rest...)...); err != nil {
		return cid.Undef, err
	}
	root, err := cid.Cast(raw)
	if err != nil {
		return cid.Undef, fmt.Errorf("root in %x: %w", key, err)
	}
	return root, nil
}

// mergeRoots makes one list of two, which are in order.
func mergeRoots(a, b []cid.Cid) []cid.Cid {
	all := make([]cid.Cid, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		order := strings.Compare(a[0].KeyString(), b[0].KeyString())
		if order <= 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all = append(all, b[0])
		}
		if order >= 0 {
			b = b[1:]
		}
	}
	return append(append(all, a...), b...)
}
