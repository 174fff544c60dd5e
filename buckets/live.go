package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// LiveContents calls yield with the members of a zone that are not deleted,
// oldest first, until it returns false. A zone that is gone has none.
func (b *Buckets) LiveContents(ctx context.Context, zone uint64, yield func(content uint64) bool) error {
	for after, more := uint64(0), true; more; {
		var live []uint64
		err := b.view(ctx, func(tx kv.Tx) error {
			live = nil
			list, err := members(tx, zone, after, gcBatch)
			if err != nil {
				return err
			}
			more = len(list) == gcBatch
			for _, c := range list {
				after = c.ID
				if !c.Deleted {
					live = append(live, c.ID)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("live contents of zone %d: %w", zone, err)
		}
		for _, id := range live {
			if !yield(id) {
				return nil
			}
		}
	}
	return nil
}

// allDeleted says whether no member of the zone is named by an object. Once
// true of a zone past open it stays true.
func (b *Buckets) allDeleted(ctx context.Context, zone uint64) (bool, error) {
	dead := true
	err := b.LiveContents(ctx, zone, func(uint64) bool {
		dead = false
		return false
	})
	return dead, err
}

// wakeDead has the job of a dealt zone see that everything in it was deleted.
func (b *Buckets) wakeDead(ctx context.Context, z zoneRow) error {
	dead, err := b.allDeleted(ctx, z.ID)
	if err != nil || !dead {
		return err
	}
	return b.update(ctx, func(tx kv.Tx) error {
		if _, err := zoneAt(tx, z.ID); err != nil {
			if errors.Is(err, ErrNoZone) {
				return nil
			}
			return err
		}
		return b.queue.Add(tx, jobZone, zoneJobID(z.ID), time.Time{})
	})
}
