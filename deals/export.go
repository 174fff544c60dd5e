package deals

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrOnline says that a deal's provider pulls the piece itself.
	ErrOnline = errors.New("the deal's provider pulls the piece by itself")
	// ErrNoData says that a deal is past waiting for its piece, or not yet there.
	ErrNoData = errors.New("the deal does not wait for its piece")
)

// An Export is what a provider's operator needs to import the piece of an
// offline deal. It holds the deal's token, which ends when the deal is published.
type Export struct {
	UUID       string
	Provider   string
	Proposal   string // CID of the signed proposal
	Piece      string // piece CID v1
	PaddedSize int64
	Size       int64  // bytes to fetch
	Root       string // of the first CAR in the piece
	StartEpoch int64  // by which the sector has to be proven
	URL        string
	Token      string // bearer token for URL
}

// Export returns how the piece of an offline deal that its provider has taken
// is imported, or ErrNoDeal, ErrOnline, ErrNoData.
func (d *Deals) Export(ctx context.Context, uuid string) (Export, error) {
	row, err := d.dealRow(ctx, uuid)
	switch {
	case err != nil:
		return Export{}, err
	case !row.Offline:
		return Export{}, ErrOnline
	case row.State != DealAccepted:
		return Export{}, fmt.Errorf("%w: it is %s", ErrNoData, row.State)
	}
	p, err := d.pieces.Piece(ctx, row.Piece)
	if err != nil {
		return Export{}, err
	}
	token, err := d.box.Open(row.Token, tokenSeal(row.UUID))
	if err != nil {
		return Export{}, fmt.Errorf("token of deal %s: %w", row.UUID, err)
	}
	return Export{
		UUID: row.UUID, Provider: row.Provider, Proposal: row.Proposal, Piece: p.CID, PaddedSize: p.PaddedSize, Size: p.Size,
		Root: p.Shards[0].Root, StartEpoch: row.StartEpoch, URL: d.opt.PieceURL + "/piece/" + p.CID, Token: string(token),
	}, nil
}
