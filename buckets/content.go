package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

var ErrNoContent = errors.New("no such content")

// Content is one stored thing with one root CID.
type Content struct {
	ID      uint64 // time-ordered, below 2^53 so that JSON clients keep it exact
	Owner   uint64
	Bucket  string // uuid
	Name    string // the object's key, or the upload's file name
	Key     string // of the object that names it, or did
	CID     cid.Cid
	Size    int64
	Created time.Time
	// Replication is how many deals were asked for with the upload; 0: as many as its bucket's policy says.
	Replication int    `json:",omitempty"`
	Zone        uint64 // 0: not assigned yet
	Deleted     bool   // no object names it any more; its piece may still hold it
	Offloaded   bool   // its blocks are not kept locally
	// Of an object of a cold storage class, see archive.go.
	Cold      bool      `json:",omitempty"` // its blocks are not to be kept
	Restoring int       `json:",omitempty"` // they are on their way, to stay for that many days
	Until     time.Time `json:",omitzero"`  // they are kept until then
}

// Content returns a content, also a deleted one that a zone still holds, or ErrNoContent.
func (b *Buckets) Content(ctx context.Context, id uint64) (Content, error) {
	var c Content
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		c, err = contentRow(tx, id)
		return err
	})
	if err != nil {
		return Content{}, fmt.Errorf("content %d: %w", id, err)
	}
	return c, nil
}

// ContentAt is Content in the caller's transaction, without those deleted.
func ContentAt(tx kv.Tx, id uint64) (Content, error) {
	c, err := contentRow(tx, id)
	if err == nil && c.Deleted {
		err = ErrNoContent
	}
	return c, err
}

// Contents returns the owner's contents that are not deleted, newest first; owner 0: everybody's.
func (b *Buckets) Contents(ctx context.Context, owner uint64, limit, offset int) ([]Content, error) {
	var list []Content
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		if owner == 0 {
			list, err = allContents(tx, limit, offset)
		} else {
			from, to := kv.Range(tabOwned, owner)
			list, err = ownedContents(tx, from, to, limit, offset)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("contents of user %d: %w", owner, err)
	}
	return list, nil
}

// ContentsBefore returns up to limit of the owner's contents that are not
// deleted, newest first, that are older than the one with the id before; 0: the newest.
func (b *Buckets) ContentsBefore(ctx context.Context, owner, before uint64, limit int) ([]Content, error) {
	var list []Content
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		from, to := kv.Range(tabOwned, owner)
		if before > 0 {
			from = keyOwned(owner, before-1)
		}
		list, err = ownedContents(tx, from, to, limit, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("contents of user %d before %d: %w", owner, before, err)
	}
	return list, nil
}

func allContents(tx kv.Tx, limit, offset int) (list []Content, err error) {
	for c, err := range contentRows(tx) {
		if err != nil {
			return nil, err
		}
		if c.Deleted {
			continue
		}
		if offset--; offset >= 0 {
			continue
		}
		if len(list) >= limit {
			break
		}
		list = append(list, c)
	}
	return list, nil
}

func ownedContents(tx kv.Tx, begin, end []byte, limit, offset int) (list []Content, err error) {
	for row, err := range tx.Scan(begin, end) {
		if err != nil {
			return nil, err
		}
		if offset--; offset >= 0 {
			continue
		}
		if len(list) >= limit {
			break
		}
		var inverted uint64
		if err := kv.Unkey(row.Key, nil, nil, &inverted); err != nil {
			return nil, err
		}
		c, err := contentRow(tx, ^inverted)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// ContentsByCID returns the contents, not deleted, with that root.
func (b *Buckets) ContentsByCID(ctx context.Context, root cid.Cid) ([]Content, error) {
	var list []Content
	err := b.view(ctx, func(tx kv.Tx) error {
		list = nil
		all, err := contentsWithRoot(tx, root)
		for _, c := range all {
			if !c.Deleted {
				list = append(list, c)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("contents of %v: %w", root, err)
	}
	return list, nil
}

// contentsWithRoot returns the contents with that root, deleted ones too, oldest first.
func contentsWithRoot(tx kv.Tx, root cid.Cid) ([]Content, error) {
	var list []Content
	for row, err := range tx.Scan(kv.Range(tabCID, rootKey(root))) {
		if err != nil {
			return nil, err
		}
		c, err := contentNamed(tx, row.Key)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func contentRow(tx kv.Tx, id uint64) (Content, error) {
	raw, err := tx.Get(keyContent(id))
	if errors.Is(err, kv.ErrNotFound) {
		return Content{}, ErrNoContent
	}
	if err != nil {
		return Content{}, err
	}
	return decodeContent(raw)
}

// contentNamed returns the content whose id is the third part of an index's key.
func contentNamed(tx kv.Tx, key []byte) (Content, error) {
	var id uint64
	if err := kv.Unkey(key, nil, nil, &id); err != nil {
		return Content{}, err
	}
	return contentRow(tx, id)
}

// insertContent stores a new content, referenced, not yet in a zone, and sees
// that it will be put into one.
func (b *Buckets) insertContent(tx kv.Tx, c Content) error {
	b.announcer.changed(tx, c.CID)
	return errors.Join(
		putContent(tx, c),
		tx.Put(keyOwned(c.Owner, c.ID), present),
		use(tx, c.Owner, c.ID, c.use()),
		holdRoot(tx, c),
		tx.Put(keyNew(c.Bucket, c.ID), present),
		b.queue.Add(tx, jobAssign, c.Bucket, time.Now().Add(b.gather)))
}

// keepContent is called when a content's bytes have been stored again for its
// own key, in a storage class that may be another one.
func (b *Buckets) keepContent(tx kv.Tx, id uint64, cold bool) error {
	c, err := contentRow(tx, id)
	if err != nil {
		return err
	}
	if cold {
		err = b.queue.Add(tx, jobRelease, contentJobID(id), time.Time{})
	}
	old := c
	c.Offloaded, c.Cold, c.Restoring, c.Until = false, cold, 0, time.Time{}
	b.announcer.changed(tx, c.CID) // its blocks may have been away
	if c == old {
		return err
	}
	return errors.Join(err,
		putContent(tx, c),
		holdRoot(tx, c))
}

// releaseContent is called when no object names the content any more. Before
// its zone is packed it leaves at once. Later it is a byte range of a piece
// that providers have to be able to fetch: it is marked, and its blocks stay
// until the zone is complete.
func (b *Buckets) releaseContent(tx kv.Tx, id uint64) error {
	c, err := contentRow(tx, id)
	if err != nil {
		return err
	}
	b.announcer.changed(tx, c.CID)
	if err := errors.Join(tx.Delete(keyPartSums(id)), forgetPins(tx, id), b.forgetRetrieval(tx, id)); err != nil {
		return err
	}
	if c.Zone == 0 {
		return errors.Join(tx.Delete(keyNew(c.Bucket, c.ID)), removeContent(tx, c))
	}
	z, err := zoneAt(tx, c.Zone)
	if err != nil {
		return err
	}
	if !z.fixed() {
		return errors.Join(removeContent(tx, c), leaveZone(tx, z, c))
	}
	c.Deleted = true
	if err := errors.Join(tx.Delete(keyOwned(c.Owner, c.ID)), use(tx, c.Owner, c.ID, c.use().negative())); err != nil {
		return err
	}
	if z.State == ZoneComplete {
		if err := letGoRoot(tx, c); err != nil {
			return err
		}
	}
	return putContent(tx, c)
}

// removeContent drops all rows of a content but those of its zone.
func removeContent(tx kv.Tx, c Content) error {
	var freed Usage
	if !c.Deleted { // else it was not its owner's any more
		freed = c.use().negative()
	}
	return errors.Join(
		use(tx, c.Owner, c.ID, freed),
		tx.Delete(keyContent(c.ID)),
		tx.Delete(keyOwned(c.Owner, c.ID)),
		unlist(tx, c))
}
