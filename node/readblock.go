package node

import (
	"bytes"
	"context"
	"crypto/sha256"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/internal/sha256lanes"
	"github.com/whypfs/whypfs/node/blocks"
)

// ReadRoom is what ReadBlock and StoredBlock may need in a buffer besides a block.
const ReadRoom = blocks.Room

// ReadBlock is Block for one who reads many: the bytes are anywhere in buf if
// that has ReadRoom more than they need, and large blocks are read past the
// page cache.
func (n *Node) ReadBlock(ctx context.Context, c cid.Cid, buf []byte) ([]byte, error) {
	data, err := n.StoredBlock(ctx, c, buf)
	if err != nil || blocks.Matches(c, data) {
		return data, err
	}
	// Its checksum holds and its hash does not: the store looks for another
	// copy, and has this one repaired.
	return n.blocks.Block(c, false, nil)
}

// StoredBlock is ReadBlock for one whose reader verifies the bytes himself:
// they are checked against the checksum that was stored with the block.
func (n *Node) StoredBlock(ctx context.Context, c cid.Cid, buf []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return n.blocks.Stored(c, false, buf)
}

// sha256Head begins the multihash of a whole SHA-256.
var sha256Head = []byte{0x12, 0x20}

// VerifyBlocks compares what StoredBlock returned with the blocks' hashes,
// several at a time: where the processor can, those of one length that follow
// each other are hashed side by side. In place of one that differs data gets
// what Block returns, or the error is Block's.
func (n *Node) VerifyBlocks(ctx context.Context, cs []cid.Cid, data [][]byte) error {
	g, ctx := errgroup.WithContext(ctx)
	for width := sha256lanes.Width(); len(cs) > 0; {
		k := min(width, len(cs))
		some, theirs := cs[:k], data[:k]
		g.Go(func() error { return n.verify(ctx, some, theirs) })
		cs, data = cs[k:], data[k:]
	}
	return g.Wait()
}

func (n *Node) verify(ctx context.Context, cs []cid.Cid, data [][]byte) error {
	sums := make([][sha256.Size]byte, len(data))
	sha256lanes.Sum(sums, data)
	for i, c := range cs {
		if bytes.HasPrefix(c.Hash(), sha256Head) && bytes.Equal(c.Hash()[len(sha256Head):], sums[i][:]) || blocks.Matches(c, data[i]) {
			continue
		}
		again, err := n.Block(ctx, c)
		if err != nil {
			return err
		}
		data[i] = again
	}
	return nil
}
