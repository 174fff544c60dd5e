package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// The newest version of a key is its row in obj if it is an object. All others,
// and every delete marker, are archived: rows in ver, newest first.

// archive stores a version among those of its key.
func archive(tx kv.Tx, o Object) error {
	o.Version = o.place()
	err := tx.Put(keyVersion(o.Bucket, o.Key, o.Version), encodeObject(o))
	if o.Versioned {
		return err
	}
	return errors.Join(err, kv.PutJSON(tx, keyNull(o.Bucket, o.Key), o.Version))
}

// unarchive takes a version out of those of its key.
func unarchive(tx kv.Tx, o Object) error {
	err := tx.Delete(keyVersion(o.Bucket, o.Key, o.Version))
	if o.Versioned {
		return err
	}
	return errors.Join(err, tx.Delete(keyNull(o.Bucket, o.Key)))
}

// archivedAt returns the archived version at a place, or ErrNoVersion.
func archivedAt(tx kv.Tx, bucket, key string, place uint64) (Object, error) {
	raw, err := tx.Get(keyVersion(bucket, key, place))
	if errors.Is(err, kv.ErrNotFound) {
		return Object{}, ErrNoVersion
	}
	if err != nil {
		return Object{}, err
	}
	return decodeObject(bucket, key, raw)
}

// archivedNull returns the null version if it is archived, or ErrNoVersion.
func archivedNull(tx kv.Tx, bucket, key string) (Object, error) {
	place, err := kv.GetJSON[uint64](tx, keyNull(bucket, key))
	if errors.Is(err, kv.ErrNotFound) {
		return Object{}, ErrNoVersion
	}
	if err != nil {
		return Object{}, err
	}
	return archivedAt(tx, bucket, key, place)
}

// newestArchived returns the newest archived version of a key.
func newestArchived(tx kv.Tx, bucket, key string) (o Object, found bool, err error) {
	for row, err := range tx.Scan(kv.Range(tabVersion, bucket, key)) {
		if err != nil {
			return Object{}, false, err
		}
		o, err := decodeObject(bucket, key, row.Value)
		return o, err == nil, err
	}
	return Object{}, false, nil
}

// hasVersions says whether a key has any version.
func hasVersions(tx kv.Tx, bucket, key string) (bool, error) {
	there, err := has(tx, keyObject(bucket, key))
	if err != nil || there {
		return there, err
	}
	_, there, err = newestArchived(tx, bucket, key)
	return there, err
}

// versionOf returns the version that names a content, or ErrNoContent.
func versionOf(tx kv.Tx, c Content) (Object, error) {
	o, err := objectAt(tx, c.Bucket, c.Key)
	if errors.Is(err, ErrNoObject) || err == nil && o.Content != c.ID {
		o, err = archivedAt(tx, c.Bucket, c.Key, c.ID) // its place is its content's id
	}
	if errors.Is(err, ErrNoVersion) || err == nil && o.Content != c.ID {
		return Object{}, ErrNoContent
	}
	return o, err
}

// ObjectOf returns the version that names a content, or ErrNoContent.
func (b *Buckets) ObjectOf(ctx context.Context, c Content) (o Object, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		o, err = versionOf(tx, c)
		return err
	})
	if err != nil {
		return Object{}, fmt.Errorf("object of content %d: %w", c.ID, err)
	}
	return o, nil
}

// ObjectsOf returns the versions that name contents of a bucket, by content id;
// a content that none names any more is left out.
func (b *Buckets) ObjectsOf(ctx context.Context, bucket Bucket, list []Content) (map[uint64]Object, error) {
	var found map[uint64]Object
	err := b.view(ctx, func(tx kv.Tx) error {
		found = map[uint64]Object{}
		for _, c := range list {
			o, err := versionOf(tx, c)
			if errors.Is(err, ErrNoContent) {
				continue
			}
			if err != nil {
				return fmt.Errorf("content %d: %w", c.ID, err)
			}
			o.read(bucket)
			found[c.ID] = o
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("versions of contents: %w", err)
	}
	return found, nil
}

// store writes a version back that was changed where it is.
func store(tx kv.Tx, o Object) error {
	if o.Latest {
		return putObject(tx, o)
	}
	return archive(tx, o)
}
