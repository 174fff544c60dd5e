package buckets

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/node"
)

// treePage is how many objects one transaction reads for a tree that is built anew.
const treePage = 1000

// buildTree makes the tree of all objects of a bucket. They are read page by
// page, so it may show no moment that there was; but what changes meanwhile is
// touched, and comes right with those keys.
func (b *Buckets) buildTree(ctx context.Context, bucket Bucket) (root node.DirEntry, err error) {
	b.hiding.RLock()
	defer b.hiding.RUnlock()
	t := &treeBuilder{node: b.node, w: b.node.DirWriter(!bucket.Policy.Publish)}
	defer func() { err = errors.Join(err, t.close()) }()
	t.enter("")
	for q := (Query{Max: treePage}); ; {
		page, err := b.List(ctx, bucket, q)
		if err != nil {
			return root, err
		}
		for _, o := range page.Objects {
			if err := t.add(ctx, o.Key, treeFileOf(o)); err != nil {
				return root, fmt.Errorf("tree at %q: %w", o.Key, err)
			}
		}
		if !page.More {
			break
		}
		q.After = page.Next
	}
	return t.end(ctx)
}

// A treeBuilder makes a tree of files that come in the order of their keys. It
// has the directories open that the last key is in.
type treeBuilder struct {
	node *node.Node
	w    *node.DirWriter
	open []*openDir
}

// An openDir is a directory whose keys begin with prefix.
type openDir struct {
	prefix, segment string
	build           *node.DirBuilder
	// Files whose directory may still come: each segment is the beginning of
	// the next, and of what came last. Between a and a/b there may be a-b.
	waiting []node.DirEntry // the names are segments
}

func (t *treeBuilder) top() *openDir { return t.open[len(t.open)-1] }

func (t *treeBuilder) enter(segment string) {
	d := &openDir{segment: segment, build: t.w.Build()}
	if len(t.open) > 0 {
		d.prefix = t.top().prefix + segment + "/"
	}
	t.open = append(t.open, d)
}

// leave ends the innermost directory and enters it into the one it is in.
func (t *treeBuilder) leave(ctx context.Context) error {
	d := t.top()
	e, err := d.store(ctx)
	t.open = t.open[:len(t.open)-1]
	if err = errors.Join(err, d.build.Close()); err != nil {
		return err
	}
	e.Name = treeName(d.segment)
	return t.top().build.Add(e)
}

// end stores what is open, and makes the tree durable.
func (t *treeBuilder) end(ctx context.Context) (root node.DirEntry, err error) {
	for len(t.open) > 1 {
		if err := t.leave(ctx); err != nil {
			return root, err
		}
	}
	if root, err = t.top().store(ctx); err == nil {
		err = t.w.Sync(ctx)
	}
	return root, err
}

func (t *treeBuilder) close() (err error) {
	for _, d := range t.open {
		err = errors.Join(err, d.build.Close())
	}
	t.open = nil
	return err
}

func (t *treeBuilder) add(ctx context.Context, key string, f treeFile) error {
	for !strings.HasPrefix(key, t.top().prefix) {
		if err := t.leave(ctx); err != nil {
			return err
		}
	}
	for {
		d := t.top()
		rest := key[len(d.prefix):]
		if err := d.settle(rest); err != nil {
			return err
		}
		segment, _, more := strings.Cut(rest, "/")
		if more {
			t.enter(segment)
			continue
		}
		if isMarker(segment, f.size) {
			return nil
		}
		e, err := treeEntry(ctx, t.node, f)
		e.Name = segment
		d.waiting = append(d.waiting, e)
		return err
	}
}

// settle gives files their names, now that the next key is known.
func (d *openDir) settle(rest string) error {
	for n := len(d.waiting); n > 0; n-- {
		e := d.waiting[n-1]
		after, still := strings.CutPrefix(rest, e.Name)
		switch {
		case still && strings.HasPrefix(after, "/"):
			e.Name = displacedName(e.Name)
		case still:
			return nil // and so do those before it
		default:
			e.Name = treeName(e.Name)
		}
		d.waiting = d.waiting[:n-1]
		if err := d.build.Add(e); err != nil {
			return err
		}
	}
	return nil
}

func (d *openDir) store(ctx context.Context) (node.DirEntry, error) {
	for _, e := range d.waiting {
		e.Name = treeName(e.Name)
		if err := d.build.Add(e); err != nil {
			return node.DirEntry{}, err
		}
	}
	d.waiting = nil
	return d.build.Store(ctx)
}

// treeEntry is the link to an object. The Tsize of a file that is laid out by
// the profile is known; that of another is told by its root, or, if that is not
// here, taken to be its size.
func treeEntry(ctx context.Context, n *node.Node, f treeFile) (node.DirEntry, error) {
	e := f.DirEntry
	var err error
	if !f.joined {
		e.Tsize, err = node.ImportedSize(f.size)
		return e, err
	}
	if e.Tsize, err = n.DAGSize(ctx, e.Root); err != nil {
		e.Tsize = uint64(f.size)
	}
	return e, ctx.Err()
}
