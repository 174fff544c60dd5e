package buckets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// errTreeLost says that a tree is not what its rows say, or that its nodes are
// not here. It can always be built anew.
var errTreeLost = errors.New("the tree is lost")

// A treeChange is what a directory of a tree is to have under one segment, which
// touched keys go through: a file, a directory, both, or nothing.
type treeChange struct {
	segment string
	file    treeFile
	dir     bool // there are keys under it
	// kept: some of them are not touched, so that the tree has their directory.
	// Otherwise all that the directory holds is among the changes: what the tree
	// has under the name may be an object, and that may be a UnixFS directory too.
	kept    bool
	changes []treeChange // in that directory
}

// A touchedKey is a key whose object a tree is brought up to date with.
type touchedKey struct {
	key  string
	seen treeFile
}

// touchedAfter returns up to max touched keys after one, in their order, as
// their objects are now, and what a tree is to have of them.
func touchedAfter(tx kv.Tx, uuid, after string, max int) (keys []touchedKey, changes []treeChange, err error) {
	from, to := kv.Range(tabTouched, uuid)
	if after != "" {
		from = kv.After(tabTouched, uuid, after)
	}
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return nil, nil, err
		}
		if len(keys) == max {
			break
		}
		var k touchedKey
		if err := kv.Unkey(row.Key, nil, nil, &k.key); err != nil {
			return nil, nil, err
		}
		keys = append(keys, k)
	}
	sorted := make([]string, len(keys))
	for i := range keys {
		if keys[i].seen, err = treeFileAt(tx, uuid, keys[i].key); err != nil {
			return nil, nil, err
		}
		sorted[i] = keys[i].key
	}
	slices.SortFunc(sorted, comparePaths)
	changes, err = treeChanges(tx, uuid, "", sorted, true)
	return keys, changes, err
}

// treeFileAt returns the object at a key as trees see it, if there is one.
func treeFileAt(tx kv.Tx, uuid, key string) (treeFile, error) {
	o, err := objectAt(tx, uuid, key)
	if errors.Is(err, ErrNoObject) {
		return treeFile{}, nil
	}
	return treeFileOf(o), err
}

// treeChanges returns the changes in the directory of keys that begin with
// prefix, of which those touched are given, by path. kept is that of the directory.
func treeChanges(tx kv.Tx, uuid, prefix string, touched []string, kept bool) (changes []treeChange, err error) {
	for len(touched) > 0 {
		segment, _, _ := strings.Cut(touched[0][len(prefix):], "/")
		own, below := prefix+segment, prefix+segment+"/"
		n := 0
		for n < len(touched) && (touched[n] == own || strings.HasPrefix(touched[n], below)) {
			n++
		}
		under := touched[:n]
		touched = touched[n:]
		if under[0] == own {
			under = under[1:]
		}
		c := treeChange{segment: segment}
		if c.file, err = treeFileAt(tx, uuid, own); err != nil {
			return nil, err
		}
		if c.file.Root.Defined() && isMarker(segment, c.file.size) {
			c.file = treeFile{}
		}
		from, to := prefixBounds(tabObject, uuid, below)
		if c.dir, err = anyRow(tx, from, to); err != nil {
			return nil, err
		}
		if c.dir {
			if kept {
				if c.kept, err = anyUntouched(tx, uuid, below); err != nil {
					return nil, err
				}
			}
			if c.changes, err = treeChanges(tx, uuid, below, under, c.kept); err != nil {
				return nil, err
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// anyUntouched says whether an object's key that begins with prefix is not
// touched. It looks at touched ones until it finds one.
func anyUntouched(tx kv.Tx, uuid, prefix string) (bool, error) {
	from, to := prefixBounds(tabObject, uuid, prefix)
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return false, err
		}
		var key string
		if err := kv.Unkey(row.Key, nil, nil, &key); err != nil {
			return false, err
		}
		touched, err := has(tx, keyTouched(uuid, key))
		if err != nil || !touched {
			return !touched, err
		}
	}
	return false, nil
}

// changeTree makes the changes in a tree, and returns its new root.
func (b *Buckets) changeTree(ctx context.Context, root cid.Cid, private bool, changes []treeChange) (cid.Cid, error) {
	w := b.node.DirWriter(private)
	d, err := w.Open(ctx, root)
	if err != nil {
		return cid.Undef, lostTree(err)
	}
	e, err := b.changeDir(ctx, w, d, changes)
	if err == nil {
		err = w.Sync(ctx)
	}
	return e.Root, err
}

func (b *Buckets) changeDir(ctx context.Context, w *node.DirWriter, d *node.Dir, changes []treeChange) (node.DirEntry, error) {
	for _, c := range changes {
		if err := b.changeName(ctx, w, d, c); err != nil {
			return node.DirEntry{}, lostTree(err)
		}
	}
	e, err := d.Store(ctx)
	return e, lostTree(err)
}

// changeName gives one segment's names in a directory what they are to have.
func (b *Buckets) changeName(ctx context.Context, w *node.DirWriter, d *node.Dir, c treeChange) error {
	file := treeName(c.segment)
	if c.dir {
		if err := b.changeSubdir(ctx, w, d, c); err != nil {
			return err
		}
		file = displacedName(c.segment)
	} else if err := d.Remove(ctx, displacedName(c.segment)); err != nil {
		return err
	}
	if !c.file.Root.Defined() {
		return d.Remove(ctx, file)
	}
	e, err := treeEntry(ctx, b.node, c.file)
	if err != nil {
		return err
	}
	e.Name = file
	return d.Set(ctx, e)
}

func (b *Buckets) changeSubdir(ctx context.Context, w *node.DirWriter, d *node.Dir, c treeChange) error {
	name, sub := treeName(c.segment), w.New()
	if c.kept {
		if len(c.changes) == 0 {
			return nil
		}
		old, found, err := d.Get(ctx, name)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%q: %w", name, errTreeLost)
		}
		if sub, err = w.Open(ctx, old.Root); err != nil {
			return err
		}
	}
	e, err := b.changeDir(ctx, w, sub, c.changes)
	if err != nil {
		return err
	}
	e.Name = name
	return d.Set(ctx, e)
}

// lostTree makes errors of reading a tree errTreeLost.
func lostTree(err error) error {
	if errors.Is(err, node.ErrNotFound) || errors.Is(err, node.ErrDamaged) || errors.Is(err, node.ErrNotDir) {
		return fmt.Errorf("%w: %w", errTreeLost, err)
	}
	return err
}
