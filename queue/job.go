package queue

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/whypfs/whypfs/internal/rowcode"
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

	// At is when the row was written. Seen from a clock that is before it the
	// times of the row are from one that was wrong: see right.
	At time.Time `json:",omitzero"`
}

// compact is the version of rows without names of fields: jobs are written with
// every upload. Rows from before are JSON, and are read as such. Those of
// version 1 do not say when they were written.
const (
	compact   = 2
	compactV1 = 1
)

func encodeRow(r row) []byte {
	w := rowcode.NewWriter(compact)
	w.Time(r.Due)
	w.Int(int64(r.Tries))
	w.String(r.Reason)
	w.Time(r.Added)
	w.Fixed(r.Stamp)
	w.Time(r.Again)
	woken := uint64(0)
	if r.Woken {
		woken = 1
	}
	w.Uint(woken)
	w.Time(r.At)
	return w.Bytes()
}

func decodeRow(value []byte) (r row, err error) {
	if len(value) > 0 && value[0] == '{' {
		err = json.Unmarshal(value, &r)
		return r, err
	}
	dated := len(value) == 0 || value[0] != compactV1
	version := byte(compact)
	if !dated {
		version = compactV1
	}
	from := rowcode.NewReader(value, version)
	r.Due = from.Time()
	r.Tries = int(from.Int())
	r.Reason = from.String()
	r.Added = from.Time()
	r.Stamp = from.Fixed()
	r.Again = from.Time()
	r.Woken = from.Uint() == 1
	if dated {
		r.At = from.Time()
	}
	return r, from.Err()
}

func newStamp() uint64 { return rand.Uint64() }

// getRow returns nil if there is no such job.
func getRow(tx kv.Tx, kind, id string) (*row, error) {
	raw, err := tx.Get(jobKey(kind, id))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := decodeRow(raw)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// putRow stores a job; old is its due time as stored, zero if it is new.
func putRow(tx kv.Tx, kind, id string, r *row, old time.Time) error {
	if old.IsZero() || stamp(old) != stamp(r.Due) {
		if !old.IsZero() {
			if err := tx.Delete(dueKey(kind, old, id)); err != nil {
				return err
			}
		}
		if err := tx.Put(dueKey(kind, r.Due, id), nil); err != nil {
			return err
		}
	}
	return tx.Put(jobKey(kind, id), encodeRow(*r))
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
		return &row{Due: due, Added: now, Stamp: newStamp(), Again: due, At: now}
	}
	next := r.right(now)
	was := next.Again
	next.At = now
	next.Stamp = newStamp()
	next.Due = earlier(next.Due, due)
	next.Again = due
	if !seen && !was.IsZero() {
		next.Again = earlier(was, due)
	}
	return &next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
