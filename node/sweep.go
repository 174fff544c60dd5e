package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/ipldlinks"
	"github.com/whypfs/whypfs/node/blocks"
)

// Lease keeps blocks that are stored, or found to be stored already, while it
// is held from being swept. Whoever stores blocks holds one until a root that
// reaches them is in the metadata.
func (n *Node) Lease() *Lease { return &Lease{n.blocks.Lease()} }

// Lease is held by an upload.
type Lease struct{ held blocks.Lease }

// Release ends the lease; a second call does nothing.
func (l *Lease) Release() { l.held.Release() }

// SweepResult says what a sweep did.
type SweepResult struct {
	Blocks int64 // removed
	Bytes  int64 // given back to the disk
	Kept   int64
}

// Sweep removes the blocks that no live root reaches. roots is called once
// blocks are frozen (see the package doc), and yields every live root; roots
// that are not, or only partly, local are allowed.
//
// It waits for the leases that are held, so its caller holds none. A damaged
// node of a live DAG hides what is under it, so with one Sweep removes nothing
// and returns ErrDamaged.
func (n *Node) Sweep(ctx context.Context, roots func(yield func(cid.Cid) error) error) (SweepResult, error) {
	return n.SweepTrees(ctx, roots, func(func(cid.Cid) error) error { return nil })
}

// SweepTrees is Sweep, with directories of which only the nodes stay: what
// their entries name stays for other reasons or not at all. trees is called
// after roots. A damaged node of a tree does not keep the others: whoever made
// the tree can make it again.
func (n *Node) SweepTrees(ctx context.Context, roots, trees func(yield func(cid.Cid) error) error) (SweepResult, error) {
	r, err := n.blocks.Sweep(ctx, func(ctx context.Context) (blocks.Live, error) {
		// They come out of transactions, which are not held open over the walks.
		whole, err := collect(ctx, roots)
		if err != nil {
			return nil, fmt.Errorf("list roots: %w", err)
		}
		dirs, err := collect(ctx, trees)
		if err != nil {
			return nil, fmt.Errorf("list trees: %w", err)
		}
		m := marker{n: n, hashes: newHashSet(), walked: cid.NewSet()}
		for _, root := range whole {
			if err := m.mark(ctx, root); err != nil {
				return nil, err
			}
		}
		if err := m.markDirs(ctx, dirs); err != nil {
			return nil, err
		}
		return m.hashes.has, nil
	})
	if err != nil {
		err = fmt.Errorf("sweep: %w", err)
	} else {
		n.host.fetcher.swept()
	}
	return SweepResult{Blocks: r.Blocks, Bytes: r.Bytes, Kept: r.Kept}, err
}

func collect(ctx context.Context, yields func(func(cid.Cid) error) error) (all []cid.Cid, err error) {
	err = yields(func(c cid.Cid) error {
		all = append(all, c)
		return ctx.Err()
	})
	return all, err
}

// A marker collects the multihashes of blocks that roots reach.
type marker struct {
	n      *Node
	hashes hashSet
	// By CID, not multihash: one block may be named as a leaf and as a node.
	walked *cid.Set
	todo   []cid.Cid // a stack of what was not walked before
}

func (m *marker) mark(ctx context.Context, root cid.Cid) error {
	m.reach(root)
	for len(m.todo) > 0 {
		c := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		data, err := m.n.Block(ctx, c)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("mark %s: %w", root, err)
		}
		links, err := ipldlinks.Of(c, data)
		if err != nil {
			// It has its hash, so it never was a node with links.
			m.n.log.WarnContext(ctx, "malformed node", "cid", c.String(), "err", err)
			continue
		}
		for _, l := range links {
			m.reach(l)
		}
	}
	return nil
}

// reach notes a block. It is put on the stack once, however many link to it.
func (m *marker) reach(c cid.Cid) {
	m.hashes.add(c.Hash())
	if ipldlinks.Has(c) && m.walked.Visit(c) {
		m.todo = append(m.todo, c)
	}
}

// markDirs notes the nodes of directories, and of the directories in them, and
// nothing else that their entries name.
func (m *marker) markDirs(ctx context.Context, roots []cid.Cid) error {
	return m.n.walkDirs(ctx, roots, func(c cid.Cid) (bool, error) {
		m.hashes.add(c.Hash())
		return true, nil
	})
}
