package kv

import (
	"fmt"
	"time"
)

const (
	defaultReserve = 64 << 20
	// roomAge is how old the last look at the disk may be.
	roomAge = 50 * time.Millisecond
)

// room says no to an update before the disk does: a log that has met a full
// disk cannot be written to any more. It is used by one update at a time.
type room struct {
	reserve int64
	look    func() (free int64, err error)
	free    int64
	at      time.Time
}

func newRoom(reserve int64, look func() (int64, error)) room {
	if reserve == 0 {
		reserve = defaultReserve
	}
	return room{reserve: reserve, look: look}
}

// check is ErrFull if there is no room for what a transaction has written.
func (r *room) check(o *overlay) error {
	if now := time.Now(); now.Sub(r.at) >= roomAge {
		free, err := r.look()
		if err != nil {
			return fmt.Errorf("room on the disk: %w", err)
		}
		r.free, r.at = free, now
	}
	reserve := r.reserve
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
