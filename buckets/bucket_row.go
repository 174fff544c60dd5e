package buckets

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/whypfs/whypfs/internal/acl"
	"github.com/whypfs/whypfs/internal/rowcode"
	"github.com/whypfs/whypfs/kv"
)

// Bits of a bucket's row, which every request reads. New ones go to the end.
const (
	bucketGlobal = 1 << iota
	bucketPublish
	bucketArchive
	bucketRare
	bucketTree
	bucketAged // it is not AgedPad, which all rows from before mean
)

// rareBucket is what few buckets have. It is JSON in their rows.
type rareBucket struct {
	Lock      *ObjectLock       `json:",omitempty"`
	Grants    []acl.Grant       `json:",omitzero"`
	Documents map[string]uint64 `json:",omitempty"`
	Flip      Flip              `json:",omitempty"`
	Providers ProviderRules     `json:",omitzero"`
}

func putBucket(tx kv.Tx, bucket Bucket) error {
	return tx.Put(keyBucket(bucket.UUID), encodeBucket(bucket))
}

func encodeBucket(b Bucket) []byte {
	rare := rareBucket{b.Lock, b.Grants, b.Documents, b.Flip, b.Policy.Providers}
	hasRare := rare.Lock != nil || rare.Grants != nil || len(rare.Documents) > 0 || rare.Flip != "" || !reflect.ValueOf(rare.Providers).IsZero()
	w := rowcode.NewWriter(compact)
	w.Uint(bit(bucketGlobal, b.Global) | bit(bucketPublish, b.Policy.Publish) | bit(bucketArchive, b.Policy.Archive) | bit(bucketRare, hasRare) | bit(bucketTree, b.Tree) |
		bit(bucketAged, b.Policy.Aged != AgedPad))
	w.String(b.UUID)
	w.String(b.Name)
	w.Uint(b.Owner)
	w.Time(b.Created)
	w.Int(b.Policy.Threshold)
	w.Int(int64(b.Policy.MaxAge))
	w.Int(int64(b.Policy.Replication))
	w.Int(b.Policy.MaxPiece)
	w.String(string(b.Versioning))
	if b.Policy.Aged != AgedPad {
		w.String(string(b.Policy.Aged))
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

func decodeBucket(value []byte) (b Bucket, err error) {
	if isJSON(value) {
		err = decode(value, &b)
		b.Policy = b.Policy.withDefaults() // a row from before does not know all of it
		return b, err
	}
	r := rowcode.NewReader(value, compact)
	bits := r.Uint()
	b.Global, b.Policy.Publish, b.Policy.Archive = bits&bucketGlobal != 0, bits&bucketPublish != 0, bits&bucketArchive != 0
	b.Tree = bits&bucketTree != 0
	b.UUID = r.String()
	b.Name = r.String()
	b.Owner = r.Uint()
	b.Created = r.Time()
	b.Policy.Threshold = r.Int()
	b.Policy.MaxAge = time.Duration(r.Int())
	b.Policy.Replication = int(r.Int())
	b.Policy.MaxPiece = r.Int()
	b.Versioning = Versioning(r.String())
	if b.Policy.Aged = AgedPad; bits&bucketAged != 0 {
		b.Policy.Aged = Aged(r.String())
	}
	if bits&bucketRare != 0 {
		var rare rareBucket
		err = decode([]byte(r.String()), &rare)
		b.Lock, b.Grants, b.Documents, b.Flip = rare.Lock, rare.Grants, rare.Documents, rare.Flip
		b.Policy.Providers = rare.Providers
	}
	if r.Err() != nil {
		err = r.Err()
	}
	if err != nil {
		return Bucket{}, fmt.Errorf("decode bucket: %w", err)
	}
	return b, nil
}
