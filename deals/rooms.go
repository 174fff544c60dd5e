package deals

import (
	"context"
	"io"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/retrieve"
)

// Pack lays members out as pieces. Calling it again for the same zone returns
// the same pieces.
func (d *Deals) Pack(ctx context.Context, req piece.PackRequest) ([]piece.Piece, error) {
	return d.pieces.Pack(ctx, req)
}

// Piece returns one piece, or piece.ErrNoPiece.
func (d *Deals) Piece(ctx context.Context, pieceCID string) (piece.Piece, error) {
	return d.pieces.Piece(ctx, pieceCID)
}

// Pieces returns the pieces of a zone in the order of their contents; none if it is not packed.
func (d *Deals) Pieces(ctx context.Context, zone uint64) ([]piece.Piece, error) {
	return d.pieces.OfZone(ctx, zone)
}

// PiecesOf returns the pieces that hold blocks of a content; none if the zone
// is not packed or the content is not in it.
func (d *Deals) PiecesOf(ctx context.Context, zone, content uint64) ([]string, error) {
	return d.pieces.OfContent(ctx, zone, content)
}

// NameOf returns the link to a content in the directory of the shard that begins
// it, if it has one.
func (d *Deals) NameOf(ctx context.Context, zone, content uint64, root cid.Cid) (piece.Named, bool, error) {
	return d.pieces.NameOf(ctx, zone, content, root)
}

// OpenPiece reads the bytes of a piece. A block that is gone here is read from
// an active replica, and checked. The reader uses ctx until it is closed, and
// is not safe for concurrent use.
func (d *Deals) OpenPiece(ctx context.Context, pieceCID string) (io.ReadSeekCloser, int64, error) {
	return d.pieces.Open(ctx, pieceCID)
}

// CheckLayouts reads the layouts of all pieces and tells fn of each zone or shard
// whose bytes cannot be found through its own: where names it.
func (d *Deals) CheckLayouts(ctx context.Context, fn func(where, what string)) error {
	return d.pieces.Check(ctx, fn)
}

// Restore puts the blocks of a content back into the node, every block verified
// against its CID. Blocks that are here already are not asked for. If it fails,
// those that came before stay.
func (d *Deals) Restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	return d.retrieve.Restore(ctx, zone, content, root)
}

// Fetch is Restore as order says, for a caller that keeps the root from sweeps.
func (d *Deals) Fetch(ctx context.Context, zone, content uint64, root cid.Cid, order retrieve.Order) error {
	return d.retrieve.Fetch(ctx, zone, content, root, order)
}

// Recall has a content brought back block by block, while it is read; put
// stores what comes.
func (d *Deals) Recall(ctx context.Context, zone, content uint64, root cid.Cid, put retrieve.Put) (*retrieve.Recall, error) {
	return d.retrieve.Open(ctx, zone, content, root, put)
}

// Retrieving lists the contents that are being brought back.
func (d *Deals) Retrieving() []retrieve.Running { return d.retrieve.Running() }

// fetchBlock reads a block that is gone here from a replica. It is a piece.Fetcher.
func (d *Deals) fetchBlock(ctx context.Context, pieceCID string, block cid.Cid, off int64, size int) ([]byte, error) {
	return d.retrieve.Block(ctx, pieceCID, block, off, size)
}
