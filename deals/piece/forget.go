package piece

import (
	"context"
	"errors"

	"github.com/whypfs/whypfs/kv"
)

// dropBatch is the number of rows that one transaction removes.
const dropBatch = 1000

// Forget drops the pieces of a zone and their layout. What else is known of
// them goes in also, in the same transaction as the pieces; it is not called
// if the zone has none.
func (p *Pieces) Forget(ctx context.Context, zone uint64, also func(tx kv.Tx, pieces []string) error) error {
	unlock, err := p.packing.Lock(ctx, zone)
	if err != nil {
		return err
	}
	defer unlock()
	err = p.store.Update(ctx, func(tx kv.Tx) error {
		z, err := kv.GetJSON[zoneRow](tx, keyZone(zone))
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := also(tx, z.Pieces); err != nil {
			return err
		}
		for _, c := range z.Pieces {
			if err := tx.Delete(keyPiece(c)); err != nil {
				return err
			}
		}
		return tx.Delete(keyZone(zone))
	})
	if err != nil {
		return err
	}
	return p.dropLayout(ctx, zone)
}

// dropLayout removes the rows that say what stands where in a zone's pieces.
func (p *Pieces) dropLayout(ctx context.Context, zone uint64) error {
	for _, kind := range []string{"layout", "span", "prefix", "shard", "chunks"} {
		for more := true; more; {
			err := p.store.Update(ctx, func(tx kv.Tx) error {
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
