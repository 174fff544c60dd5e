package buckets

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/rowcode"
)

// fill sets everything in v that a row has to keep, so that a field that is
// added to a type and not to its row is noticed.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Date(2026, 2, 3, 4, 5, 6, 789_123_456, time.UTC)
		return
	case *cid.Cid:
		*at = cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("json") != "-" {
				fill(t, v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("some text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(12345)
	case reflect.Uint64:
		v.SetUint(1<<52 + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	default:
		t.Fatalf("no value for a %v", v.Type())
	}
}

// checkRow expects a value to be the same after its row was written and read,
// and every shorter row to be an error.
func checkRow[T any](t *testing.T, v T, encode func(T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	raw := encode(v)
	if got, err := decode(raw); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("a row of %+v\nis read as %+v, %v", v, got, err)
	}
	for n := range raw {
		if got, err := decode(raw[:n]); err == nil {
			t.Errorf("%d of %d bytes are read as %+v", n, len(raw), got)
		}
	}
}

func TestRows(t *testing.T) {
	var c Content
	fill(t, reflect.ValueOf(&c).Elem())
	checkRow(t, c, encodeContent, decodeContent)
	c = Content{ID: 7, Name: "same", Key: "same", Created: idTime(7), Bucket: "0b57c3f4-6e2c-4d8b-9a63-0f4f2f1c9a11", CID: c.CID}
	checkRow(t, c, encodeContent, decodeContent)

	var o Object
	fill(t, reflect.ValueOf(&o).Elem())
	at := func(value []byte) (Object, error) { return decodeObject(o.Bucket, o.Key, value) }
	checkRow(t, o, encodeObject, at)
	o = Object{ETag: "d41d8cd98f00b204e9800998ecf8427e", Bucket: c.Bucket, Key: "k", Modified: time.UnixMilli(1234).UTC()}
	checkRow(t, o, encodeObject, at)
	o.CID = cid.NewCidV1(cid.DagProtobuf, c.CID.Hash())
	checkRow(t, o, encodeObject, at)
	o.CID = cid.NewCidV0(c.CID.Hash())
	o.Headers = map[string]string{"Content-Type": "text/html", "Cache-Control": "what no list has", "Expires": ""}
	checkRow(t, o, encodeObject, at)
	o.ETag = "D41D8CD98F00B204E9800998ECF8427E-2" // no client's, but it stays what it is
	o.Grants = o.Grants[:0:0]                     // nil and none are two things
	checkRow(t, o, encodeObject, at)

	// What nearly all objects have: 66 bytes, of which 48 are hashes.
	o = Object{
		Bucket: c.Bucket, Key: "k", Owner: 1, Content: makeID(time.UnixMilli(1_790_000_000_000), 5), CID: c.CID, Size: 4096,
		ETag: "d41d8cd98f00b204e9800998ecf8427e", Modified: time.UnixMilli(1_790_000_000_000).UTC(),
		Attributes: Attributes{Headers: map[string]string{"Content-Type": "application/octet-stream"}},
	}
	checkRow(t, o, encodeObject, at)
	if n := len(encodeObject(o)); n != 66 {
		t.Errorf("the row of a plain object has %d bytes", n)
	}

	var b Bucket
	fill(t, reflect.ValueOf(&b).Elem())
	checkRow(t, b, encodeBucket, decodeBucket)
	checkRow(t, Bucket{UUID: c.Bucket, Created: o.Modified}, encodeBucket, decodeBucket)
}

// TestWords: what is written as a number stays the same word for ever.
func TestWords(t *testing.T) {
	w := rowcode.NewWriter(keyed)
	for _, word := range []string{"Content-Type", "image/png", "s3cmd-attrs"} {
		w.Word(words, word)
	}
	if got, want := w.Bytes(), []byte{keyed, 1, 73, 155, 1}; !bytes.Equal(got, want) {
		t.Errorf("words are written as %v, and once were as %v", got, want)
	}
}

// TestOldRows reads rows as they were written before they were compact.
func TestOldRows(t *testing.T) {
	var c Content
	var o Object
	var b Bucket
	for _, v := range []any{&c, &o, &b} {
		fill(t, reflect.ValueOf(v).Elem())
	}
	if got, err := decodeContent(asJSON(t, c)); err != nil || got != c {
		t.Errorf("old content %+v is read as %+v, %v", c, got, err)
	}
	if got, err := decodeObject("", "", asJSON(t, newObjectRow(o))); err != nil || !reflect.DeepEqual(got, o) {
		t.Errorf("old object %+v is read as %+v, %v", o, got, err)
	}
	if got, err := decodeBucket(asJSON(t, b)); err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("old bucket %+v is read as %+v, %v", b, got, err)
	}
	for _, o := range []Object{o, {Bucket: "0b57c3f4-6e2c-4d8b-9a63-0f4f2f1c9a11", Key: "k", ETag: "no MD5", Modified: time.UnixMilli(0).UTC()}} {
		checkRow(t, o, encodeCompactObject, func(value []byte) (Object, error) { return decodeObject("", "", value) })
	}
}

// encodeCompactObject writes an object as rows were that said what their keys say.
func encodeCompactObject(o Object) []byte {
	rare := rareObject{Runs: newObjectRow(o).Runs, Tags: o.Tags, Grants: o.Grants, Retention: o.Retention}
	hasRare := rare.Runs != nil || rare.Tags != nil || rare.Grants != nil || rare.Retention != Retention{}
	w := rowcode.NewWriter(compact)
	w.Uint(bit(objectJoined, o.Joined) | bit(objectVersioned, o.Versioned) | bit(objectMarker, o.Marker) |
		bit(objectHold, o.Hold) | bit(objectCAR, o.CAR) | bit(objectSums, o.Checksums != nil) |
		bit(objectClass, o.Class != "") | bit(objectRare, hasRare))
	writeUUID(w, o.Bucket)
	w.String(o.Key)
	w.Uint(o.Owner)
	w.Uint(o.Content)
	w.String(o.CID.KeyString())
	w.Int(o.Size)
	w.String(o.ETag)
	w.Time(o.Modified)
	w.Uint(o.Version)
	w.Map(o.Headers)
	w.Map(o.Meta)
	if o.Checksums != nil {
		w.Map(o.Checksums)
		w.String(o.ChecksumType)
	}
	if o.Class != "" {
		w.String(o.Class)
	}
	if hasRare {
		raw, err := json.Marshal(rare)
		if err != nil {
			panic(err)
		}
		w.Blob(raw)
	}
	return w.Bytes()
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
