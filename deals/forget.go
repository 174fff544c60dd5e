package deals

import (
	"context"
	"errors"

	"github.com/whypfs/whypfs/kv"
)

// dropBatch is the number of rows that one transaction removes.
const dropBatch = 1000

// Forget drops the pieces of a zone, their layout and deals records. The zone's
// deals are no longer followed; what providers hold they keep holding.
func (d *Deals) Forget(ctx context.Context, zone uint64) error {
	return d.pieces.Forget(ctx, zone, func(tx kv.Tx, pieces []string) error {
		deals, err := d.dealsOf(ctx, tx, zone)
		if err != nil {
			return err
		}
		for _, row := range deals {
			if err := dropDeal(tx, row); err != nil {
				return err
			}
		}
		for _, c := range pieces {
			if err := errors.Join(dropRefusals(tx, c), tx.Delete(keyNeedless(c)), tx.Delete(keyChoice(c))); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropRefusals forgets who refused a piece.
func dropRefusals(tx kv.Tx, pieceCID string) error {
	var keys [][]byte
	for r, err := range tx.Scan(kv.Range(prefix, "refusal", pieceCID)) {
		if err != nil {
			return err
		}
		keys = append(keys, append([]byte(nil), r.Key...))
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
