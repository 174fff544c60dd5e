package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/segment"
)

// Lease keeps blocks that are stored, or found to be stored already, while it
// is held from being swept. Whoever stores blocks holds one until a root that
// reaches them is in the metadata.
func (n *Node) Lease() *Lease { return &Lease{n.blocks.Lease()} }

// Lease is held by an upload.
type Lease struct{ held *segment.Lease }

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
	r, err := n.blocks.Sweep(ctx, func(ctx context.Context) (segment.Live, error) {
		// The roots come out of a transaction, which is not held open over the walks.
		var all []cid.Cid
		err := roots(func(c cid.Cid) error {
			all = append(all, c)
			return ctx.Err()
		})
		if err != nil {
			return nil, fmt.Errorf("list roots: %w", err)
		}
		m := marker{n: n, sha: map[[32]byte]struct{}{}, other: map[string]struct{}{}, walked: cid.NewSet()}
		for _, root := range all {
			if err := m.mark(ctx, root); err != nil {
				return nil, err
			}
		}
		return m.live, nil
	})
	if err != nil {
		err = fmt.Errorf("sweep: %w", err)
	}
	return SweepResult{Blocks: r.Blocks, Bytes: r.Bytes, Kept: r.Kept}, err
}

// A marker collects the multihashes of blocks that roots reach.
type marker struct {
	n     *Node
	sha   map[[32]byte]struct{} // SHA2-256 digests, which nearly all are
	other map[string]struct{}
	// By CID, not multihash: one block may be named as a leaf and as a node.
	walked *cid.Set
}

func (m *marker) mark(ctx context.Context, root cid.Cid) error {
	todo := []cid.Cid{root}
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		m.add(c.Hash())
		if !hasLinks(c) || !m.walked.Visit(c) {
			continue
		}
		data, err := m.n.Block(ctx, c)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("mark %s: %w", root, err)
		}
		links, err := linksOf(c, data)
		if err != nil {
			// It has its hash, so it never was a node with links.
			m.n.log.WarnContext(ctx, "malformed node", "cid", c.String(), "err", err)
			continue
		}
		todo = append(todo, links...)
	}
	return nil
}

func digest(mh multihash.Multihash) (d [32]byte, ok bool) {
	if len(mh) != 34 || mh[0] != multihash.SHA2_256 || mh[1] != 32 {
		return d, false
	}
	return [32]byte(mh[2:]), true
}

func (m *marker) add(mh multihash.Multihash) {
	if d, ok := digest(mh); ok {
		m.sha[d] = struct{}{}
	} else {
		m.other[string(mh)] = struct{}{}
	}
}

// live implements segment.Live.
func (m *marker) live(mh multihash.Multihash) bool {
	d, ok := digest(mh)
	if !ok {
		_, ok = m.other[string(mh)]
		return ok
	}
	_, ok = m.sha[d]
	return ok
}
