package buckets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

const (
	// retention is how long a zone is kept after its last step once nothing undeleted is in it.
	retention = 3 * 30 * day
	// doneRetention is how long completing an upload again gives its object.
	doneRetention = day
	// gcBatch bounds the rows one transaction removes.
	gcBatch = 500
)

// GC forgets what nobody needs: zones that have held only deleted contents
// and not moved for three months, whether complete or still failing, the
// records of uploads completed a day ago, and abandoned uploads. A zone that an undeleted content is
// in stays for ever, because an offloaded or damaged content comes back from
// its pieces. One zone that cannot be forgotten does not keep the others.
func (b *Buckets) GC(ctx context.Context) error {
	var candidates, dealt []zoneRow
	now := time.Now()
	err := b.view(ctx, func(tx kv.Tx) error {
		candidates, dealt = nil, nil
		for z, err := range zoneRows(tx) {
			if err != nil {
				return err
			}
			switch {
			case z.State != ZoneOpen && now.Sub(z.Changed) > retention:
				candidates = append(candidates, z)
			case z.State == ZoneComplete && z.Reason != deadReason(0):
				dealt = append(dealt, z)
			}
		}
		return nil
	})
	errs := []error{err}
	for _, z := range candidates {
		if err := b.forgetZone(ctx, z); err != nil {
			errs = append(errs, fmt.Errorf("zone %d: %w", z.ID, err))
		}
	}
	for _, z := range dealt {
		errs = append(errs, b.wakeDead(ctx, z))
	}
	errs = append(errs, b.forgetNameless(ctx, tabRead), b.forgetNameless(ctx, tabSent))
	errs = append(errs, b.forgetDone(ctx, now.Add(-doneRetention)))
	if b.expiry > 0 {
		errs = append(errs, b.expireUploads(ctx, now.Add(-b.expiry)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("gc: %w", err)
	}
	return nil
}

// forgetZone removes a zone whose members are all deleted. Deals that are
// still active run out: followed, they would be renewed for nobody.
func (b *Buckets) forgetZone(ctx context.Context, z zoneRow) error {
	dead, err := b.allDeleted(ctx, z.ID)
	if err != nil || !dead {
		return err
	}
	if b.dealer != nil {
		// First, because it is found again if a crash comes between.
		if err := b.dealer.Forget(ctx, z.Zone); err != nil {
			return fmt.Errorf("forget: %w", err)
		}
	}
	for {
		var left bool
		err := b.update(ctx, func(tx kv.Tx) error {
			z, err := zoneAt(tx, z.ID)
			if errors.Is(err, ErrNoZone) {
				return nil
			}
			if err != nil {
				return err
			}
			list, err := members(tx, z.ID, 0, gcBatch)
			if err != nil {
				return err
			}
			for _, c := range list {
				if err := errors.Join(removeContent(tx, c), tx.Delete(keyMember(z.ID, c.ID))); err != nil {
					return err
				}
				z.Size -= c.Size
				z.Count--
			}
			more, err := forgetRoots(tx, z.ID, gcBatch)
			if err != nil {
				return err
			}
			if left = more || len(list) == gcBatch; left {
				return putZone(tx, z)
			}
			return tx.Delete(keyZone(z.ID))
		})
		if err != nil || !left {
			return err
		}
	}
}

// forgetDone removes the records of uploads completed before a time. Most are
// younger, and looking at them does not hold writers up.
func (b *Buckets) forgetDone(ctx context.Context, before time.Time) error {
	for from, to := kv.Range(tabDone); from != nil; {
		var old [][]byte
		var next []byte
		err := b.view(ctx, func(tx kv.Tx) (err error) {
			old, next, err = doneBefore(tx, from, to, before)
			return err
		})
		if err != nil {
			return err
		}
		from = next
		if len(old) == 0 {
			continue
		}
		// A record never changes.
		err = b.update(ctx, func(tx kv.Tx) error {
			for _, key := range old {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// doneBefore returns up to gcBatch old records, and where to go on; nil at the end.
func doneBefore(tx kv.Tx, from, to []byte, before time.Time) (old [][]byte, next []byte, err error) {
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return nil, nil, err
		}
		if len(old) == gcBatch {
			return old, bytes.Clone(row.Key), nil
		}
		var d doneRow
		if err := decode(row.Value, &d); err != nil {
			return nil, nil, err
		}
		if d.Completed.Before(before) {
			old = append(old, bytes.Clone(row.Key))
		}
	}
	return old, nil, nil
}
