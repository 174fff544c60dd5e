package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whypfs/whypfs/internal/span"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// Aged says what becomes of a zone that is old enough to be sealed while its
// contents make a smaller piece than providers take.
//
// A zone that is sealed for another cause, by its size, its count or a request,
// cannot wait for more: its pieces are filled up with zeros whatever the policy
// says, under AgedChoose no further than to what one provider takes.
type Aged string

const (
	// AgedPad seals it. Its piece is filled up with zeros until as many
	// providers take it as the policy wants replicas.
	AgedPad Aged = "pad"
	// AgedWait leaves it open, and it goes on taking contents, until its piece
	// is one that so many providers take.
	AgedWait Aged = "wait"
	// AgedChoose seals it as it is if a provider takes its piece, and only those
	// that do are asked for deals. Until one does, it is as with AgedWait.
	AgedChoose Aged = "choose"
)

const (
	// askAgain is when the smallest pieces of providers are asked for again for
	// a zone that waits because of them.
	askAgain = 30 * time.Minute
	// askSoon is that when they could not be told.
	askSoon = 5 * time.Minute
)

// takers is for how many providers a policy has the size of pieces fit.
func (p Policy) takers() int {
	if p.Aged == AgedChoose {
		return 1
	}
	return p.Replication
}

// hold is why a zone that is old enough stays open.
type hold struct {
	Piece int64  `json:",omitempty"` // padded: the smallest that enough providers take
	Fewer bool   `json:",omitempty"` // some take smaller ones, but too few
	Why   string `json:",omitempty"` // why it cannot be told what they take
}

// least returns how many bytes of content are sure to make a piece of a size:
// one byte more than the next smaller piece has room for.
func (h hold) least() int64 { return h.Piece/2 + 1 }

// holds says whether an aged zone, with its policy, has to stay open.
func (h hold) holds(z Zone) bool {
	return z.Policy.Aged != AgedPad && (h.Why != "" || h.Piece > 0 && z.Distinct() < h.least())
}

// askHold finds out what pieces providers take, for a zone of that policy.
func (b *Buckets) askHold(ctx context.Context, p Policy) (hold, error) {
	if b.dealer == nil {
		return hold{}, nil // it waits when it is sealed, for a network
	}
	piece, err := b.dealer.SmallestPiece(ctx, p.Providers, p.takers())
	if ctx.Err() != nil {
		return hold{}, ctx.Err()
	}
	if err != nil {
		return hold{Why: err.Error()}, nil
	}
	any, err := b.dealer.SmallestPiece(ctx, p.Providers, 1)
	return hold{Piece: piece, Fewer: any < piece}, err
}

// reason says why an aged zone, with its bucket's policy, stays open.
func (h hold) reason(z Zone) string {
	p := z.Policy
	s := "older than " + span.Text(p.MaxAge) + ", but "
	size := humanize.IBytes(uint64(h.Piece))
	switch {
	case h.Why != "":
		s += "it cannot be told which pieces providers take: " + h.Why
	case h.Fewer:
		s += fmt.Sprintf("fewer than %d providers take pieces below %s", p.takers(), size)
	default:
		s += "no provider takes pieces below " + size
	}
	switch {
	case h.Why != "":
	case h.Piece > p.MaxPiece:
		s += fmt.Sprintf(", and the largest piece of the policy is %s", humanize.IBytes(uint64(p.MaxPiece)))
	default:
		missing := max(min(h.least(), p.Threshold)-z.Distinct(), 0)
		s += ": waiting for " + humanize.IBytes(uint64(missing)) + " more"
	}
	return s + fmt.Sprintf(" (policy aged=%s)", p.Aged)
}

// aged says whether a zone, with its bucket's policy, is old enough to be sealed.
// One whose oldest content is as far in the future is of a clock that was ahead,
// and as old as anyone can tell.
func (z Zone) aged(now time.Time) bool { return now.Sub(z.Oldest).Abs() >= z.Policy.MaxAge }

// waitingFor says what an open zone, with its bucket's policy, waits for.
func (z zoneRow) waitingFor(now time.Time) string {
	if z.aged(now) && z.Held != nil && z.Held.holds(z.Zone) {
		return z.Held.reason(z.Zone)
	}
	missing := max(z.Policy.Threshold-z.Distinct(), 0)
	left := max(z.Oldest.Add(z.Policy.MaxAge).Sub(now), 0)
	whose := ""
	if z.Replication != 0 {
		whose = fmt.Sprintf(" of contents that ask for %d deals", z.Replication)
	}
	return fmt.Sprintf("waiting for %s more%s or %s", humanize.IBytes(uint64(missing)), whose, span.Text(left))
}

// openWithPolicy returns a zone with the policy that it has in its bucket, and whether it is open.
func openWithPolicy(tx kv.Tx, id uint64) (z zoneRow, open bool, err error) {
	z, err = zoneAt(tx, id)
	if errors.Is(err, ErrNoZone) {
		return z, false, nil
	}
	if err != nil || z.State != ZoneOpen {
		return z, false, err
	}
	bucket, err := bucketRow(tx, z.Bucket)
	z.Policy = bucket.Policy.replicated(z.Replication)
	return z, err == nil, err
}

// sealIfDue seals an open zone that is full or old enough, or waits until it will be.
func (b *Buckets) sealIfDue(ctx context.Context, id string) error {
	zone, err := parseZoneJobID(id)
	if err != nil {
		return err
	}
	var z zoneRow
	var open bool
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		z, open, err = openWithPolicy(tx, zone)
		return err
	})
	if err != nil || !open {
		return sealError(id, err)
	}
	now := time.Now().UTC()
	var held *hold
	if z.aged(now) && z.Policy.Aged != AgedPad && full(z.Zone, z.Policy) == "" {
		h, err := b.askHold(ctx, z.Policy)
		if err != nil {
			return sealError(id, err)
		}
		held = &h
	}
	var wait error
	err = b.update(ctx, func(tx kv.Tx) error {
		wait, err = b.sealOrWait(tx, zone, held, now)
		return err
	})
	if err != nil {
		return sealError(id, err)
	}
	return wait
}

func sealError(zone string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("seal zone %s: %w", zone, err)
}

// sealOrWait judges a zone by its row of now. held is nil if nobody asked what
// providers take, since it was not old enough a moment ago.
func (b *Buckets) sealOrWait(tx kv.Tx, zone uint64, held *hold, now time.Time) (wait, err error) {
	z, open, err := openWithPolicy(tx, zone)
	if err != nil || !open {
		return nil, err
	}
	if by := full(z.Zone, z.Policy); by != "" {
		return nil, b.seal(tx, z, z.Policy, by, now)
	}
	if !z.aged(now) {
		return queue.Later(z.Oldest.Add(z.Policy.MaxAge), z.waitingFor(now)), nil
	}
	if z.Policy.Aged != AgedPad && held == nil {
		return queue.Later(now, z.waitingFor(now)), nil // the policy has just become this one
	}
	if held == nil || !held.holds(z.Zone) {
		return nil, b.seal(tx, z, z.Policy, "age", now)
	}
	again := askAgain
	if held.Why != "" {
		again = askSoon
	}
	z.Held = held
	return queue.Later(now.Add(again), held.reason(z.Zone)), putZone(tx, z)
}
