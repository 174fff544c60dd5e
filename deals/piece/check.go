package piece

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/whypfs/whypfs/kv"
)

// Check reads the layouts of all pieces and tells fn of each zone or shard
// whose bytes cannot be found through its own: where names it.
func (p *Pieces) Check(ctx context.Context, fn func(where, what string)) error {
	zones := map[uint64]zoneRow{}
	err := p.store.View(ctx, func(tx kv.Tx) error {
		clear(zones)
		from, to := kv.Range(prefix, "zone")
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			var zone uint64
			if err := kv.Unkey(r.Key, nil, nil, &zone); err != nil {
				return err
			}
			if zones[zone], err = kv.GetJSON[zoneRow](tx, r.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check layouts: %w", err)
	}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		for _, c := range zones[zone].Pieces {
			if _, err := p.row(ctx, c); err != nil {
				fn(fmt.Sprintf("zone %d", zone), fmt.Sprintf("piece %s: %v", c, err))
			}
		}
		for ord := range zones[zone].Shards {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if err := p.checkShard(ctx, zone, ord); err != nil {
				fn(fmt.Sprintf("zone %d shard %d", zone, ord), err.Error())
			}
		}
	}
	return nil
}

// checkShard walks the layout rows of one shard, each of which must begin where
// the one before ended, from the prefix to the shard's end.
func (p *Pieces) checkShard(ctx context.Context, zone, ord uint64) error {
	row, head, err := p.shard(ctx, zone, ord)
	if err != nil {
		return err
	}
	if int64(len(head)) != row.Prefix {
		return fmt.Errorf("the prefix has %d bytes, not %d", len(head), row.Prefix)
	}
	off := row.Prefix
	for _, from := range row.Chunks {
		if from != off {
			return fmt.Errorf("a layout row begins at %d, not at %d", from, off)
		}
		ch, err := p.loadChunk(ctx, zone, ord, &row, from)
		if err != nil {
			return err
		}
		off = ch.end
	}
	if off != row.Size {
		return fmt.Errorf("the layout ends at %d, the shard at %d", off, row.Size)
	}
	return nil
}
