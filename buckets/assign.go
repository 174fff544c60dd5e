package buckets

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	// assignBatch bounds the contents one transaction puts into zones.
	assignBatch = 500
	// maxMembers bounds the members of a zone, because empty files add nothing to its size.
	maxMembers = 1 << 16
)

// rescan is after how many times of gathering the unassigned contents of a busy
// bucket are looked for from the beginning.
const rescan = 100

// assignMarks are where the last run of assign has ended, by bucket. In a store
// that keeps what was deleted for a while, it is dear to begin before what was
// assigned just now.
type assignMarks struct {
	mu    sync.Mutex
	marks map[string]assignMark // guarded by mu
}

type assignMark struct {
	after uint64    // the last content assigned
	whole time.Time // when the last run looked from the beginning
}

func (m *assignMarks) get(bucket string) assignMark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks[bucket]
}

func (m *assignMarks) set(bucket string, mark assignMark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.marks == nil || len(m.marks) >= maxCached {
		m.marks = map[string]assignMark{}
	}
	m.marks[bucket] = mark
}

// assign puts a bucket's unassigned contents into its open zones, oldest first.
// In a bucket that gets many it begins where it has ended last. An upload that
// has ended late can have an id from before: so the job is not done before it
// has looked from the beginning.
func (b *Buckets) assign(ctx context.Context, bucket string) error {
	mark, now := b.assigned.get(bucket), time.Now()
	whole := b.gather == 0 || now.Sub(mark.whole) >= rescan*b.gather
	if whole {
		mark = assignMark{whole: now}
	}
	for more := true; more; {
		var err error
		if mark.after, more, err = b.assignSome(ctx, bucket, mark.after); err != nil {
			return fmt.Errorf("assign contents of bucket %s: %w", bucket, err)
		}
	}
	if b.gather == 0 {
		return nil
	}
	b.assigned.set(bucket, mark)
	if whole {
		return nil
	}
	return queue.Later(mark.whole.Add(rescan*b.gather), "looks for uploads that end late")
}

// assignSome does one batch, of contents with ids above after, in one
// transaction. It returns the last of them, and whether more is left.
func (b *Buckets) assignSome(ctx context.Context, uuid string, after uint64) (last uint64, more bool, err error) {
	candidate, now := b.newID(), time.Now().UTC()
	err = b.update(ctx, func(tx kv.Tx) error {
		last = after
		bucket, err := bucketRow(tx, uuid)
		if errors.Is(err, ErrNoBucket) {
			return nil // only empty buckets are deleted
		}
		if err != nil {
			return err
		}
		var ids []uint64
		if ids, more, err = unassigned(tx, uuid, after, assignBatch); err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		return b.gatherIn(tx, bucket, ids, candidate, now)
	})
	return last, more, err
}

// gatherIn makes contents members of the bucket's open zones: those with a
// replication of their own of a zone for that.
func (b *Buckets) gatherIn(tx kv.Tx, bucket Bucket, ids []uint64, candidate uint64, now time.Time) error {
	open := map[int]zoneRow{} // that something has come to, by replication
	for _, id := range ids {
		c, err := contentRow(tx, id)
		if err != nil {
			return err
		}
		z, found := open[c.Replication]
		if !found {
			z, found, err = openZone(tx, bucket.UUID, c.Replication)
		}
		if err == nil && !found {
			z, err = newZone(tx, bucket, c.Replication, candidate, now)
		}
		if err != nil {
			return err
		}
		if err := enterZone(tx, &z, c); err != nil {
			return err
		}
		if by := full(z.Zone, bucket.Policy); by != "" {
			delete(open, c.Replication)
			err = b.seal(tx, z, bucket.Policy, by, now)
		} else {
			open[c.Replication] = z
		}
		if err != nil {
			return err
		}
	}
	var errs error
	for _, z := range open {
		// Its reason has changed, and it may have become the oldest of all waiting.
		errs = errors.Join(errs, putZone(tx, z), b.queue.Add(tx, jobSeal, zoneJobID(z.ID), time.Time{}))
	}
	return errs
}

// unassigned returns the ids, above after, of up to max contents without a zone,
// oldest first.
func unassigned(tx kv.Tx, bucket string, after uint64, max int) (ids []uint64, more bool, err error) {
	_, to := kv.Range(tabNew, bucket)
	for row, err := range tx.Scan(keyNew(bucket, after+1), to) {
		if err != nil {
			return nil, false, err
		}
		if len(ids) == max {
			return ids, true, nil
		}
		var id uint64
		if err := kv.Unkey(row.Key, nil, nil, &id); err != nil {
			return nil, false, err
		}
		ids = append(ids, id)
	}
	return ids, false, nil
}

// newZone opens a zone for the bucket's contents with a replication.
func newZone(tx kv.Tx, bucket Bucket, replication int, candidate uint64, now time.Time) (zoneRow, error) {
	id, err := freeID(tx, candidate, keyZone)
	if err != nil {
		return zoneRow{}, err
	}
	z := zoneRow{Zone: Zone{ID: id, Bucket: bucket.UUID, Owner: bucket.Owner, Replication: replication, State: ZoneOpen, Opened: now, Changed: now}}
	return z, errors.Join(putZone(tx, z), kv.PutJSON(tx, keyOpen(bucket.UUID, replication), id))
}

// enterZone makes an unassigned content a member of an open zone.
func enterZone(tx kv.Tx, z *zoneRow, c Content) error {
	c.Zone = z.ID
	if err := z.countIn(tx, c); err != nil {
		return err
	}
	// Not always the last to come: ids of uploads that end together cross.
	if t := idTime(c.ID); z.Count == 1 || t.Before(z.Oldest) {
		z.Oldest = t
	}
	return errors.Join(
		putContent(tx, c),
		tx.Delete(keyNew(c.Bucket, c.ID)),
		tx.Put(keyMember(z.ID, c.ID), present))
}

// full says by what an open zone has to be sealed whatever its age, or "".
func full(z Zone, p Policy) string {
	switch {
	case z.Distinct() >= p.Threshold:
		return "size"
	case z.Count >= maxMembers:
		return "count"
	}
	return ""
}

// seal closes an open zone: no member comes to it any more, and its policy, in
// a bucket with policy p, is fixed.
func (b *Buckets) seal(tx kv.Tx, z zoneRow, p Policy, by string, now time.Time) error {
	z.State, z.SealedBy, z.Changed, z.Policy, z.Held = ZoneSealed, by, now, p.replicated(z.Replication), nil
	z.Reason = "waiting to be packed"
	return errors.Join(
		putZone(tx, z),
		tx.Delete(keyOpen(z.Bucket, z.Replication)),
		b.queue.Add(tx, jobZone, zoneJobID(z.ID), time.Time{}))
}

// SealZone closes an open zone now. A zone that is past open stays as it is.
func (b *Buckets) SealZone(ctx context.Context, id uint64) error {
	now := time.Now().UTC()
	err := b.update(ctx, func(tx kv.Tx) error {
		z, err := zoneAt(tx, id)
		if err != nil || z.State != ZoneOpen {
			return err
		}
		bucket, err := bucketRow(tx, z.Bucket)
		if err != nil {
			return err
		}
		return b.seal(tx, z, bucket.Policy, "request", now)
	})
	if err != nil {
		return fmt.Errorf("seal zone %d: %w", id, err)
	}
	return nil
}

// recheckZones looks at the bucket's open zones again, under a new policy.
func (b *Buckets) recheckZones(tx kv.Tx, bucket string) error {
	var ids []uint64
	for row, err := range tx.Scan(kv.Range(tabOpen, bucket)) {
		var id uint64
		if err == nil {
			err = decode(row.Value, &id)
		}
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		if err := b.queue.Add(tx, jobSeal, zoneJobID(id), time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

func zoneJobID(zone uint64) string { return strconv.FormatUint(zone, 10) }

func parseZoneJobID(id string) (uint64, error) {
	zone, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("job of zone %q: %w", id, err)
	}
	return zone, nil
}
