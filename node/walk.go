package node

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
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
	seen := cid.NewSet()
	todo := []cid.Cid{root} // a stack, its top leftmost
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen.Visit(c) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		size, links, err := n.look(ctx, c)
		if err != nil {
			if missing == nil || !isMiss(err) {
				return fmt.Errorf("walk %s: %w", root, err)
			}
			if err := missing(c); err != nil {
				return err
			}
			continue
		}
		if c.Prefix().MhType != multihash.IDENTITY {
			if err := fn(c, size); err != nil {
				return err
			}
		}
		for i := len(links) - 1; i >= 0; i-- {
			if !seen.Has(links[i]) {
				todo = append(todo, links[i])
			}
		}
	}
	return nil
}

// look returns a block's size and links.
func (n *Node) look(ctx context.Context, c cid.Cid) (size int, links []cid.Cid, err error) {
	if !hasLinks(c) {
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
	links, err = linksOf(c, data)
	return len(data), links, err
}

// hasLinks says whether blocks of c's codec can link to others.
func hasLinks(c cid.Cid) bool {
	switch c.Type() {
	case cid.DagProtobuf, cid.DagCBOR, cid.DagJSON:
		return true
	}
	return false
}
