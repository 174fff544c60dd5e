package buckets

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/whypfs/whypfs/kv"
)

var (
	ErrNoVersion = errors.New("no such version")
	ErrVersionID = errors.New("malformed version id")
	ErrMarker    = errors.New("the version is a delete marker")
)

// Versioning is what becomes of an object that is replaced or deleted.
type Versioning string

const (
	Enabled   Versioning = "Enabled"   // it stays as a version
	Suspended Versioning = "Suspended" // it stays if it was put while versioning was enabled
)

// nullID is the id of the version a key has that was not put while versioning was enabled.
const nullID = "null"

// place is where a version stands among those of its key.
func (o Object) place() uint64 {
	if o.Version == 0 {
		return o.Content
	}
	return o.Version
}

// VersionID is the version's name in its key, "null" or an opaque text of 16
// characters that URLs need not encode.
func (o Object) VersionID() string {
	if !o.Versioned {
		return nullID
	}
	return formatVersion(o.place())
}

func formatVersion(place uint64) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, place))
}

// parseVersion reads what formatVersion wrote, or returns ErrVersionID.
func parseVersion(id string) (uint64, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 8 || hex.EncodeToString(raw) != id {
		return 0, ErrVersionID
	}
	return binary.BigEndian.Uint64(raw), nil
}

// find returns the version of a key that Head describes.
func find(tx kv.Tx, bucket Bucket, key, version string) (Object, error) {
	if version != "" && version != nullID {
		if _, err := parseVersion(version); err != nil {
			return Object{}, err
		}
		return Object{}, ErrNoVersion
	}
	o, err := objectAt(tx, bucket.UUID, key)
	if version == nullID && errors.Is(err, ErrNoObject) {
		err = ErrNoVersion
	}
	return o, err
}
