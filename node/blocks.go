package node

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
)

// Block is an IPLD block.
type Block struct {
	Cid  cid.Cid
	Data []byte
}

// Block returns the bytes of a local block, public or private, checked against c, or ErrNotFound.
func (n *Node) Block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return n.blocks.Block(c, false, nil)
}

// HasBlock says whether the block is local, and its size. A block known to be
// damaged is not. Whoever holds a lease may count on what it finds: it is durable.
func (n *Node) HasBlock(ctx context.Context, c cid.Cid) (size int, ok bool) {
	return n.blocks.Find(ctx, c)
}

// PutBlocks checks the blocks' hashes, stores them and returns when they are durable.
func (n *Node) PutBlocks(ctx context.Context, bs []Block, private bool) error {
	for _, b := range bs {
		if !blocks.Matches(b.Cid, b.Data) {
			return fmt.Errorf("put %s: %w", b.Cid, ErrDamaged)
		}
	}
	batch := n.blocks.Batch(private)
	for _, b := range bs {
		if err := batch.Put(ctx, b.Cid, b.Data); err != nil {
			return err
		}
	}
	return batch.Sync(ctx)
}

// Publish makes every block under root readable by anyone. Blocks that are not
// here stay so.
func (n *Node) Publish(ctx context.Context, root cid.Cid) error {
	batch := n.blocks.Batch(false)
	publish := func(c cid.Cid, _ int) error { return batch.Publish(ctx, c) }
	absent := func(cid.Cid) error { return nil }
	if err := n.walk(ctx, root, publish, absent); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return batch.Sync(ctx)
}

// Usage says what the store holds.
type Usage struct {
	Blocks   int64
	Bytes    int64 // of live blocks
	Disk     int64 // of segment files
	DiskFree int64
	Segments int
}

// Usage says what the store holds now.
func (n *Node) Usage() Usage {
	u := n.blocks.Usage()
	return Usage{Blocks: u.Blocks, Bytes: u.Bytes, Disk: u.Disk, DiskFree: u.Free, Segments: u.Segments}
}
