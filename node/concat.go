package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// errOtherShape says that a part's leaves are not those that Import would make
// at its place in the joined file.
var errOtherShape = errors.New("leaves of another shape")

// Concat joins files into one. If all but the last are multiples of the chunk
// size the result is the very DAG that Import would have made of all bytes,
// and joined is false; otherwise the parts' DAGs are linked under join nodes
// and joined is true. Parts from elsewhere, whose leaves are not raw chunks of
// that size, are joined too. Leaves are neither read nor written. The parts'
// nodes must be here; new nodes are durable when Concat returns.
func (n *Node) Concat(ctx context.Context, parts []File, private bool) (f File, joined bool, err error) {
	var some []File
	for _, p := range parts {
		if p.Size > 0 {
			some = append(some, p)
		}
	}
	batch := n.blocks.Batch(private)
	var root link
	if len(some) == 0 {
		root, err = n.emptyFile(ctx, batch)
	} else if root, err = n.rebuild(ctx, some, batch); errors.Is(err, errOtherShape) {
		joined = true
		root, err = n.join(ctx, some, batch)
	}
	if err == nil {
		err = batch.Sync(ctx)
	}
	if err != nil {
		return File{}, false, fmt.Errorf("join %d files: %w", len(some), err)
	}
	return File{Root: root.cid, Size: root.size}, joined, nil
}

func (n *Node) emptyFile(ctx context.Context, batch blocks.Batch) (link, error) {
	c, err := rawLeaf(nil)
	if err != nil {
		return link{}, err
	}
	return link{cid: c}, batch.Put(ctx, c, nil)
}

// rebuild makes a balanced DAG of the leaves of all parts.
func (n *Node) rebuild(ctx context.Context, parts []File, batch blocks.Batch) (link, error) {
	for _, p := range parts[:len(parts)-1] {
		if p.Size%int64(n.shape.chunk) != 0 {
			return link{}, errOtherShape // known without reading anything
		}
	}
	// If a part turns out to be of another shape, the nodes made so far are garbage.
	t := tree{width: n.shape.width, put: batch.Put}
	for i, p := range parts {
		if err := n.addLeaves(ctx, &t, p, i == len(parts)-1); err != nil {
			return link{}, err
		}
	}
	return t.root(ctx)
}

// addLeaves adds the leaves of part to t; only the last part may end with a short one.
func (n *Node) addLeaves(ctx context.Context, t *tree, part File, last bool) error {
	left := part.Size
	todo := []link{{cid: part.Root, size: part.Size}} // a stack
	for len(todo) > 0 {
		l := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if l.cid.Type() == cid.Raw {
			short := last && l.size == left && l.size < int64(n.shape.chunk)
			if l.size != int64(n.shape.chunk) && !short || l.cid.Prefix() != leafPrefix {
				return errOtherShape
			}
			l.dag = uint64(l.size)
			if err := t.add(ctx, l); err != nil {
				return err
			}
			left -= l.size
			continue
		}
		fn, err := n.file(ctx, l.cid)
		if err != nil {
			return err
		}
		if fn.size != l.size {
			return fmt.Errorf("%s: %d bytes where %d are due: %w", l.cid, fn.size, l.size, ErrNotFile)
		}
		// Without links of no bytes there are never more nodes than leaves on a level.
		empty := func(l link) bool { return l.size == 0 }
		if len(fn.data) > 0 || slices.ContainsFunc(fn.links, empty) || len(todo) > maxDepth*n.shape.width {
			return errOtherShape
		}
		for _, l := range slices.Backward(fn.links) {
			todo = append(todo, l)
		}
	}
	return nil
}

// leafPrefix is what the CIDs of this profile's leaves begin with.
var leafPrefix = cid.Prefix{Version: 1, Codec: cid.Raw, MhType: multihash.SHA2_256, MhLength: 32}

// join links the parts as they are under nodes without data.
func (n *Node) join(ctx context.Context, parts []File, batch blocks.Batch) (link, error) {
	t := tree{width: n.shape.width, put: batch.Put}
	for _, p := range parts {
		l := link{cid: p.Root, size: p.Size, dag: uint64(p.Size)}
		if p.Root.Type() != cid.Raw {
			fn, err := n.file(ctx, p.Root)
			if err != nil {
				return link{}, err
			}
			if fn.size != p.Size {
				return link{}, fmt.Errorf("%s: %d bytes where %d are due: %w", p.Root, fn.size, p.Size, ErrNotFile)
			}
			l.dag = fn.dag
		}
		if err := t.add(ctx, l); err != nil {
			return link{}, err
		}
	}
	return t.root(ctx)
}

// file reads a node of a file.
func (n *Node) file(ctx context.Context, c cid.Cid) (fileNode, error) {
	data, err := n.Block(ctx, c)
	if err != nil {
		return fileNode{}, err
	}
	return parseFile(c, data)
}
