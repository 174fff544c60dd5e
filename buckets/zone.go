package buckets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

var ErrNoZone = errors.New("no such zone")

// ZoneState is a step in a zone's life. States only move forward.
type ZoneState string

const (
	ZoneOpen     ZoneState = "open"
	ZoneSealed   ZoneState = "sealed"
	ZonePacked   ZoneState = "packed"
	ZoneDealing  ZoneState = "dealing"
	ZoneComplete ZoneState = "complete"
)

// zoneStates are all states, in order.
var zoneStates = []ZoneState{ZoneOpen, ZoneSealed, ZonePacked, ZoneDealing, ZoneComplete}

// Zone is the contents of one bucket gathered for the next piece.
type Zone struct {
	ID     uint64
	Bucket string // uuid
	Owner  uint64
	// Replication is what its members have of their own; 0: none has any.
	Replication int `json:",omitempty"`
	State       ZoneState
	Reason      string // why it is in this state and what it waits for, for a person
	SealedBy    string // "size", "age", "count" or "request"
	Size        int64  // of all members, deleted ones too
	Repeated    int64  `json:",omitempty"` // of Size: what other members have too, and the piece has once
	Count       int64
	Opened      time.Time
	Oldest      time.Time // creation of the oldest member
	Changed     time.Time // last change of state
	Pieces      []string  // piece CIDs, once packed
	Policy      Policy    // of the bucket; fixed when the zone is sealed
	// MinPiece is the padded size that its pieces are filled up to, for providers
	// to take them; fixed when packing begins. 0: as small as they come.
	MinPiece int64 `json:",omitempty"`
}

// zoneRow is a stored zone.
type zoneRow struct {
	Zone
	// Packing says that the Dealer may have seen the members: they are fixed from then on.
	Packing bool `json:",omitempty"`
	// Released says that a complete zone has let go of its deleted members.
	Released bool `json:",omitempty"`
	// Told says that the news of a complete zone has reached its members, of
	// which those up to ToldTo have it.
	Told   bool   `json:",omitempty"`
	ToldTo uint64 `json:",omitempty"`
	// Held is why the zone, being old enough, is open all the same.
	Held *hold `json:",omitempty"`
}

// Zone returns a zone, or ErrNoZone.
func (b *Buckets) Zone(ctx context.Context, id uint64) (Zone, error) {
	var z Zone
	err := b.view(ctx, func(tx kv.Tx) error {
		row, err := zoneAt(tx, id)
		if err != nil {
			return err
		}
		z, err = presented(tx, row)
		return err
	})
	if err != nil {
		return Zone{}, fmt.Errorf("zone %d: %w", id, err)
	}
	return z, nil
}

// Zones returns zones newest first; owner 0 and bucket "" mean any.
func (b *Buckets) Zones(ctx context.Context, owner uint64, bucket string, limit, offset int) ([]Zone, error) {
	var list []Zone
	err := b.view(ctx, func(tx kv.Tx) error {
		list = nil
		skip := offset
		for row, err := range zoneRows(tx) {
			if err != nil {
				return err
			}
			if (owner != 0 && row.Owner != owner) || (bucket != "" && row.Bucket != bucket) {
				continue
			}
			if skip--; skip >= 0 {
				continue
			}
			if len(list) >= limit {
				return nil
			}
			z, err := presented(tx, row)
			if err != nil {
				return err
			}
			list = append(list, z)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("zones: %w", err)
	}
	return list, nil
}

// presented is a zone as others see it. What an open zone waits for changes
// by the minute, so it is worked out when it is asked for.
func presented(tx kv.Tx, row zoneRow) (Zone, error) {
	z := row.Zone
	if z.State != ZoneOpen {
		return z, nil
	}
	bucket, err := bucketRow(tx, z.Bucket)
	if err != nil {
		return Zone{}, err
	}
	row.Policy = bucket.Policy.replicated(z.Replication)
	z.Policy, z.Reason = row.Policy, row.waitingFor(time.Now())
	return z, nil
}

// ZoneContents returns members, deleted ones too, by content id greater than after.
func (b *Buckets) ZoneContents(ctx context.Context, id uint64, after uint64, limit int) ([]Content, error) {
	var list []Content
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		if _, err := zoneAt(tx, id); err != nil {
			return err
		}
		list, err = members(tx, id, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("contents of zone %d: %w", id, err)
	}
	return list, nil
}

// members returns up to limit members of a zone with ids greater than after.
func members(tx kv.Tx, zone, after uint64, limit int) ([]Content, error) {
	var list []Content
	_, to := kv.Range(tabMember, zone)
	for row, err := range tx.Scan(keyMember(zone, after+1), to) {
		if err != nil {
			return nil, err
		}
		if len(list) >= limit {
			break
		}
		c, err := contentNamed(tx, row.Key)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func zoneAt(tx kv.Tx, id uint64) (zoneRow, error) {
	z, err := kv.GetJSON[zoneRow](tx, keyZone(id))
	if errors.Is(err, kv.ErrNotFound) {
		return zoneRow{}, ErrNoZone
	}
	return z, err
}

func putZone(tx kv.Tx, z zoneRow) error { return kv.PutJSON(tx, keyZone(z.ID), z) }

// openZone returns the bucket's open zone for a replication; found is false if it has none.
func openZone(tx kv.Tx, bucket string, replication int) (z zoneRow, found bool, err error) {
	id, err := kv.GetJSON[uint64](tx, keyOpen(bucket, replication))
	if errors.Is(err, kv.ErrNotFound) {
		return zoneRow{}, false, nil
	}
	if err != nil {
		return zoneRow{}, false, err
	}
	z, err = zoneAt(tx, id)
	return z, err == nil, err
}

// fixed says that members can no longer leave the zone.
func (z zoneRow) fixed() bool {
	return z.State != ZoneOpen && (z.State != ZoneSealed || z.Packing)
}

// leaveZone takes a content out of a zone that is not fixed. A zone that is empty then goes too.
func leaveZone(tx kv.Tx, z zoneRow, c Content) error {
	if err := tx.Delete(keyMember(z.ID, c.ID)); err != nil {
		return err
	}
	if err := z.countOut(tx, c); err != nil {
		return err
	}
	if z.Count == 0 {
		if z.State == ZoneOpen {
			if err := tx.Delete(keyOpen(z.Bucket, z.Replication)); err != nil {
				return err
			}
		}
		return tx.Delete(keyZone(z.ID))
	}
	oldest, err := oldestMember(tx, z.ID)
	if err != nil {
		return err
	}
	z.Oldest = oldest
	return putZone(tx, z)
}

// replicationOf is how many deals a bucket's content has, or waits for.
func replicationOf(tx kv.Tx, bucket Bucket, content uint64) (int, error) {
	c, err := contentRow(tx, content)
	if err != nil || c.Zone == 0 {
		return cmp.Or(c.Replication, bucket.Policy.Replication), err
	}
	z, _, err := openWithPolicy(tx, c.Zone)
	return z.Policy.Replication, err
}

// oldestMember is when the first member of a zone was made.
func oldestMember(tx kv.Tx, zone uint64) (time.Time, error) {
	for row, err := range tx.Scan(kv.Range(tabMember, zone)) {
		if err != nil {
			return time.Time{}, err
		}
		var id uint64
		if err := kv.Unkey(row.Key, nil, nil, &id); err != nil {
			return time.Time{}, err
		}
		return idTime(id), nil
	}
	return time.Time{}, fmt.Errorf("zone %d has no members", zone)
}
