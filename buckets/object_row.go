package buckets

import (
	"crypto/md5"
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
	o, err := decodeObject(bucket, key, raw)
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
	// The CID is that of one block, or of a file's root, and has a SHA-256: only
	// the hash is written.
	objectOfBlock
	objectOfFile
	objectMadeByID // the content's id tells when it was made
)

// rareObject is what few objects have. It is JSON in their rows.
type rareObject struct {
	Runs      []partRun   `json:",omitempty"`
	Tags      []Tag       `json:",omitempty"`
	Grants    []acl.Grant `json:",omitzero"`
	Retention Retention   `json:",omitzero"`
}

// encodeObject makes the value of an object's row, or that of an archived
// version. What the row's key says is not said again: a page of a listing reads
// a thousand rows, and compactions move each of them ten times.
func encodeObject(o Object) []byte {
	rare := rareObject{Runs: newObjectRow(o).Runs, Tags: o.Tags, Grants: o.Grants, Retention: o.Retention}
	hasRare := rare.Runs != nil || rare.Tags != nil || rare.Grants != nil || rare.Retention != Retention{}
	sum, err := hex.DecodeString(o.ETag)
	isMD5 := err == nil && len(sum) == md5.Size && hex.EncodeToString(sum) == o.ETag
	root, ofBlock, ofFile := shortRoot(o.CID)
	bits := bit(objectJoined, o.Joined) | bit(objectVersioned, o.Versioned) | bit(objectMarker, o.Marker) |
		bit(objectHold, o.Hold) | bit(objectCAR, o.CAR) | bit(objectETagMD5, isMD5) |
		bit(objectSums, len(o.Checksums) > 0 || o.ChecksumType != "") | bit(objectClass, o.Class != "") | bit(objectRare, hasRare) |
		bit(objectOfBlock, ofBlock) | bit(objectOfFile, ofFile) | bit(objectMadeByID, o.Modified == idTime(o.Content))
	w := rowcode.NewWriter(keyed)
	w.Uint(bits)
	w.Uint(o.Owner)
	w.Uint(o.Content)
	if ofBlock || ofFile {
		w.Raw(root)
	} else {
		w.String(root)
	}
	w.Int(o.Size)
	if isMD5 {
		w.Raw(string(sum))
	} else {
		w.String(o.ETag)
	}
	if bits&objectMadeByID == 0 {
		w.Time(o.Modified)
	}
	w.Uint(o.Version)
	w.WordMap(words, o.Headers)
	w.WordMap(words, o.Meta)
	if bits&objectSums != 0 {
		w.WordMap(words, o.Checksums)
		w.Word(words, o.ChecksumType)
	}
	if bits&objectClass != 0 {
		w.Word(words, o.Class)
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

// decodeObject reads the value of the row of a key in a bucket.
func decodeObject(bucket, key string, value []byte) (o Object, err error) {
	switch {
	case isJSON(value):
		var row objectRow
		err := decode(value, &row)
		return row.object(), err
	case len(value) > 0 && value[0] == compact:
		o, err = readCompactObject(rowcode.NewReader(value, compact))
	default:
		o, err = readObject(rowcode.NewReader(value, keyed))
		o.Bucket, o.Key = bucket, key
	}
	if err != nil {
		return Object{}, fmt.Errorf("decode object: %w", err)
	}
	return o, nil
}

// setBits sets what bits alone say.
func (o *Object) setBits(bits uint64) {
	o.Joined, o.Versioned, o.Marker = bits&objectJoined != 0, bits&objectVersioned != 0, bits&objectMarker != 0
	o.Hold, o.CAR = bits&objectHold != 0, bits&objectCAR != 0
}

func readObject(r *rowcode.Reader) (o Object, err error) {
	bits := r.Uint()
	o.setBits(bits)
	o.Owner = r.Uint()
	o.Content = r.Uint()
	if o.CID, err = readRoot(r, bits&objectOfBlock != 0, bits&objectOfFile != 0); err != nil {
		return o, err
	}
	o.Size = r.Int()
	if bits&objectETagMD5 != 0 {
		var text [2 * md5.Size]byte
		o.ETag = string(text[:hex.Encode(text[:], []byte(r.Take(md5.Size)))])
	} else {
		o.ETag = r.String()
	}
	if o.Modified = idTime(o.Content); bits&objectMadeByID == 0 {
		o.Modified = r.Time()
	}
	o.Version = r.Uint()
	o.Headers = r.WordMap(words)
	o.Meta = r.WordMap(words)
	if bits&objectSums != 0 {
		o.Checksums = r.WordMap(words)
		o.ChecksumType = r.Word(words)
	}
	if bits&objectClass != 0 {
		o.Class = r.Word(words)
	}
	err = o.readRare(r, bits)
	return o, err
}

// readCompactObject reads a row that has bucket and key in its value, as rows
// had before.
func readCompactObject(r *rowcode.Reader) (o Object, err error) {
	bits := r.Uint()
	o.setBits(bits)
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
	if err = o.readRare(r, bits); err == nil {
		o.CID, err = readCID(root)
	}
	return o, err
}

// readRare reads what is last in a row of either shape, if it is there, and
// judges the row.
func (o *Object) readRare(r *rowcode.Reader, bits uint64) error {
	if bits&objectRare == 0 {
		return r.Err()
	}
	var rare rareObject
	raw := r.String()
	if err := r.Err(); err != nil {
		return err
	}
	if err := decode([]byte(raw), &rare); err != nil {
		return err
	}
	o.Tags, o.Grants, o.Retention = rare.Tags, rare.Grants, rare.Retention
	o.Parts = objectRow{Runs: rare.Runs}.object().Parts
	return nil
}
