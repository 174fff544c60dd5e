package buckets

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/internal/acl"
	"github.com/whypfs/whypfs/internal/rowcode"
	"github.com/whypfs/whypfs/kv"
)

// objectRow is a stored object as JSON. Its part sizes are run-length encoded: an
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
	return tx.Put(keyObject(o.Bucket, o.Key), encodeObject(o))
}

// objectAt returns the object at key, or ErrNoObject.
func objectAt(tx kv.Tx, bucket, key string) (Object, error) {
	raw, err := tx.Get(keyObject(bucket, key))
	if errors.Is(err, kv.ErrNotFound) {
		return Object{}, ErrNoObject
	}
	if err != nil {
		return Object{}, err
	}
	o, err := decodeObject(raw)
	o.Latest = true
	return o, err
}

// Bits of an object's row. New ones go to the end.
const (
	objectJoined = 1 << iota
	objectVersioned
	objectMarker
	objectHold
	objectCAR
	objectETagMD5 // the ETag is 16 bytes
	objectSums
	objectClass
	objectRare
)

// rareObject is what few objects have. It is JSON in their rows.
type rareObject struct {
	Runs      []partRun   `json:",omitempty"`
	Tags      []Tag       `json:",omitempty"`
	Grants    []acl.Grant `json:",omitzero"`
	Retention Retention   `json:",omitzero"`
}

func encodeObject(o Object) []byte {
	rare := rareObject{Runs: newObjectRow(o).Runs, Tags: o.Tags, Grants: o.Grants, Retention: o.Retention}
	hasRare := rare.Runs != nil || rare.Tags != nil || rare.Grants != nil || rare.Retention != Retention{}
	md5, err := hex.DecodeString(o.ETag)
	isMD5 := err == nil && len(md5) == 16 && hex.EncodeToString(md5) == o.ETag
	bits := bit(objectJoined, o.Joined) | bit(objectVersioned, o.Versioned) | bit(objectMarker, o.Marker) |
		bit(objectHold, o.Hold) | bit(objectCAR, o.CAR) | bit(objectETagMD5, isMD5) |
		bit(objectSums, len(o.Checksums) > 0 || o.ChecksumType != "") | bit(objectClass, o.Class != "") | bit(objectRare, hasRare)
	w := rowcode.NewWriter(compact)
	w.Uint(bits)
	writeUUID(w, o.Bucket)
	w.String(o.Key)
	w.Uint(o.Owner)
	w.Uint(o.Content)
	w.String(o.CID.KeyString())
	w.Int(o.Size)
	if isMD5 {
		w.Blob(md5)
	} else {
		w.String(o.ETag)
	}
	w.Time(o.Modified)
	w.Uint(o.Version)
	w.Map(o.Headers)
	w.Map(o.Meta)
	if bits&objectSums != 0 {
		w.Map(o.Checksums)
		w.String(o.ChecksumType)
	}
	if bits&objectClass != 0 {
		w.String(o.Class)
	}
	if hasRare {
		raw, err := json.Marshal(rare)
		if err != nil {
			panic("buckets: " + err.Error()) // no value of these types is an error
		}
		w.Blob(raw)
	}
	return w.Bytes()
}

func decodeObject(value []byte) (Object, error) {
	if isJSON(value) {
		var row objectRow
		err := decode(value, &row)
		return row.object(), err
	}
	o, err := readObject(rowcode.NewReader(value, compact))
	if err != nil {
		return Object{}, fmt.Errorf("decode object: %w", err)
	}
	return o, nil
}

func readObject(r *rowcode.Reader) (o Object, err error) {
	bits := r.Uint()
	o.Joined, o.Versioned, o.Marker = bits&objectJoined != 0, bits&objectVersioned != 0, bits&objectMarker != 0
	o.Hold, o.CAR = bits&objectHold != 0, bits&objectCAR != 0
	o.Bucket = readUUID(r)
	o.Key = r.String()
	o.Owner = r.Uint()
	o.Content = r.Uint()
	root := r.String()
	o.Size = r.Int()
	if o.ETag = r.String(); bits&objectETagMD5 != 0 {
		o.ETag = hex.EncodeToString([]byte(o.ETag))
	}
	o.Modified = r.Time()
	o.Version = r.Uint()
	o.Headers = r.Map()
	o.Meta = r.Map()
	if bits&objectSums != 0 {
		o.Checksums = r.Map()
		o.ChecksumType = r.String()
	}
	if bits&objectClass != 0 {
		o.Class = r.String()
	}
	var rare rareObject
	if bits&objectRare != 0 {
		err = decode([]byte(r.String()), &rare)
	}
	o.Tags, o.Grants, o.Retention = rare.Tags, rare.Grants, rare.Retention
	o.Parts = objectRow{Runs: rare.Runs}.object().Parts
	if r.Err() != nil {
		return o, r.Err()
	}
	if err == nil {
		o.CID, err = readCID(root)
	}
	return o, err
}
