package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// ErrInconsistent says that rows contradict each other.
var ErrInconsistent = errors.New("inconsistent metadata")

// maxProblems is how many contradictions Check lists.
const maxProblems = 50

// Check reads all rows of the package, in one snapshot, and returns
// ErrInconsistent, wrapped with what is wrong, if they contradict each other.
// It does not look at blocks.
func (b *Buckets) Check(ctx context.Context) error {
	var problems []error
	err := b.view(ctx, func(tx kv.Tx) error {
		c := checker{tx: tx}
		for _, check := range []func() error{
			c.buckets, c.documents, c.objects, c.versions, c.nulls, c.contents, c.owned, c.usage, c.byCID, c.refs,
			c.unassigned, c.members, c.zones, c.roots, c.open, c.uploads, c.events, c.partSums, c.pins, c.pinRows, c.trees,
			c.retrievals, c.retrievalRows,
		} {
			if err := check(); err != nil {
				return err
			}
		}
		problems = c.problems
		return nil
	})
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if len(problems) > 0 {
		return fmt.Errorf("check: %w:\n%w", ErrInconsistent, errors.Join(problems...))
	}
	return nil
}

// checker collects contradictions within one transaction.
type checker struct {
	tx       kv.Tx
	problems []error
}

// must notes a contradiction unless ok.
func (c *checker) must(ok bool, format string, args ...any) {
	if !ok && len(c.problems) < maxProblems {
		c.problems = append(c.problems, fmt.Errorf(format, args...))
	}
}

// mustHave notes a contradiction if there is a row at key against expectation.
func (c *checker) mustHave(want bool, key []byte, format string, args ...any) error {
	found, err := has(c.tx, key)
	c.must(found == want, "%s is there: %v, want %v", fmt.Sprintf(format, args...), found, want)
	return err
}

// absent tells a missing row, which is a contradiction, from an error of the store.
func absent(err error) (bool, error) {
	for _, missing := range []error{kv.ErrNotFound, ErrNoBucket, ErrNoContent, ErrNoZone, ErrNoObject, ErrNoVersion, ErrInvalidPart, ErrNoPin, ErrNoRetrieval} {
		if errors.Is(err, missing) {
			return true, nil
		}
	}
	return false, err
}

// each reads the keys of a table into targets and calls fn with each row's value.
func (c *checker) each(table string, fn func(value []byte) error, targets ...any) error {
	for row, err := range c.tx.Scan(kv.Range(table)) {
		if err != nil {
			return err
		}
		if err := kv.Unkey(row.Key, append([]any{nil}, targets...)...); err != nil {
			return err
		}
		if err := fn(row.Value); err != nil {
			return err
		}
	}
	return nil
}

// buckets: every bucket is found by its uuid and exactly one of name and owner.
func (c *checker) buckets() error {
	var uuid, name string
	var owner uint64
	err := c.each(tabBucket, func(value []byte) error {
		bucket, err := decodeBucket(value)
		if err != nil {
			return err
		}
		c.must(bucket.UUID == uuid, "bucket %s says it is %s", uuid, bucket.UUID)
		c.must(bucket.Lock == nil || bucket.Versioning == Enabled, "bucket %s has object lock, and its versioning is %q", uuid, bucket.Versioning)
		if err := c.documentsOf(bucket); err != nil {
			return err
		}
		if bucket.Global {
			return c.mustHave(true, keyGlobal(bucket.Owner), "owner's row of global bucket %s", uuid)
		}
		return errors.Join(
			c.mustHave(true, keyName(bucket.Name), "name of bucket %s", uuid),
			c.mustHave(true, keyByOwner(bucket.Owner, bucket.Name), "owner's row of bucket %s", uuid))
	}, &uuid)
	if err != nil {
		return err
	}
	err = c.each(tabName, func([]byte) error {
		bucket, err := bucketNamed(c.tx, name)
		gone, err := absent(err)
		c.must(!gone && bucket.Name == name, "name %q leads to bucket %q", name, bucket.Name)
		return err
	}, &name)
	if err != nil {
		return err
	}
	err = c.each(tabByOwner, func([]byte) error {
		bucket, err := bucketNamed(c.tx, name)
		gone, err := absent(err)
		c.must(!gone && bucket.Owner == owner, "%q is listed as a bucket of %d, and is %+v", name, owner, bucket)
		return err
	}, &owner, &name)
	if err != nil {
		return err
	}
	return c.each(tabGlobal, func([]byte) error {
		bucket, err := globalBucket(c.tx, owner)
		gone, err := absent(err)
		c.must(!gone && bucket.Global && bucket.Owner == owner, "global bucket of %d is %+v", owner, bucket)
		return err
	}, &owner)
}

// objects: every object names a content of its own that is its mirror image.
func (c *checker) objects() error {
	var bucket, key string
	return c.each(tabObject, func(value []byte) error {
		o, err := decodeObject(bucket, key, value)
		if err != nil {
			return err
		}
		c.must(o.Bucket == bucket && o.Key == key, "object %s/%q says it is %s/%q", bucket, key, o.Bucket, o.Key)
		c.must(!o.Marker, "delete marker %s/%q is an object", bucket, key)
		newest, archived, err := newestArchived(c.tx, bucket, key)
		c.must(!archived || newest.Version < o.place(), "object %s/%q is at %d, another version at %d", bucket, key, o.place(), newest.Version)
		return errors.Join(err, c.version(o))
	}, &bucket, &key)
}

// version: an object is in a bucket that can have it, and names a content of
// its own that is its mirror image.
func (c *checker) version(o Object) error {
	bucket, err := bucketRow(c.tx, o.Bucket)
	gone, err := absent(err)
	if err != nil {
		return err
	}
	c.must(!gone, "object %s/%q is in no bucket", o.Bucket, o.Key)
	c.must(gone || bucket.Lock != nil || !o.Hold && o.Retention == Retention{}, "object %s/%q is locked in a bucket without object lock", o.Bucket, o.Key)
	c.must(bucket.Versioning != "" || !o.Versioned, "object %s/%q is a version in a bucket without versions", o.Bucket, o.Key)
	if o.Marker {
		c.must(o.Content == 0, "delete marker %+v has a content", o)
		return nil
	}
	c.must(o.place() == o.Content, "version %+v is not at the place of its content", o)
	content, err := contentRow(c.tx, o.Content)
	gone, err = absent(err)
	c.must(!gone, "object %s/%q names content %d, which is gone", o.Bucket, o.Key, o.Content)
	c.must(gone || (!content.Deleted && content.Bucket == o.Bucket && content.Key == o.Key && content.CID.Equals(o.CID) && content.Size == o.Size),
		"object %+v names content %+v", o, content)
	return err
}

// contents: every content is in the indexes it belongs to and in no other.
func (c *checker) contents() error {
	var inverted uint64
	return c.each(tabContent, func(value []byte) error {
		content, err := decodeContent(value)
		if err != nil {
			return err
		}
		id := content.ID
		c.must(id == ^inverted, "content %d says it is %d", ^inverted, id)
		if err := c.holds(content); err != nil {
			return err
		}
		if !content.Deleted {
			named, err := c.named(content)
			if err != nil {
				return err
			}
			c.must(named, "content %d is named by no object: %+v", id, content)
		}
		return errors.Join(
			c.mustHave(!content.Deleted, keyOwned(content.Owner, id), "owner's row of content %d", id),
			c.mustHave(true, keyCID(content.CID, id), "root's row of content %d", id),
			c.mustHave(content.Zone == 0, keyNew(content.Bucket, id), "unassigned row of content %d", id),
			c.mustHave(content.Zone != 0, keyMember(content.Zone, id), "zone's row of content %d", id))
	}, &inverted)
}

// holds: a content holds its root for as long as its state asks for it.
func (c *checker) holds(content Content) error {
	id := content.ID
	if content.Zone == 0 {
		c.must(!content.Deleted && !content.Offloaded, "content %d has no zone and is %+v", id, content)
		return c.mustHold(true, content)
	}
	z, err := zoneAt(c.tx, content.Zone)
	gone, err := absent(err)
	if err != nil {
		return err
	}
	if gone {
		c.must(false, "content %d is in zone %d, which is gone", id, content.Zone)
		return nil
	}
	c.must(z.Bucket == content.Bucket, "content %d of bucket %s is in zone %d of bucket %s", id, content.Bucket, z.ID, z.Bucket)
	c.must(!content.Deleted || z.fixed(), "content %d is deleted in zone %d, which is %s", id, z.ID, z.State)
	c.must(!content.Offloaded || z.State == ZoneComplete, "content %d is offloaded in zone %d, which is %s", id, z.ID, z.State)
	if content.Deleted && z.State == ZoneComplete && !z.Released {
		return nil // on its way out
	}
	want := !content.Offloaded && (!content.Deleted || z.State != ZoneComplete)
	return c.mustHold(want, content)
}

func (c *checker) mustHold(want bool, content Content) error {
	held, err := holdsRoot(c.tx, content.CID, content.ID)
	c.must(held == want, "content %d holds its root: %v, want %v", content.ID, held, want)
	return err
}

// owned, byCID, unassigned, members: no index row outlives its content.

func (c *checker) owned() error {
	var owner, inverted uint64
	return c.each(tabOwned, func([]byte) error {
		return c.indexed("owner's", ^inverted, func(content Content) bool { return content.Owner == owner && !content.Deleted })
	}, &owner, &inverted)
}

func (c *checker) byCID() error {
	var root []byte
	var id uint64
	return c.each(tabCID, func([]byte) error {
		return c.indexed("root's", id, func(content Content) bool { return string(rootKey(content.CID)) == string(root) })
	}, &root, &id)
}

func (c *checker) unassigned() error {
	var bucket string
	var id uint64
	return c.each(tabNew, func([]byte) error {
		return c.indexed("unassigned", id, func(content Content) bool { return content.Bucket == bucket && content.Zone == 0 })
	}, &bucket, &id)
}

func (c *checker) members() error {
	var zone, id uint64
	return c.each(tabMember, func([]byte) error {
		return c.indexed("zone's", id, func(content Content) bool { return content.Zone == zone })
	}, &zone, &id)
}

func (c *checker) indexed(what string, id uint64, fits func(Content) bool) error {
	content, err := contentRow(c.tx, id)
	gone, err := absent(err)
	c.must(gone || fits(content), "%s row of content %d does not fit %+v", what, id, content)
	c.must(!gone, "%s row of content %d, which is gone", what, id)
	return err
}

// refs: whoever holds a root is there and has it.
func (c *checker) refs() error {
	var root []byte
	var kind, holder string
	return c.each(tabRef, func([]byte) error {
		if _, err := cid.Cast(root); err != nil {
			c.must(false, "reference to %x: %w", root, err)
			return nil
		}
		switch kind {
		case "c": // a row from before
			var id uint64
			if _, err := fmt.Sscan(holder, &id); err != nil {
				c.must(false, "reference of content %q: %w", holder, err)
				return nil
			}
			return c.indexed("reference", id, func(content Content) bool {
				return string(rootKey(content.CID)) == string(root) && !content.Offloaded
			})
		case "q":
			return c.pinRef(root, holder)
		case "r":
			return c.retrievalRef(root, holder)
		case "p":
			upload, number, err := parsePartHolder(holder)
			if err != nil {
				c.must(false, "reference of part %q: %w", holder, err)
				return nil
			}
			p, err := partRow(c.tx, upload, number)
			gone, err := absent(err)
			c.must(!gone && string(rootKey(p.CID)) == string(root), "reference of part %s does not fit %+v", holder, p)
			return err
		}
		c.must(false, "reference of an unknown kind %q", kind)
		return nil
	}, &root, &kind, &holder)
}
