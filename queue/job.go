package queue

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// Rows: a job by kind and id, and an empty row by kind and due time that finds
// the next job without reading the others. Both are always written together.
const prefix = "queue"

func jobKey(kind, id string) []byte { return kv.Key(prefix, "job", kind, id) }

func dueKey(kind string, due time.Time, id string) []byte {
	return kv.Key(prefix, "due", kind, stamp(due), id)
}

// stamp is a time in an index key. Times that do not fit are as early or as late
// as can be.
func stamp(t time.Time) uint64 {
	switch year := t.UTC().Year(); {
	case year < 1970:
		return 0
	case year > 2261:
		return math.MaxInt64
	}
	return uint64(t.UnixNano())
}

func unstamp(n uint64) time.Time { return time.Unix(0, int64(n)).UTC() }

// row is a job as it is stored.
type row struct {
	Due    time.Time
	Tries  int    `json:",omitzero"`
	Reason string `json:",omitzero"`
	Added  time.Time

	// Stamp changes with each Add and each outcome. A run whose stamp is still
	// there at its end has seen all that was asked for. It is random because a
	// job may be removed and added again meanwhile.
	Stamp uint64

	// Again is when the job was asked to run since its last outcome. It counts
	// only if Stamp says that it was asked during the run. A new job has it too:
	// it may be new only because the outcome of a run, whose answer got lost, has
	// removed the old one.
	Again time.Time `json:",omitzero"`

	// Woken says that a run in progress may not have seen why it was woken.
	Woken bool `json:",omitzero"`
}

func newStamp() uint64 { return rand.Uint64() }

// getRow returns nil if there is no such job.
func getRow(tx kv.Tx, kind, id string) (*row, error) {
	r, err := kv.GetJSON[row](tx, jobKey(kind, id))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// putRow stores a job; old is its due time as stored, zero if it is new.
func putRow(tx kv.Tx, kind, id string, r *row, old time.Time) error {
	if !old.IsZero() && stamp(old) != stamp(r.Due) {
		if err := tx.Delete(dueKey(kind, old, id)); err != nil {
			return err
		}
	}
	if err := tx.Put(dueKey(kind, r.Due, id), nil); err != nil {
		return err
	}
	return kv.PutJSON(tx, jobKey(kind, id), r)
}

func deleteRow(tx kv.Tx, kind, id string, r *row) error {
	if err := tx.Delete(dueKey(kind, r.Due, id)); err != nil {
		return err
	}
	return tx.Delete(jobKey(kind, id))
}

// add is Add's change to the row of a job, r, nil if there is none. seen says that
// a run is in progress that began with this very row.
func add(r *row, seen bool, now, due time.Time) *row {
	if r == nil {
		return &row{Due: due, Added: now, Stamp: newStamp(), Again: due}
	}
	next := *r
	next.Stamp = newStamp()
	next.Due = earlier(r.Due, due)
	next.Again = due
	if !seen && !r.Again.IsZero() {
		next.Again = earlier(r.Again, due)
	}
	return &next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
