package buckets

import (
	"errors"

	"github.com/whypfs/whypfs/kv"
)

// objectRow is a stored object. Its part sizes are run-length encoded: an
// object can have 10,000 parts, all but one of a size, and a listing reads many objects.
type objectRow struct {
	Object
	Runs []partRun `json:",omitempty"`
}

type partRun struct {
	Size  int64
	Count int
}

func newObjectRow(o Object) objectRow {
	row := objectRow{Object: o}
	row.Parts = nil
	for _, size := range o.Parts {
		if n := len(row.Runs); n > 0 && row.Runs[n-1].Size == size {
			row.Runs[n-1].Count++
		} else {
			row.Runs = append(row.Runs, partRun{size, 1})
		}
	}
	return row
}

func (row objectRow) object() Object {
	o := row.Object
	for _, run := range row.Runs {
		for range run.Count {
			o.Parts = append(o.Parts, run.Size)
		}
	}
	return o
}

// read fills in what old rows do not say.
func (o *Object) read(bucket Bucket) {
	if o.Owner == 0 {
		o.Owner = bucket.Owner
	}
}

func putObject(tx kv.Tx, o Object) error {
	return kv.PutJSON(tx, keyObject(o.Bucket, o.Key), newObjectRow(o))
}

func decodeObject(value []byte) (Object, error) {
	var row objectRow
	err := decode(value, &row)
	return row.object(), err
}

// objectAt returns the object at key, or ErrNoObject.
func objectAt(tx kv.Tx, bucket, key string) (Object, error) {
	row, err := kv.GetJSON[objectRow](tx, keyObject(bucket, key))
	if errors.Is(err, kv.ErrNotFound) {
		return Object{}, ErrNoObject
	}
	o := row.object()
	o.Latest = true
	return o, err
}
