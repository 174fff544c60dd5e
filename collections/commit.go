package collections

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// Commit is a collection as a directory.
type Commit struct {
	CID     cid.Cid
	Pin     buckets.Pin // its ID is 0: it is the tree of a bucket, which needs none
	Pending bool        // a bucket's tree lacks changes made before; then CID may be undefined
	Name    string      // of the collection
	AsOf    time.Time   // of a tree: no change before it is missing
}

// commitPage is how many entries one snapshot reads for a commit.
const commitPage = 1000

// Commit makes a UnixFS directory of the entries, as they are or were a moment
// ago, and pins it: as a content of the owner it is kept even when the entries
// go. The directory of the last commit again is the pin of the last commit. Pins
// that are no contents yet are not in it. A bucket's directory is its tree,
// which takes no longer than wait, or is Pending.
func (c *Collections) Commit(ctx context.Context, owner uint64, id string, wait time.Duration) (Commit, error) {
	col, err := c.Collection(ctx, owner, id)
	if err != nil {
		return Commit{}, err
	}
	if b, ok := col.Bucket(); ok {
		t, err := c.buckets.Tree(ctx, b, wait)
		return Commit{CID: t.Root, Pending: t.Pending, Name: col.Name, AsOf: t.AsOf}, err
	}
	name := []rune(col.Name)
	pin, err := c.buckets.PinDirectory(ctx, owner, buckets.DirectoryRequest{
		Name: string(name[:min(len(name), maxName)]), Meta: map[string]string{"collection": id},
		Files: c.files(ctx, col), Last: col.Pin,
		Also: func(tx kv.Tx, p buckets.Pin) error {
			now, err := collectionAt(tx, id)
			if err != nil {
				return err
			}
			now.CID, now.Pin = p.CID, p.ID
			return kv.PutJSON(tx, keyCollection(id), now)
		},
	})
	if err != nil {
		return Commit{}, fmt.Errorf("commit collection %q: %w", id, err)
	}
	return Commit{CID: pin.CID, Pin: pin, Name: col.Name}, nil
}

// files are the entries that are contents.
func (c *Collections) files(ctx context.Context, col Collection) iter.Seq2[buckets.File, error] {
	return func(yield func(buckets.File, error) bool) {
		for after := ""; ; {
			page, err := c.Entries(ctx, col, after, commitPage)
			if err != nil {
				yield(buckets.File{}, err)
				return
			}
			for _, e := range page.Entries {
				if e.Content.ID != 0 && !yield(buckets.File{Path: e.Path[1:], Content: e.Content}, nil) {
					return
				}
			}
			if !page.More {
				return
			}
			after = page.Next
		}
	}
}
