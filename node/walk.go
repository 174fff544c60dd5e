package node

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/ipldlinks"
)

// Walk calls fn for each distinct block of the DAG under root, parents before
// children, left to right, with its size in bytes. The order is a function of
// the DAG alone. Leaves are not read, only looked up. Data inlined in a CID is
// not a block. A codec that is not known has no links.
func (n *Node) Walk(ctx context.Context, root cid.Cid, fn func(c cid.Cid, size int) error) error {
	return n.walk(ctx, root, fn, nil)
}

// walk is Walk; blocks that are not here go to missing, unless it is nil.
func (n *Node) walk(ctx context.Context, root cid.Cid, fn func(c cid.Cid, size int) error, missing func(cid.Cid) error) error {
	w := newWalker(root, n.look)
	for {
		c, size, err := w.next(ctx)
		switch {
		case err == io.EOF:
			return nil
		case err == nil:
			err = fn(c, size)
		case missing != nil && isMiss(err):
			err = missing(c)
		default:
			if isMiss(err) {
				n.repairs.report(c, root, false)
			}
			err = fmt.Errorf("walk %s: %w", root, err)
		}
		if err != nil {
			return err
		}
	}
}

// A walker goes over the blocks of a DAG, each CID once, parents before
// children, left to right, past data that is inlined in CIDs.
type walker struct {
	look func(context.Context, cid.Cid) (size int, links []cid.Cid, err error)
	seen *visited
	todo []cid.Cid // a stack, its top leftmost
}

func newWalker(root cid.Cid, look func(context.Context, cid.Cid) (int, []cid.Cid, error)) *walker {
	return &walker{look: look, seen: newVisited(), todo: []cid.Cid{root}}
}

// next returns the next block, or io.EOF. After an error of look, which comes
// with the CID, the walk goes on behind that block.
func (w *walker) next(ctx context.Context) (c cid.Cid, size int, err error) {
	for len(w.todo) > 0 {
		c := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if !w.seen.Visit(c) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return cid.Undef, 0, err
		}
		size, links, err := w.look(ctx, c)
		if err != nil {
			return c, 0, err
		}
		for _, l := range slices.Backward(links) {
			if !w.seen.Has(l) {
				w.todo = append(w.todo, l)
			}
		}
		if c.Prefix().MhType != multihash.IDENTITY {
			return c, size, nil
		}
	}
	return cid.Undef, 0, io.EOF
}

// look returns a block's size and links.
func (n *Node) look(ctx context.Context, c cid.Cid) (size int, links []cid.Cid, err error) {
	if !ipldlinks.Has(c) {
		size, ok := n.blocks.Has(c, false)
		if !ok {
			return 0, nil, fmt.Errorf("%s: %w", c, ErrNotFound)
		}
		return size, nil, nil
	}
	data, err := n.Block(ctx, c)
	if err != nil {
		return 0, nil, err
	}
	links, err = ipldlinks.Of(c, data)
	return len(data), links, err
}
