package node

import (
	"context"

	"github.com/ipfs/go-cid"

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
