package deals

import (
	"context"
	"errors"
	"math"

	"github.com/whypfs/whypfs/kv"
)

// dropBatch is the number of rows that one transaction removes.
const dropBatch = 1000

// Forget drops the pieces of a zone, their layout and deals records. The zone's
// deals are no longer followed; what providers hold they keep holding.
func (d *Deals) Forget(ctx context.Context, zone uint64) error {
	unlock, err := d.packing.lock(ctx, zone)
	if err != nil {
		return err
	}
	defer unlock()
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		z, err := kv.GetJSON[zoneRow](tx, keyZone(zone))
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		deals, err := dealsOf(tx, zone)
		if err != nil {
			return err
		}
		for _, row := range deals {
			if err := dropDeal(tx, row); err != nil {
				return err
			}
		}
		for _, c := range z.Pieces {
			if err := dropRange(tx, math.MaxInt, prefix, "refusal", c); err != nil {
				return err
			}
			if err := tx.Delete(keyPiece(c)); err != nil {
				return err
			}
		}
		return tx.Delete(keyZone(zone))
	})
	if err != nil {
		return err
	}
	return d.dropLayout(ctx, zone)
}

// dropLayout removes the rows that say what stands where in a zone's pieces.
func (d *Deals) dropLayout(ctx context.Context, zone uint64) error {
	for _, kind := range []string{"layout", "span", "prefix", "shard"} {
		for more := true; more; {
			err := d.store.Update(ctx, func(tx kv.Tx) error {
				err := dropRange(tx, dropBatch, prefix, kind, zone)
				more = errors.Is(err, errMore)
				if more {
					return nil
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

var errMore = errors.New("more rows")

// dropRange removes the rows that start with parts, at most limit of them; errMore says that some are left.
func dropRange(tx kv.Tx, limit int, parts ...any) error {
	var keys [][]byte
	for row, err := range tx.Scan(kv.Range(parts...)) {
		if err != nil {
			return err
		}
		keys = append(keys, append([]byte(nil), row.Key...))
		if len(keys) == limit {
			break
		}
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	if len(keys) == limit {
		return errMore
	}
	return nil
}
