package node

import (
	"context"

	"github.com/ipfs/go-cid"
)

// Lease keeps blocks that are stored, or found to be stored already, while it
// is held from being swept. Whoever stores blocks holds one until a root that
// reaches them is in the metadata.
func (n *Node) Lease() *Lease { panic("unwritten") }

// Lease is held by an upload.
type Lease struct{}

// Release ends the lease; a second call does nothing.
func (l *Lease) Release() {}

// SweepResult says what a sweep did.
type SweepResult struct {
	Blocks int64 // removed
	Bytes  int64 // given back to the disk
	Kept   int64
}

// Sweep removes the blocks that no live root reaches. roots is called once
// blocks are frozen (see the package doc), and yields every live root; roots
// that are not, or only partly, local are allowed.
func (n *Node) Sweep(ctx context.Context, roots func(yield func(cid.Cid) error) error) (SweepResult, error) {
	panic("unwritten")
}
