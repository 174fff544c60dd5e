package buckets

import (
	"context"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/kv"
)

// Query asks for a page of a listing, in byte order of keys.
type Query struct {
	Prefix, Delimiter string
	After             string // list keys greater than this
	Max               int    // objects plus prefixes
}

// Page is part of a listing. Objects and Prefixes are each sorted.
type Page struct {
	Objects  []Object
	Prefixes []string // keys up to and including the delimiter, once each
	More     bool
	Next     string // the last key or prefix of the page: the next page's After. After a common prefix the whole of it is skipped.
}

// List returns a page. It costs what the page holds, with a delimiter too.
func (b *Buckets) List(ctx context.Context, bucket Bucket, q Query) (Page, error) {
	var page Page
	err := b.view(ctx, func(tx kv.Tx) error {
		page = Page{}
		if _, err := bucketRow(tx, bucket.UUID); err != nil {
			return err
		}
		if q.Max <= 0 {
			return nil
		}
		from, to := prefixBounds(tabObject, bucket.UUID, q.Prefix)
		if q.After != "" && q.After >= q.Prefix {
			from = kv.Key(tabObject, bucket.UUID, q.After+"\x00")
			if isRollup(q.After, q.Prefix, q.Delimiter) {
				from = pastPrefix(tabObject, bucket.UUID, q.After)
			}
		}
		return page.fill(tx, bucket, q, from, to)
	})
	if err != nil {
		return Page{}, fmt.Errorf("list: %w", err)
	}
	return page, nil
}

// fill reads rows from a cursor that jumps over each common prefix once its
// first key has been seen.
func (p *Page) fill(tx kv.Tx, bucket Bucket, q Query, from, to []byte) error {
	for from != nil {
		next := []byte(nil)
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			if len(p.Objects)+len(p.Prefixes) == q.Max {
				p.More = true
				return nil
			}
			var key string
			if err := kv.Unkey(row.Key, nil, nil, &key); err != nil {
				return err
			}
			if common, ok := rollup(key, q.Prefix, q.Delimiter); ok {
				p.Prefixes = append(p.Prefixes, common)
				p.Next = common
				next = pastPrefix(tabObject, bucket.UUID, common)
				break
			}
			o, err := decodeObject(bucket.UUID, key, row.Value)
			if err != nil {
				return err
			}
			o.Latest = true
			o.read(bucket)
			p.Objects = append(p.Objects, o)
			p.Next = key
		}
		from = next
	}
	return nil
}

// rollup returns the common prefix that stands for key in a listing, if one does.
func rollup(key, prefix, delimiter string) (common string, ok bool) {
	if delimiter == "" {
		return "", false
	}
	rest := key[len(prefix):]
	if i := strings.Index(rest, delimiter); i >= 0 {
		return prefix + rest[:i+len(delimiter)], true
	}
	return "", false
}

// isRollup says whether a cursor is a common prefix rather than a key.
func isRollup(after, prefix, delimiter string) bool {
	if !strings.HasPrefix(after, prefix) {
		return false
	}
	common, ok := rollup(after, prefix, delimiter)
	return ok && common == after
}
