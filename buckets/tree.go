package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// ErrNoTree says that nobody has asked for a bucket's tree, or not for long.
var ErrNoTree = errors.New("the bucket has no tree")

const (
	tabTree     = "tree"
	tabTreeRoot = "troot"
	tabTouched  = "touch"
)

func keyTree(bucket string) []byte { return kv.Key(tabTree, bucket) }
func keyTreeRoot(root cid.Cid, bucket string) []byte {
	return kv.Key(tabTreeRoot, rootKey(root), bucket)
}
func keyTouched(bucket, key string) []byte { return kv.Key(tabTouched, bucket, key) }

const (
	// treeDelay is how long after the first change a tree is brought up to date.
	treeDelay = 5 * time.Second
	// A tree that nobody has asked for in treeIdle is forgotten at the next change.
	treeIdle = 30 * day
	// A root that was replaced stays readable for treeGrace, if it is among the last maxOldTrees.
	treeGrace   = time.Hour
	maxOldTrees = 100
)

// Tree is a bucket as a UnixFS directory: its objects of one moment under their
// keys, whose slashes make directories. See treeName for keys that are no paths.
// Only if very many keys change while it is made may it mix moments.
type Tree struct {
	Root    cid.Cid   // undefined: not built yet
	AsOf    time.Time // no change before it is missing
	Pending bool      // later changes are
}

// A treeRow is what is known of a bucket's tree. The objects of keys that have
// no row in tabTouched are in Work as they are now; those of others as they are
// or were, or not at all.
type treeRow struct {
	Made    uint64    // tells it from one that was forgotten before
	Work    cid.Cid   `json:",omitzero"` // undefined: to be built anew
	Private bool      // how Work is stored
	Root    cid.Cid   `json:",omitzero"` // what is shown: a Work without touched keys, at AsOf
	AsOf    time.Time `json:",omitzero"`
	Old     []oldTree `json:",omitempty"` // shown before, newest first
	Asked   time.Time // when someone last did, to the day
}

type oldTree struct {
	Root  cid.Cid
	Until time.Time // it is kept
}

// showTree makes Work what is shown, and has it announced in the place of what
// was shown before.
func (b *Buckets) showTree(tx kv.Tx, uuid string, r *treeRow, asOf, now time.Time) error {
	var err error
	if !r.Root.Equals(r.Work) {
		if r.Root.Defined() {
			r.Old = append([]oldTree{{r.Root, now.Add(treeGrace)}}, r.Old...)
			err = b.unshowTree(tx, uuid, *r)
		}
		err = errors.Join(err, tx.Put(keyTreeRoot(r.Work, uuid), present))
		b.announcer.changed(tx, r.Work)
	}
	for n := len(r.Old); n > 0 && (n > maxOldTrees || r.Old[n-1].Until.Before(now)); n-- {
		r.Old = r.Old[:n-1]
	}
	r.Root, r.AsOf = r.Work, asOf
	return err
}

// unshowTree takes back what showTree said of the root that is shown.
func (b *Buckets) unshowTree(tx kv.Tx, uuid string, r treeRow) error {
	if !r.Root.Defined() {
		return nil
	}
	b.announcer.changed(tx, r.Root)
	return tx.Delete(keyTreeRoot(r.Root, uuid))
}

// showsTree says whether a root is what a publishing bucket's tree shows.
func showsTree(tx kv.Tx, root cid.Cid) (bool, error) {
	for row, err := range tx.Scan(kv.Range(tabTreeRoot, rootKey(root))) {
		var uuid string
		if err == nil {
			err = kv.Unkey(row.Key, nil, nil, &uuid)
		}
		if err != nil {
			return false, err
		}
		bucket, err := bucketRow(tx, uuid)
		if err != nil || bucket.Policy.Publish {
			return err == nil, err
		}
	}
	return false, nil
}

// Tree returns a bucket's tree with all changes made before the call, if that
// takes no longer than wait; else as it was before, and then Pending. The first
// call makes the bucket have a tree: from then on each change of an object
// leaves a row until the tree has it. Two names that no directory can hold
// together are node.ErrDirHash.
func (b *Buckets) Tree(ctx context.Context, bucket Bucket, wait time.Duration) (Tree, error) {
	t, err := b.tree(ctx, bucket.UUID, wait)
	if err != nil {
		return Tree{}, fmt.Errorf("tree of %q: %w", bucket.Name, err)
	}
	return t, nil
}

func (b *Buckets) tree(ctx context.Context, uuid string, wait time.Duration) (Tree, error) {
	began := time.Now()
	if err := b.askForTree(ctx, uuid, began, true); err != nil {
		return Tree{}, err
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		t, err := b.knownTree(ctx, uuid)
		if err != nil || !t.Pending || !t.AsOf.Before(began) || limited.Err() != nil {
			return t, err
		}
		// A call under way may have begun before this one.
		err = b.trees.do(limited, uuid, func(ctx context.Context) error { return b.updateTree(ctx, uuid) })
		if err != nil && limited.Err() == nil {
			return Tree{}, err
		}
		if err := ctx.Err(); err != nil {
			return Tree{}, err
		}
	}
}

// KnownTree returns a bucket's tree as it is shown now, or ErrNoTree. It makes
// none, and one that is looked at is not forgotten.
func (b *Buckets) KnownTree(ctx context.Context, bucket Bucket) (Tree, error) {
	if !bucket.Tree {
		return Tree{}, ErrNoTree
	}
	var t Tree
	err := b.askForTree(ctx, bucket.UUID, time.Now(), false)
	if err == nil {
		t, err = b.knownTree(ctx, bucket.UUID)
	}
	if err != nil {
		return Tree{}, fmt.Errorf("tree of %q: %w", bucket.Name, err)
	}
	return t, nil
}

func (b *Buckets) knownTree(ctx context.Context, uuid string) (t Tree, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		row, bucket, err := treeAt(tx, uuid)
		if err != nil {
			return err
		}
		touched, err := anyTouched(tx, uuid)
		t = Tree{Root: row.Root, AsOf: row.AsOf, Pending: touched || row.stale(bucket)}
		if !t.Pending {
			t.AsOf = time.Now()
		}
		return err
	})
	return t, err
}

// roots are those that are kept after a time.
func (r treeRow) roots(after time.Time) (roots []cid.Cid) {
	for _, c := range []cid.Cid{r.Work, r.Root} {
		if c.Defined() {
			roots = append(roots, c)
		}
	}
	for _, old := range r.Old {
		if old.Until.After(after) {
			roots = append(roots, old.Root)
		}
	}
	return roots
}

// same says whether nobody has changed a tree meanwhile.
func (r treeRow) same(was treeRow) bool {
	return r.Made == was.Made && r.Work.Equals(was.Work) && r.Private == was.Private
}

// stale says whether a tree without touched keys is still not what is to be shown.
func (r treeRow) stale(bucket Bucket) bool {
	return r.toBuild(bucket) || !r.Root.Equals(r.Work)
}

// toBuild says whether a tree has to be built from all objects.
func (r treeRow) toBuild(bucket Bucket) bool {
	return !r.Work.Defined() || r.Private == bucket.Policy.Publish
}

// treeAt returns the tree of a bucket, or ErrNoTree; the bucket may be gone.
func treeAt(tx kv.Tx, uuid string) (treeRow, Bucket, error) {
	row, err := kv.GetJSON[treeRow](tx, keyTree(uuid))
	if errors.Is(err, kv.ErrNotFound) {
		return treeRow{}, Bucket{}, ErrNoTree
	}
	if err != nil {
		return treeRow{}, Bucket{}, err
	}
	bucket, err := bucketRow(tx, uuid)
	return row, bucket, err
}

func anyTouched(tx kv.Tx, uuid string) (bool, error) {
	from, to := kv.Range(tabTouched, uuid)
	return anyRow(tx, from, to)
}

// askForTree notes that a bucket's tree is wanted. Without one it makes it
// exist, or, unless it is to, returns ErrNoTree.
func (b *Buckets) askForTree(ctx context.Context, uuid string, now time.Time, create bool) error {
	known, made := false, b.newID()
	err := b.view(ctx, func(tx kv.Tx) error {
		row, _, err := treeAt(tx, uuid)
		known = err == nil && now.Sub(row.Asked) < day
		if errors.Is(err, ErrNoTree) && create {
			return nil
		}
		return err
	})
	if err != nil || known {
		return err
	}
	_, err = b.changeBucket(ctx, uuid, func(tx kv.Tx, bucket *Bucket) error {
		row, _, err := treeAt(tx, uuid)
		if errors.Is(err, ErrNoTree) && create {
			row, err, bucket.Tree = treeRow{Made: made}, nil, true
		}
		if err != nil {
			return err
		}
		row.Asked = now.UTC()
		return errors.Join(kv.PutJSON(tx, keyTree(uuid), row), b.queue.Add(tx, jobTree, uuid, time.Time{}))
	})
	return err
}

// touch notes, in the transaction that makes it so, that the object at a key is
// not what the tree shows. A bucket without a tree pays nothing; in another, the
// first change of a key since the tree was last brought up to date is a row.
func (b *Buckets) touch(tx kv.Tx, bucket Bucket, key string) error {
	if !bucket.Tree {
		return nil
	}
	row := keyTouched(bucket.UUID, key)
	if there, err := has(tx, row); err != nil || there {
		return err
	}
	// While there are touched keys there is the job.
	some, err := anyTouched(tx, bucket.UUID)
	if err == nil && !some {
		err = b.queue.Add(tx, jobTree, bucket.UUID, time.Now().Add(b.treeDelay))
	}
	return errors.Join(err, tx.Put(row, present))
}

// ForgetTree takes a bucket's tree away; a missing one is no error. It comes
// back when someone asks for it.
func (b *Buckets) ForgetTree(ctx context.Context, bucket Bucket) error {
	if err := b.forgetTree(ctx, bucket.UUID); err != nil {
		return fmt.Errorf("forget tree of %q: %w", bucket.Name, err)
	}
	return nil
}

func (b *Buckets) forgetTree(ctx context.Context, uuid string) error {
	_, err := b.changeBucket(ctx, uuid, func(tx kv.Tx, bucket *Bucket) error {
		bucket.Tree = false
		return b.dropTree(tx, uuid)
	})
	return err
}

// dropTree removes a tree's row and has the job remove those of touched keys,
// of which there may be many.
func (b *Buckets) dropTree(tx kv.Tx, uuid string) error {
	row, _, err := treeAt(tx, uuid)
	if errors.Is(err, ErrNoTree) {
		return nil
	}
	return errors.Join(err, b.unshowTree(tx, uuid, row), tx.Delete(keyTree(uuid)), b.queue.Add(tx, jobTree, uuid, time.Time{}))
}

// Trees yields the directories whose nodes must stay, those of trees: what
// node.SweepTrees needs besides Roots. They are those of one moment, and a tree
// that replaces another under a lease taken later keeps what it has from it.
func (b *Buckets) Trees(ctx context.Context, yield func(cid.Cid) error) error {
	var all []cid.Cid
	err := b.view(ctx, func(tx kv.Tx) error {
		all = nil
		now := time.Now()
		for row, err := range decoded[treeRow](tx, tabTree) {
			if err != nil {
				return err
			}
			all = append(all, row.roots(now)...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("trees: %w", err)
	}
	for _, c := range all {
		if err := yield(c); err != nil {
			return err
		}
	}
	return nil
}
