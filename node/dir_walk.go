package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// walkDirs calls visit with each node of the directories under roots, and of
// the directories in them, once; below one for which visit says no it does not
// look. Nodes that cannot be read are left out, and so is what is no directory.
func (n *Node) walkDirs(ctx context.Context, roots []cid.Cid, visit func(c cid.Cid) (below bool, err error)) error {
	seen, todo := cid.NewSet(), append([]cid.Cid(nil), roots...)
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen.Visit(c) {
			continue
		}
		data, err := n.Block(ctx, c)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if errors.Is(err, ErrDamaged) {
			n.log.WarnContext(ctx, "damaged node in a tree", "cid", c.String(), "err", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("walk directories: %w", err)
		}
		links, _, err := parseDir(c, data)
		if err != nil {
			continue // a file
		}
		below, err := visit(c)
		if err != nil {
			return err
		}
		for _, l := range links {
			if below && l.Cid.Type() == cid.DagProtobuf {
				todo = append(todo, l.Cid)
			}
		}
	}
	return nil
}

// HideDirs makes the nodes of directories private, at once for every stranger,
// but for those that the directories in public have too, and for what spare
// names: that, and what is below it, stays as it is. When it returns nil, no
// crash undoes it.
func (n *Node) HideDirs(ctx context.Context, roots, public []cid.Cid, spare func(cid.Cid) (bool, error)) error {
	keep := cid.NewSet()
	err := n.walkDirs(ctx, public, func(c cid.Cid) (bool, error) {
		keep.Add(c)
		return true, nil
	})
	if err != nil {
		return err
	}
	batch := n.blocks.Batch(true)
	err = n.walkDirs(ctx, roots, func(c cid.Cid) (bool, error) {
		spared, err := spare(c)
		if err != nil || spared || keep.Has(c) {
			return false, err // what is below a public directory is in it too
		}
		return true, batch.Hide(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("hide directories: %w", err)
	}
	return batch.Sync(ctx)
}
