package buckets

import (
	"context"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// UploadQuery asks for a page of the uploads in progress, by key and id.
type UploadQuery struct {
	Prefix, Delimiter string
	AfterKey, AfterID string // without an id every upload of the key is skipped
	Max               int
}

// UploadPage is part of a listing. The next page begins after NextKey and NextID.
type UploadPage struct {
	Uploads         []MultipartUpload
	Prefixes        []string
	More            bool
	NextKey, NextID string
}

// Uploads returns a page of the uploads in progress.
func (b *Buckets) Uploads(ctx context.Context, bucket Bucket, q UploadQuery) (UploadPage, error) {
	var page UploadPage
	err := b.view(ctx, func(tx kv.Tx) error {
		page = UploadPage{}
		if _, err := bucketRow(tx, bucket.UUID); err != nil {
			return err
		}
		if q.Max <= 0 {
			return nil
		}
		from, to := prefixBounds(tabUpload, bucket.UUID, q.Prefix)
		if q.AfterKey != "" && q.AfterKey >= q.Prefix {
			switch {
			case isRollup(q.AfterKey, q.Prefix, q.Delimiter):
				from = pastPrefix(tabUpload, bucket.UUID, q.AfterKey)
			case q.AfterID != "":
				from = keyUpload(bucket.UUID, q.AfterKey, q.AfterID+"\x00")
			default:
				from = kv.After(tabUpload, bucket.UUID, q.AfterKey)
			}
		}
		return page.fill(tx, bucket.UUID, q, from, to)
	})
	if err != nil {
		return UploadPage{}, fmt.Errorf("list uploads: %w", err)
	}
	return page, nil
}

// fill reads rows like Page.fill.
func (p *UploadPage) fill(tx kv.Tx, bucket string, q UploadQuery, from, to []byte) error {
	for from != nil {
		next := []byte(nil)
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			if len(p.Uploads)+len(p.Prefixes) == q.Max {
				p.More = true
				return nil
			}
			var key string
			if err := kv.Unkey(row.Key, nil, nil, &key, nil); err != nil {
				return err
			}
			if common, ok := rollup(key, q.Prefix, q.Delimiter); ok {
				p.Prefixes = append(p.Prefixes, common)
				p.NextKey, p.NextID = common, ""
				next = pastPrefix(tabUpload, bucket, common)
				break
			}
			var u MultipartUpload
			if err := decode(row.Value, &u); err != nil {
				return err
			}
			p.Uploads = append(p.Uploads, u)
			p.NextKey, p.NextID = key, u.ID
		}
		from = next
	}
	return nil
}
