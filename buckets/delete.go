package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// DeleteOptions say what of a key is deleted. The conditions are on the
// version that Version names, or on the current one.
type DeleteOptions struct {
	Version string // "": the current one
	Conditions
	BypassGovernance bool // the caller may delete what GOVERNANCE retains
	expiry           bool // it is the bucket's lifecycle that deletes
}

// events are what webhooks hear of a removal, and of a delete marker.
func (opt DeleteOptions) events() (removed, marked string) {
	if opt.expiry {
		return EventExpired, EventExpiredToMarker
	}
	return EventDelete, EventMarker
}

// Deleted is what a Delete made or removed.
type Deleted struct {
	Version string // of the delete marker made, or the version removed; "" in a bucket without versions
	Marker  bool   // it is a delete marker
}

// Delete removes a version, or ErrLocked. Without opt.Version it deletes the
// object at key as the bucket's versioning asks for: with a delete marker, or
// for good. What is not there is deleted. Its cost does not depend on the size.
func (b *Buckets) Delete(ctx context.Context, bucket Bucket, key string, opt DeleteOptions) (Deleted, error) {
	candidate := b.newID()
	var d Deleted
	var changed bool
	err := b.update(ctx, func(tx kv.Tx) error {
		now, err := bucketRow(tx, bucket.UUID)
		if err != nil {
			return err
		}
		if opt.Version != "" {
			d, changed, err = b.deleteVersion(tx, now, key, opt)
		} else {
			d, changed, err = b.deleteCurrent(tx, now, key, opt, candidate)
		}
		return err
	})
	if err != nil {
		return Deleted{}, fmt.Errorf("delete %q: %w", key, err)
	}
	if changed {
		b.metrics.objects.WithLabelValues("delete").Inc()
	}
	return d, nil
}

func (b *Buckets) deleteCurrent(tx kv.Tx, bucket Bucket, key string, opt DeleteOptions, candidate uint64) (d Deleted, changed bool, err error) {
	removed, marked := opt.events()
	o, found, err := current(tx, bucket.UUID, key, opt.Conditions)
	if err != nil {
		return Deleted{}, false, err
	}
	if bucket.Versioning == "" {
		if found {
			if err = b.remove(tx, o, opt.BypassGovernance); err == nil {
				err = errors.Join(b.touch(tx, bucket, key), b.emit(tx, bucket, removed, o))
			}
		}
		return Deleted{}, found, err
	}
	if !validKey(key) {
		return Deleted{}, false, ErrKey
	}
	place, err := nextPlace(tx, bucket, key, o, found, candidate)
	if err != nil {
		return Deleted{}, false, err
	}
	marker := Object{
		Bucket: bucket.UUID, Key: key, Owner: bucket.Owner, Modified: idTime(candidate),
		Version: place, Versioned: bucket.Versioning == Enabled, Marker: true,
	}
	if err := b.displace(tx, bucket, key, o, found); err != nil {
		return Deleted{}, false, err
	}
	return Deleted{Version: marker.VersionID(), Marker: true}, true, errors.Join(
		archive(tx, marker), b.touch(tx, bucket, key), b.emit(tx, bucket, marked, marker))
}

func (b *Buckets) deleteVersion(tx kv.Tx, bucket Bucket, key string, opt DeleteOptions) (d Deleted, changed bool, err error) {
	d.Version = opt.Version
	o, err := versionNamed(tx, bucket.UUID, key, opt.Version)
	if errors.Is(err, ErrNoVersion) {
		return d, false, nil
	}
	if err == nil {
		err = opt.Conditions.hold(o, true)
	}
	if err != nil {
		return Deleted{}, false, err
	}
	if err := b.remove(tx, o, opt.BypassGovernance); err != nil {
		return Deleted{}, false, err
	}
	d.Marker = o.Marker
	removed, _ := opt.events()
	return d, true, errors.Join(promote(tx, bucket.UUID, key), b.touch(tx, bucket, key), b.emit(tx, bucket, removed, o))
}
