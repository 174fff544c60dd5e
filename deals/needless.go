package deals

import (
	"context"
	"errors"
	"slices"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// A piece is needless when no content that somebody still has stands in it. Its
// deals run out: none is made, replaced or renewed, as each costs money. That
// is looked at when a deal would be made, and lasts, as no deleted content
// comes back.

// needlessReason is why a needless piece gets no deals.
const needlessReason = "everything in it was deleted: its deals run out, and none is made"

// needed says whether a content that is not deleted stands in a piece.
func (d *Deals) needed(ctx context.Context, zone uint64, pieceCID string) (bool, error) {
	if d.opt.Live == nil {
		return true, nil
	}
	pieces, err := d.pieces.OfZone(ctx, zone)
	if err != nil {
		return false, err
	}
	found := false
	var failed error
	err = d.opt.Live(ctx, zone, func(content uint64) bool {
		if len(pieces) == 1 {
			found = true
			return false
		}
		in, err := d.pieces.OfContent(ctx, zone, content)
		found, failed = slices.Contains(in, pieceCID), err
		return !found && err == nil
	})
	return found, errors.Join(err, failed)
}

// giveUpNeedless marks a piece that nothing needs, and says whether it is one.
func (d *Deals) giveUpNeedless(ctx context.Context, pieceCID string) (bool, error) {
	p, err := d.pieces.Piece(ctx, pieceCID)
	if err != nil {
		return false, err
	}
	if needed, err := d.needed(ctx, p.Zone, pieceCID); err != nil || needed {
		return false, err
	}
	told := false
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		// Not after the zone was forgotten.
		row, err := piece.Get(tx, pieceCID)
		if err != nil {
			return err
		}
		if told = row.Reason == needlessReason; !told {
			if err := piece.SetReason(tx, pieceCID, needlessReason); err != nil {
				return err
			}
		}
		return kv.PutJSON(tx, keyNeedless(pieceCID), d.queue.Now())
	})
	if err != nil {
		return false, err
	}
	if !told {
		d.opt.Changed(p.Zone)
	}
	return true, nil
}

// needless says whether a piece was found to be needless.
func needless(tx kv.Tx, pieceCID string) (bool, error) {
	_, err := tx.Get(keyNeedless(pieceCID))
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
