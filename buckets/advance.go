package buckets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	noDealer = "no Filecoin network is configured"
	// lookAgain is when a dealing zone is looked at although nobody said that its deals moved.
	lookAgain = 10 * time.Minute
	// releaseBatch bounds the members one transaction lets go of.
	releaseBatch = 500
)

// advance takes a zone from sealed to complete, as far as it gets. Each step
// is recorded before the next begins, and repeated after a crash between.
func (b *Buckets) advance(ctx context.Context, id string) error {
	zone, err := parseZoneJobID(id)
	if err != nil {
		return err
	}
	for {
		z, err := b.loadZone(ctx, zone)
		if errors.Is(err, ErrNoZone) {
			return nil
		}
		if err != nil {
			return err
		}
		if z.State == ZoneOpen || (z.State == ZoneComplete && z.Released && b.dealer == nil) {
			return nil
		}
		if b.dealer == nil && z.State != ZoneComplete {
			if err := b.explain(ctx, z, noDealer); err != nil {
				return err
			}
			return queue.Later(time.Now().Add(day), noDealer)
		}
		more, wait, err := b.step(ctx, z)
		if err != nil && ctx.Err() == nil {
			err = errors.Join(err, b.explain(ctx, z, err.Error()))
		}
		if err != nil {
			return err
		}
		if !more {
			return wait
		}
	}
}

// step does what the zone's state asks for. If there is more to do now, it
// says so; otherwise wait is what the job ends with.
func (b *Buckets) step(ctx context.Context, z zoneRow) (more bool, wait, err error) {
	switch z.State {
	case ZoneSealed:
		return true, nil, b.pack(ctx, z)
	case ZonePacked:
		// A dead zone gets no deals, as each is paid for.
		if dead, err := b.allDeleted(ctx, z.ID); err != nil {
			return false, nil, err
		} else if !dead {
			if err := b.dealer.Deal(ctx, z.Zone); err != nil {
				return false, nil, fmt.Errorf("deal: %w", err)
			}
		}
		return true, nil, b.moveZone(ctx, z, ZoneDealing, func(z *zoneRow) { z.Reason = "waiting for deals" })
	case ZoneDealing:
		return b.watch(ctx, z)
	case ZoneComplete:
		if !z.Released {
			return true, nil, b.releaseDeleted(ctx, z)
		}
		if !z.Told {
			return true, nil, b.tellMembers(ctx, z.ID)
		}
		return false, nil, b.watchComplete(ctx, z)
	}
	return false, nil, fmt.Errorf("zone %d is in state %q", z.ID, z.State)
}

// pack fixes the members before the Dealer sees them. Until then, which
// without a network is for ever, the deleted ones leave.
func (b *Buckets) pack(ctx context.Context, z zoneRow) error {
	least, err := b.dealer.SmallestPiece(ctx, z.Policy.Providers, z.Policy.takers())
	if err != nil && !z.Packing {
		return fmt.Errorf("pack: it cannot be told which pieces providers take: %w", err)
	}
	err = b.changeZone(ctx, z.ID, func(row *zoneRow) bool {
		changed := row.State == ZoneSealed && !row.Packing
		if changed {
			row.Packing, row.MinPiece = true, least
		}
		return changed
	})
	if err != nil {
		return err
	}
	if z, err = b.loadZone(ctx, z.ID); errors.Is(err, ErrNoZone) {
		return nil
	}
	if err != nil {
		return err
	}
	var all []Content
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		all, err = members(tx, z.ID, 0, math.MaxInt)
		return err
	})
	if err != nil {
		return err
	}
	pieces, err := b.dealer.Pack(ctx, z.Zone, all)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	if err := b.forgetRoots(ctx, z.ID); err != nil {
		return err
	}
	return b.moveZone(ctx, z, ZonePacked, func(z *zoneRow) {
		z.Pieces = pieces
		z.Reason = "waiting to be dealt"
	})
}

// watch waits until every wanted deal is active. Of a zone in which everything
// was deleted none is wanted; it is done when no provider fetches its pieces.
func (b *Buckets) watch(ctx context.Context, z zoneRow) (more bool, wait, err error) {
	p, dead, err := b.progress(ctx, z)
	if err != nil {
		return false, nil, err
	}
	reason := dealsReason(p, dead)
	if dead && p.Pending == 0 || !dead && p.Wanted > 0 && p.Active >= p.Wanted {
		return true, nil, b.moveZone(ctx, z, ZoneComplete, func(z *zoneRow) { z.Reason = reason })
	}
	return false, queue.Later(time.Now().Add(lookAgain), reason), b.explain(ctx, z, reason)
}

// watchComplete keeps the reason of a complete zone true. Replacing deals that
// ended is the dealer's business, which says so through DealsChanged.
func (b *Buckets) watchComplete(ctx context.Context, z zoneRow) error {
	p, dead, err := b.progress(ctx, z)
	if err != nil {
		return err
	}
	return b.explain(ctx, z, dealsReason(p, dead))
}

// progress is how far the deals of a zone are, and whether everything in it was deleted.
func (b *Buckets) progress(ctx context.Context, z zoneRow) (p Progress, dead bool, err error) {
	if p, err = b.dealer.Progress(ctx, z.Zone); err != nil {
		return p, false, fmt.Errorf("progress: %w", err)
	}
	dead, err = b.allDeleted(ctx, z.ID)
	return p, dead, err
}

func dealsReason(p Progress, dead bool) string {
	if dead {
		return deadReason(p.Active + p.Ending)
	}
	s := fmt.Sprintf("%d of %d deals are active", p.Active, p.Wanted)
	if p.Ending > 0 {
		s += fmt.Sprintf(", and %d run out, as everything in their pieces was deleted", p.Ending)
	}
	if p.Reason != "" && p.Active < p.Wanted {
		s += ": " + p.Reason
	}
	return s
}

// deadReason is that of a zone in which everything was deleted.
func deadReason(active int) string {
	if active == 0 {
		return "everything in it was deleted, and no deal is active"
	}
	return fmt.Sprintf("everything in it was deleted: %d active deals run out, and none is made", active)
}

// releaseDeleted drops the references of members that were deleted while
// providers still had to fetch the pieces. From completion on a delete does it itself.
func (b *Buckets) releaseDeleted(ctx context.Context, z zoneRow) error {
	for after, more := uint64(0), true; more; {
		var next uint64
		err := b.update(ctx, func(tx kv.Tx) error {
			list, err := members(tx, z.ID, after, releaseBatch)
			if err != nil {
				return err
			}
			next, more = after, len(list) == releaseBatch
			for _, c := range list {
				next = c.ID
				if c.Deleted {
					if err := letGoRoot(tx, c); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = next
	}
	return b.changeZone(ctx, z.ID, func(row *zoneRow) bool {
		row.Released = true
		return true
	})
}

// moveZone takes a zone one state further, with what is known then.
func (b *Buckets) moveZone(ctx context.Context, z zoneRow, to ZoneState, set func(*zoneRow)) error {
	now := time.Now().UTC()
	err := b.changeZone(ctx, z.ID, func(row *zoneRow) bool {
		if row.State != z.State {
			return false // another process was here first
		}
		row.State, row.Changed = to, now
		set(row)
		return true
	})
	if err == nil {
		b.log.InfoContext(ctx, "zone moved", "zone", z.ID, "bucket", z.Bucket, "state", to, "size", z.Size)
	}
	return err
}

// explain stores why a zone is where it is, if that is news.
func (b *Buckets) explain(ctx context.Context, z zoneRow, reason string) error {
	if z.Reason == reason {
		return nil
	}
	return b.changeZone(ctx, z.ID, func(row *zoneRow) bool {
		if row.State != z.State {
			return false
		}
		row.Reason = reason
		return true
	})
}

// changeZone changes a zone's row, if it still exists and change says that it did.
func (b *Buckets) changeZone(ctx context.Context, id uint64, change func(*zoneRow) bool) error {
	return b.update(ctx, func(tx kv.Tx) error {
		row, err := zoneAt(tx, id)
		if errors.Is(err, ErrNoZone) {
			return nil
		}
		if err != nil || !change(&row) {
			return err
		}
		return putZone(tx, row)
	})
}

func (b *Buckets) loadZone(ctx context.Context, id uint64) (z zoneRow, err error) {
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		z, err = zoneAt(tx, id)
		return err
	})
	return z, err
}

// DealsChanged tells the zone jobs that the deals of a zone moved.
func (b *Buckets) DealsChanged(ctx context.Context, zone uint64) error {
	err := b.update(ctx, func(tx kv.Tx) error {
		_, err := zoneAt(tx, zone)
		if errors.Is(err, ErrNoZone) {
			return nil
		}
		if err != nil {
			return err
		}
		// Adding, not waking: a job that runs now has perhaps looked already, and has to look again.
		return b.queue.Add(tx, jobZone, zoneJobID(zone), time.Time{})
	})
	if err != nil {
		return fmt.Errorf("deals of zone %d: %w", zone, err)
	}
	return nil
}
