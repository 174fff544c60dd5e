package buckets

import (
	"context"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// BucketQuery asks for a page of buckets by name.
type BucketQuery struct {
	Owner  uint64 // 0: everybody's
	Prefix string
	After  string // list names greater than this
	Max    int    // 0: all
}

// BucketPage is part of a listing; global buckets, which have no name, are in none.
type BucketPage struct {
	Buckets []Bucket
	More    bool // the next page begins after the last name
}

// ListBuckets returns a page. It costs what the page holds.
func (b *Buckets) ListBuckets(ctx context.Context, q BucketQuery) (BucketPage, error) {
	table, names := []any{tabByOwner, q.Owner}, []any{nil, nil}
	if q.Owner == 0 {
		table, names = []any{tabName}, []any{nil}
	}
	key := func(name string) []any { return append(table[:len(table):len(table)], name) }
	var page BucketPage
	err := b.view(ctx, func(tx kv.Tx) error {
		page = BucketPage{}
		from, to := kv.Prefix(key(q.Prefix)...)
		if q.After >= q.Prefix && q.After != "" {
			from = kv.After(key(q.After)...)
		}
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			if q.Max > 0 && len(page.Buckets) == q.Max {
				page.More = true
				return nil
			}
			var name string
			if err := kv.Unkey(row.Key, append(names, &name)...); err != nil {
				return err
			}
			bucket, err := bucketNamed(tx, name)
			if err != nil {
				return err
			}
			page.Buckets = append(page.Buckets, bucket)
		}
		return nil
	})
	if err != nil {
		return BucketPage{}, fmt.Errorf("list buckets: %w", err)
	}
	return page, nil
}
