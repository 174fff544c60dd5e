package buckets

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

var (
	ErrNoVersion        = errors.New("no such version")
	ErrVersionID        = errors.New("malformed version id")
	ErrMarker           = errors.New("the version is a delete marker")
	ErrVersioning       = errors.New("versioning is neither enabled nor suspended by that")
	ErrVersioningOff    = errors.New("versioning is not enabled")
	ErrVersioningLocked = errors.New("versioning of a bucket with object lock cannot be suspended")
)

// Versioning is what becomes of an object that is replaced or deleted.
type Versioning string

const (
	Enabled   Versioning = "Enabled"   // it stays as a version
	Suspended Versioning = "Suspended" // it stays if it was put while versioning was enabled
)

// SetVersioning enables or suspends versioning; nothing brings a bucket back to
// where it was never set.
func (b *Buckets) SetVersioning(ctx context.Context, bucket Bucket, v Versioning) error {
	_, err := b.changeBucket(ctx, bucket.UUID, func(_ kv.Tx, bucket *Bucket) error {
		switch {
		case v != Enabled && v != Suspended:
			return ErrVersioning
		case v == Suspended && bucket.Lock != nil:
			return ErrVersioningLocked
		}
		bucket.Versioning = v
		return nil
	})
	if err != nil {
		return fmt.Errorf("set versioning of %q: %w", bucket.Name, err)
	}
	return nil
}

// nullID is the id of the version a key has that was not put while versioning was enabled.
const nullID = "null"

// place is where a version stands among those of its key. That of an object is
// its content's id, so that a content leads to its version.
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
	if version != "" {
		o, err := versionNamed(tx, bucket.UUID, key, version)
		o.read(bucket)
		return o, err
	}
	o, err := objectAt(tx, bucket.UUID, key)
	if errors.Is(err, ErrNoObject) {
		marker, found, scanErr := newestArchived(tx, bucket.UUID, key)
		if found {
			o, o.Latest = marker, true
		}
		err = errors.Join(err, scanErr)
	}
	o.read(bucket)
	return o, err
}

// versionNamed returns a version by its id, or ErrNoVersion or ErrVersionID.
func versionNamed(tx kv.Tx, bucket, key, id string) (Object, error) {
	place := uint64(0)
	if id != nullID {
		var err error
		if place, err = parseVersion(id); err != nil {
			return Object{}, err
		}
	}
	o, err := objectAt(tx, bucket, key)
	noObject := errors.Is(err, ErrNoObject)
	switch {
	case err != nil && !noObject:
		return Object{}, err
	case err == nil && o.VersionID() == id:
		return o, nil
	case id == nullID:
		o, err = archivedNull(tx, bucket, key)
	default:
		o, err = archivedAt(tx, bucket, key, place)
	}
	if err == nil && o.VersionID() != id {
		err = ErrNoVersion // the null version has no other name
	}
	if err != nil {
		return Object{}, err
	}
	if noObject && o.Marker {
		newest, _, err := newestArchived(tx, bucket, key)
		o.Latest = newest.Version == o.Version
		return o, err
	}
	return o, nil
}

// nextPlace returns the least place that a new version of a key can have, so
// that the order of places is that of commits though clocks step back. old is
// the object at key, if it was found.
func nextPlace(tx kv.Tx, bucket Bucket, key string, old Object, found bool, candidate uint64) (uint64, error) {
	if bucket.Versioning == "" {
		return candidate, nil
	}
	if !found {
		var err error
		if old, found, err = newestArchived(tx, bucket.UUID, key); err != nil || !found {
			return candidate, err
		}
	}
	if newest := old.place(); candidate <= newest {
		// The low bits differ from call to call, so that the id of a version
		// that was removed meanwhile does not come back.
		candidate = newest + 1 + candidate&0xfff
	}
	return candidate, nil
}

// displace makes room for a new newest version of a key: what it replaces is
// archived, or removed if it is the null version and the new one is that. old
// is the object at key, if it was found; its row is gone afterwards. ErrLocked
// comes before anything is written.
func (b *Buckets) displace(tx kv.Tx, bucket Bucket, key string, old Object, found bool) error {
	if bucket.Versioning != Enabled && found && !old.Versioned {
		return b.remove(tx, old, false)
	}
	if bucket.Versioning == Suspended {
		null, err := archivedNull(tx, bucket.UUID, key)
		if err == nil {
			err = b.remove(tx, null, false)
		}
		if err != nil && !errors.Is(err, ErrNoVersion) {
			return err
		}
	}
	if !found {
		return nil
	}
	return errors.Join(archive(tx, old), tx.Delete(keyObject(bucket.UUID, key)))
}

// remove takes a version away for good, unless a lock is on it. Nothing else
// in the package does.
func (b *Buckets) remove(tx kv.Tx, o Object, bypass bool) error {
	if err := o.Removable(bypass); err != nil {
		return err
	}
	if o.Marker {
		return unarchive(tx, o)
	}
	var row error
	if o.Latest {
		row = tx.Delete(keyObject(o.Bucket, o.Key))
	} else {
		row = unarchive(tx, o)
	}
	return errors.Join(row, b.releaseContent(tx, o.Content))
}

// promote makes the newest version of a key its object, if it is not a marker,
// after the version before it was removed.
func promote(tx kv.Tx, bucket, key string) error {
	if there, err := has(tx, keyObject(bucket, key)); err != nil || there {
		return err
	}
	o, found, err := newestArchived(tx, bucket, key)
	if err != nil || !found || o.Marker {
		return err
	}
	return errors.Join(unarchive(tx, o), putObject(tx, o))
}
