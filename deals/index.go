package deals

import (
	"context"
	"errors"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// indexBatch is the number of deals that one transaction lists.
const indexBatch = 500

// index lists the deals of older versions, which knew neither bucket nor size of
// a deal, or did not find one by its proposal. Doing it again changes nothing.
func (d *Deals) index(ctx context.Context) error {
	var ids []string
	done := false
	err := d.store.View(ctx, func(tx kv.Tx) error {
		ids = nil
		_, err := tx.Get(keyIndexed())
		if done = err == nil; !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		for r, err := range tx.Scan(kv.Range(prefix, "byid")) {
			if err != nil {
				return err
			}
			ids = append(ids, string(r.Value))
		}
		return nil
	})
	if err != nil || done {
		return err
	}
	for len(ids) > 0 {
		batch := ids[:min(len(ids), indexBatch)]
		ids = ids[len(batch):]
		err := d.store.Update(ctx, func(tx kv.Tx) error {
			for _, id := range batch {
				if err := indexDeal(tx, id); err != nil && !d.skips(ctx, err) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return d.store.Update(ctx, func(tx kv.Tx) error { return tx.Put(keyIndexed(), nil) })
}

func indexDeal(tx kv.Tx, id string) error {
	row, err := getDeal(tx, id)
	if err != nil {
		return notGone(err)
	}
	p, err := piece.Get(tx, row.Piece)
	if err != nil {
		return notGone(err)
	}
	bucket, err := piece.Bucket(tx, row.Zone)
	if err != nil {
		return notGone(err)
	}
	if row.Bucket == "" {
		row.Bucket, row.Size = bucket, p.PaddedSize
	}
	return putDeal(tx, row)
}
