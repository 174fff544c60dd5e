package buckets

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/whypfs/whypfs/kv"
)

// VersionQuery asks for a page of versions, by key and the newest first.
type VersionQuery struct {
	Prefix, Delimiter      string
	AfterKey, AfterVersion string // without a version every version of the key is skipped
	Max                    int    // versions plus prefixes
}

// VersionPage is part of a listing. The next page begins after NextKey and
// NextVersion, which names a place also where the version there is null.
type VersionPage struct {
	Versions             []Object // delete markers too
	Prefixes             []string
	More                 bool
	NextKey, NextVersion string
}

// Versions returns a page of all versions. It costs what the page holds, with a delimiter too.
func (b *Buckets) Versions(ctx context.Context, bucket Bucket, q VersionQuery) (VersionPage, error) {
	var page VersionPage
	err := b.view(ctx, func(tx kv.Tx) error {
		page = VersionPage{}
		if _, err := bucketRow(tx, bucket.UUID); err != nil {
			return err
		}
		if q.Max <= 0 {
			return nil
		}
		from, err := startVersions(tx, bucket.UUID, q)
		for err == nil && from.object != nil {
			from, err = page.fill(tx, bucket, q, from)
		}
		return err
	})
	if err != nil {
		return VersionPage{}, fmt.Errorf("list versions: %w", err)
	}
	return page, nil
}

// versionBounds are where listings go on in the two tables that hold versions.
// No row of an object is before the archived versions of its key.
type versionBounds struct{ object, archived []byte }

func pastVersions(bucket, prefix string) versionBounds {
	return versionBounds{pastPrefix(tabObject, bucket, prefix), pastPrefix(tabVersion, bucket, prefix)}
}

// startVersions finds where a page begins.
func startVersions(tx kv.Tx, bucket string, q VersionQuery) (from versionBounds, err error) {
	if q.AfterKey == "" || q.AfterKey < q.Prefix {
		from.object, _ = prefixBounds(tabObject, bucket, q.Prefix)
		from.archived, _ = prefixBounds(tabVersion, bucket, q.Prefix)
		return from, nil
	}
	if isRollup(q.AfterKey, q.Prefix, q.Delimiter) {
		return pastVersions(bucket, q.AfterKey), nil
	}
	from.object, from.archived = kv.After(tabObject, bucket, q.AfterKey), kv.After(tabVersion, bucket, q.AfterKey)
	if q.AfterVersion == "" {
		return from, nil
	}
	o, err := objectAt(tx, bucket, q.AfterKey)
	if err != nil && !errors.Is(err, ErrNoObject) {
		return from, err
	}
	found := err == nil
	var place uint64
	if q.AfterVersion != nullID {
		place, err = parseVersion(q.AfterVersion)
	} else if found && !o.Versioned {
		place, err = o.place(), nil
	} else if place, err = kv.GetJSON[uint64](tx, keyNull(bucket, q.AfterKey)); errors.Is(err, kv.ErrNotFound) {
		place, err = ^uint64(0), nil // where it was nobody knows, so nothing is skipped
	}
	if err != nil {
		return from, err
	}
	if found && o.place() < place {
		from.object = keyObject(bucket, q.AfterKey)
	}
	if place > 0 {
		from.archived = keyVersion(bucket, q.AfterKey, place-1)
	}
	return from, nil
}

// fill merges the rows of both tables until the page is full or a common prefix
// is seen, over which the next call jumps. It returns no bounds at the end.
func (p *VersionPage) fill(tx kv.Tx, bucket Bucket, q VersionQuery, from versionBounds) (next versionBounds, err error) {
	for o, err := range mergeVersions(tx, bucket.UUID, q.Prefix, from) {
		if err != nil {
			return next, err
		}
		if len(p.Versions)+len(p.Prefixes) == q.Max {
			p.More = true
			return next, nil
		}
		if common, ok := rollup(o.Key, q.Prefix, q.Delimiter); ok {
			p.Prefixes = append(p.Prefixes, common)
			p.NextKey, p.NextVersion = common, ""
			return pastVersions(bucket.UUID, common), nil
		}
		if o.Marker {
			newest, err := find(tx, bucket, o.Key, "")
			if err != nil && !errors.Is(err, ErrNoObject) {
				return next, err
			}
			o.Latest = newest.place() == o.place()
		}
		o.read(bucket)
		p.Versions = append(p.Versions, o)
		p.NextKey, p.NextVersion = o.Key, formatVersion(o.place())
	}
	return next, nil
}

// mergeVersions yields objects and archived versions by key, each object before
// the archived versions of its key. Objects have Latest set.
func mergeVersions(tx kv.Tx, bucket, prefix string, from versionBounds) iter.Seq2[Object, error] {
	past := pastVersions(bucket, prefix)
	return func(yield func(Object, error) bool) {
		nextObject, stopObject := iter.Pull2(tx.Scan(from.object, past.object))
		defer stopObject()
		nextArchived, stopArchived := iter.Pull2(tx.Scan(from.archived, past.archived))
		defer stopArchived()
		o, haveObject, err := pulled(bucket, nextObject)
		o.Latest = true
		a, haveArchived, errArchived := pulled(bucket, nextArchived, nil)
		for {
			if err = errors.Join(err, errArchived); err != nil {
				yield(Object{}, err)
				return
			}
			switch {
			case haveObject && (!haveArchived || o.Key <= a.Key):
				if !yield(o, nil) {
					return
				}
				o, haveObject, err = pulled(bucket, nextObject)
				o.Latest = true
			case haveArchived:
				if !yield(a, nil) {
					return
				}
				a, haveArchived, errArchived = pulled(bucket, nextArchived, nil)
			default:
				return
			}
		}
	}
}

// pulled reads the next row of a bucket, whose key has more parts behind the object's.
func pulled(bucket string, next func() (kv.Row, error, bool), more ...any) (o Object, ok bool, err error) {
	row, err, ok := next()
	if !ok || err != nil {
		return Object{}, false, err
	}
	var key string
	if err = kv.Unkey(row.Key, append([]any{nil, nil, &key}, more...)...); err != nil {
		return Object{}, false, err
	}
	o, err = decodeObject(bucket, key, row.Value)
	return o, true, err
}
