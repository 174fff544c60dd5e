package buckets

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/rowcode"
	"github.com/whypfs/whypfs/kv"
)

// Contents and objects are written with each upload and read by the thousand,
// so their rows have no names of fields. Rows from before are JSON, and are read
// as such.
const (
	compact = 1 // the version of rows without names
	keyed   = 2 // … and without what their keys say
)

// isJSON says whether a row is of the older kind.
func isJSON(value []byte) bool { return len(value) > 0 && value[0] == '{' }

// Bits of a content's row. New ones go to the end.
const (
	contentDeleted = 1 << iota
	contentOffloaded
	contentCold
	contentNamedByKey // the name is the key
	contentMadeByID   // the id tells when it was made
	contentUntil
	contentReplication // of its own
)

func putContent(tx kv.Tx, c Content) error { return tx.Put(keyContent(c.ID), encodeContent(c)) }

func encodeContent(c Content) []byte {
	bits := bit(contentDeleted, c.Deleted) | bit(contentOffloaded, c.Offloaded) | bit(contentCold, c.Cold) |
		bit(contentNamedByKey, c.Name == c.Key) | bit(contentMadeByID, c.Created == idTime(c.ID)) | bit(contentUntil, !c.Until.IsZero()) | bit(contentReplication, c.Replication != 0)
	w := rowcode.NewWriter(compact)
	w.Uint(bits)
	w.Fixed(c.ID)
	w.Uint(c.Owner)
	writeUUID(w, c.Bucket)
	w.String(c.Key)
	if bits&contentNamedByKey == 0 {
		w.String(c.Name)
	}
	w.String(c.CID.KeyString())
	w.Int(c.Size)
	if bits&contentMadeByID == 0 {
		w.Time(c.Created)
	}
	w.Uint(c.Zone)
	w.Int(int64(c.Restoring))
	if bits&contentUntil != 0 {
		w.Time(c.Until)
	}
	if bits&contentReplication != 0 {
		w.Int(int64(c.Replication))
	}
	return w.Bytes()
}

func decodeContent(value []byte) (c Content, err error) {
	if isJSON(value) {
		err = decode(value, &c)
		return c, err
	}
	r := rowcode.NewReader(value, compact)
	bits := r.Uint()
	c.Deleted, c.Offloaded, c.Cold = bits&contentDeleted != 0, bits&contentOffloaded != 0, bits&contentCold != 0
	c.ID = r.Fixed()
	c.Owner = r.Uint()
	c.Bucket = readUUID(r)
	c.Key = r.String()
	if c.Name = c.Key; bits&contentNamedByKey == 0 {
		c.Name = r.String()
	}
	root := r.String()
	c.Size = r.Int()
	if c.Created = idTime(c.ID); bits&contentMadeByID == 0 {
		c.Created = r.Time()
	}
	c.Zone = r.Uint()
	c.Restoring = int(r.Int())
	if bits&contentUntil != 0 {
		c.Until = r.Time()
	}
	if bits&contentReplication != 0 {
		c.Replication = int(r.Int())
	}
	if err = r.Err(); err == nil {
		c.CID, err = readCID(root)
	}
	if err != nil {
		return Content{}, fmt.Errorf("decode content: %w", err)
	}
	return c, nil
}

func bit(b uint64, set bool) uint64 {
	if set {
		return b
	}
	return 0
}

// uuidText stands for the length of a uuid that is not written as its 16 bytes.
const uuidText = 0

func writeUUID(w *rowcode.Writer, s string) {
	if id, err := uuid.Parse(s); err == nil && id.String() == s {
		w.Blob(id[:])
		return
	}
	w.Uint(uuidText)
	w.String(s)
}

func readUUID(r *rowcode.Reader) string {
	raw := r.String()
	if len(raw) == uuidText {
		return r.String()
	}
	var id uuid.UUID
	copy(id[:], raw)
	return id.String()
}

func readCID(raw string) (cid.Cid, error) {
	if raw == "" {
		return cid.Undef, nil
	}
	return cid.Cast([]byte(raw))
}
