package kv

import (
	"cmp"
	"fmt"
	"time"
)

const (
	// Of a small disk the reserve is a part: blocks, which leave twice as much
	// alone, must meet their end of it first, or nothing could be deleted.
	defaultReserve = 64 << 20
	reservePart    = 16
	// roomAge is how old the last look at the disk may be.
	roomAge = 50 * time.Millisecond
)

// room says no to an update before the disk does: a log that has met a full
// disk cannot be written to any more. It is used by one update at a time.
type room struct {
	reserve int64 // 0: the default
	look    func() (free, total int64, err error)
	total   int64
	free    int64
	at      time.Time
}

func newRoom(reserve int64, look func() (free, total int64, err error)) room {
	return room{reserve: reserve, look: look}
}

// check is ErrFull if there is no room for what a transaction has written.
func (r *room) check(o *overlay) error {
	if now := time.Now(); now.Sub(r.at) >= roomAge {
		free, total, err := r.look()
		if err != nil {
			return fmt.Errorf("room on the disk: %w", err)
		}
		r.free, r.total, r.at = free, total, now
	}
	reserve := cmp.Or(r.reserve, min(defaultReserve, r.total/reservePart))
	if o.removes() {
		reserve /= 4
	}
	need := int64(o.bytes)
	if r.free-need < reserve {
		return fmt.Errorf("%w: %d MiB of the disk are left", ErrFull, r.free>>20)
	}
	r.free -= need
	return nil
}

// removes says whether a transaction takes away more rows than it writes.
func (o *overlay) removes() bool {
	n := 0
	for _, w := range o.rows {
		if w.value == nil {
			n++
		}
	}
	return 2*n > len(o.rows)
}
