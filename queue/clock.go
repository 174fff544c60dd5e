package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/whypfs/whypfs/kv"
)

const (
	// clockEvery is how often the clock is compared with the time that has passed,
	// and every kind looks for due jobs whether it was woken or not. That a clock
	// was set is no event that all systems tell of, and a commit that failed wakes
	// nobody, though it may have been applied.
	clockEvery = 10 * time.Second
	// slack is by how much a clock is put right without anyone having to care.
	slack = time.Second
)

// right is a row as it would be if it had been written by the present clock. One
// that was written at a time that is still to come is from a clock that has been
// set back since. Its job waits as long as it was to wait then: by its own times
// it might wait for years. A handler whose job runs too early looks for itself.
func (r row) right(now time.Time) row {
	ahead := r.At.Sub(now)
	if ahead <= slack {
		return r
	}
	r.At, r.Due = now, r.Due.Add(-ahead)
	if !r.Again.IsZero() {
		r.Again = r.Again.Add(-ahead)
	}
	return r
}

// watchClock notices that the clock was set, until ctx ends: a kind's timer
// counts the seconds that pass, and does not.
func (q *Queue) watchClock(ctx context.Context) {
	t := time.NewTicker(clockEvery)
	defer t.Stop()
	unsure := true // rows may be from a clock that was set back when nobody looked
	wall, began := q.Now(), time.Now()
	for {
		now, passed := q.Now(), time.Since(began)
		moved := now.Sub(wall) - passed
		wall, began = now, began.Add(passed)
		if moved < -slack {
			unsure = true
		}
		if unsure {
			err := q.rightRows(ctx)
			if err != nil && ctx.Err() == nil {
				q.log.ErrorContext(ctx, "look for jobs of a wrong clock", "err", err)
			}
			unsure = err != nil
		}
		if moved.Abs() > slack {
			q.log.WarnContext(ctx, "the clock was set", "dur", moved.Round(time.Millisecond))
		}
		for _, k := range q.kinds {
			k.poke()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// rightRows puts the rows right that are from the future.
func (q *Queue) rightRows(ctx context.Context) error {
	type place struct{ kind, id string }
	var wrong []place
	now := q.Now()
	err := q.store.View(ctx, func(tx kv.Tx) error {
		wrong = nil
		for kvRow, err := range tx.Scan(kv.Range(prefix, "job")) {
			if err != nil {
				return err
			}
			var p place
			if err := kv.Unkey(kvRow.Key, nil, nil, &p.kind, &p.id); err != nil {
				return err
			}
			r, err := decodeRow(kvRow.Value)
			if err != nil { // a damaged row must not stop the others
				q.log.ErrorContext(ctx, "skip job", "job", p.kind+"/"+p.id, "err", err)
				continue
			}
			if r.At.Sub(now) > slack {
				wrong = append(wrong, p)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("jobs from the future: %w", err)
	}
	for chunk := range slices.Chunk(wrong, wakeChunk) {
		err := q.store.Update(ctx, func(tx kv.Tx) error {
			for _, p := range chunk {
				r, err := getRow(tx, p.kind, p.id)
				if err != nil {
					return err
				}
				if r == nil {
					continue
				}
				next := r.right(q.Now())
				if err := putRow(tx, p.kind, p.id, &next, r.Due); err != nil {
					return err
				}
				q.pokeAfter(tx, p.kind)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("jobs from the future: %w", err)
		}
	}
	return nil
}
