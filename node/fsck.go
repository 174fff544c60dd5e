package node

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
	"github.com/whypfs/whypfs/node/segment"
)

// Fault is something that is wrong with what is stored.
type Fault = blocks.Fault

// InspectOptions of Inspect.
type InspectOptions struct {
	Hash   bool // read all blocks and compare them with their hashes
	Repair bool // remove indexes that are damaged, which the next Open makes again
}

// Inspect compares the files that keep the blocks of the node in dir, which is
// not open, with each other, before Open puts in order what it can. hashed says
// whether it also read the blocks; Scrub does that for those of other drivers.
func Inspect(ctx context.Context, dir string, opt InspectOptions, fn func(Fault)) (hashed bool, err error) {
	dir = filepath.Join(dir, "blocks")
	driver, err := driverOf(dir)
	if err != nil {
		return false, err
	}
	if driver != Segment {
		return false, nil // Pebble has checksums of its own, and says at its open what is wrong
	}
	return opt.Hash, segment.Inspect(ctx, dir, segment.InspectOptions{
		Hash: opt.Hash, Repair: opt.Repair, Known: []string{driverFile, scrubFile},
	}, fn)
}

// InspectOpen is Inspect of this node, which is in use, as far as that goes:
// unseen says what it has not looked at; empty, if it has looked at all.
func (n *Node) InspectOpen(ctx context.Context, fn func(Fault)) (unseen string, err error) {
	s, ok := n.store.(*segment.Store)
	if !ok {
		return "", nil // as with Inspect
	}
	left, err := s.Inspect(ctx, []string{driverFile, scrubFile}, fn)
	if err != nil || left == 0 {
		return "", err
	}
	return fmt.Sprintf("the segments that are being written (%d)", left), nil
}

// CheckRoots walks the DAGs of all roots and tells fn of each block that is not
// here, or damaged, with a root that reaches it. With repair they are brought
// back in the background.
func (n *Node) CheckRoots(ctx context.Context, roots func(yield func(cid.Cid) error) error, repair bool, fn func(Fault)) error {
	told := map[string]bool{}
	err := roots(func(root cid.Cid) error {
		missing := func(c cid.Cid) error {
			if told[string(c.Hash())] {
				return nil
			}
			told[string(c.Hash())] = true
			f := Fault{Where: "content " + root.String(), Risk: true, What: fmt.Sprintf("block %s is missing or damaged", c)}
			f.Do = "run fsck --repair on the running node, or read the content: a provider or a peer may have the block"
			if repair {
				n.repairs.report(c, root, false)
				f.Do = "a repair was queued; whypfs_repairs_waiting counts those that are not done"
			}
			fn(f)
			return nil
		}
		return n.walk(ctx, root, func(cid.Cid, int) error { return nil }, missing)
	})
	if err != nil {
		return fmt.Errorf("check contents: %w", err)
	}
	return nil
}
