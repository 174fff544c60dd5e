package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
)

// LostNodes walks the directory under root and those in it, and calls lost for
// each block that could be a node of one and is not here, or is damaged, with
// the names on the way to that directory. A file's root that is not here, and
// is none of its business, looks the same from outside: the caller has to know
// which names are directories. A node that is reached in two ways may be told
// of twice.
func (n *Node) LostNodes(ctx context.Context, root cid.Cid, lost func(path []string, c cid.Cid) error) error {
	w := dirChecker{n: n, seen: cid.NewSet(), lost: lost}
	if err := w.check(ctx, nil, root); err != nil {
		return fmt.Errorf("check directory %s: %w", root, err)
	}
	return nil
}

// A dirChecker is one LostNodes.
type dirChecker struct {
	n    *Node
	seen *cid.Set // nodes that are here
	lost func(path []string, c cid.Cid) error
}

// check looks at a node, which is of the directory at path if it is one.
func (w *dirChecker) check(ctx context.Context, path []string, c cid.Cid) error {
	if c.Type() != cid.DagProtobuf || w.seen.Has(c) {
		return ctx.Err()
	}
	data, err := w.n.Block(ctx, c)
	if isMiss(err) {
		return w.lost(path, c)
	}
	if err != nil {
		return err
	}
	w.seen.Add(c)
	links, fs, err := parseDir(c, data)
	if errors.Is(err, ErrNotDir) {
		return nil // a file
	}
	if err != nil {
		return err
	}
	for _, l := range links {
		below, name := path, l.Name
		if fs.Type() == unixfs.THAMTShard {
			name = name[min(labelWidth, len(name)):]
		}
		if name != "" { // else the directory goes on in a shard
			below = append(slices.Clip(path), name)
		}
		if err := w.check(ctx, below, l.Cid); err != nil {
			return err
		}
	}
	return nil
}
