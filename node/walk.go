package node

import (
	"context"

	"github.com/ipfs/go-cid"
)

// Walk calls fn for each distinct block of the DAG under root, parents before
// children, left to right, with its size in bytes. The order is a function of
// the DAG alone. Leaves are not read, only looked up.
func (n *Node) Walk(ctx context.Context, root cid.Cid, fn func(c cid.Cid, size int) error) error {
	panic("unwritten")
}
