package node

import (
	"context"

	"github.com/ipfs/go-cid"
)

// Block is an IPLD block.
type Block struct {
	Cid  cid.Cid
	Data []byte
}

// Block returns the bytes of a local block, public or private, checked against c, or ErrNotFound.
func (n *Node) Block(ctx context.Context, c cid.Cid) ([]byte, error) { panic("unwritten") }

// HasBlock says whether the block is local, and its size.
func (n *Node) HasBlock(ctx context.Context, c cid.Cid) (size int, ok bool) { panic("unwritten") }

// PutBlocks checks the blocks' hashes, stores them and returns when they are durable.
func (n *Node) PutBlocks(ctx context.Context, blocks []Block, private bool) error {
	panic("unwritten")
}

// Publish makes every block under root, stored as private, readable by anyone.
func (n *Node) Publish(ctx context.Context, root cid.Cid) error { panic("unwritten") }

// Usage says what the store holds.
type Usage struct {
	Blocks   int64
	Bytes    int64 // of live blocks
	Disk     int64 // of segment files
	DiskFree int64
	Segments int
}

func (n *Node) Usage() Usage { panic("unwritten") }
