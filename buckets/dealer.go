package buckets

import "context"

// Dealer turns sealed zones into pieces and pieces into deals. deals
// implements it, through an adapter in cmd.
type Dealer interface {
	// SmallestPiece returns the padded size of the smallest piece that so many of
	// the providers take, or all of them if there are fewer, as far as their
	// asks are known; 0 if there is no provider. An error says why none is known.
	SmallestPiece(ctx context.Context, providers int) (int64, error)
	// Pack lays the members out as pieces and returns their CIDs. The same
	// zone gives the same pieces, none below zone.MinPiece, also after a crash half way.
	Pack(ctx context.Context, zone Zone, members []Content) ([]string, error)
	// Deal starts, or goes on with, making zone.Policy.Replication deals for each piece.
	Deal(ctx context.Context, zone Zone) error
	// Progress says how far the zone's pieces are.
	Progress(ctx context.Context, zone Zone) (Progress, error)
	// Restore brings the blocks of a content back into the node, verified.
	Restore(ctx context.Context, c Content) error
	// Forget drops what is kept about the pieces of a zone that is gone.
	Forget(ctx context.Context, zone Zone) error
}

// Progress of a zone's deals.
type Progress struct {
	Wanted  int // replicas, but for those of pieces in which everything was deleted
	Active  int // of them
	Pending int // deals under way, wanted or not: their providers still fetch the pieces
	Ending  int // active deals that are not wanted, and run out
	// Samples says that providers are asked for samples of their pieces, and
	// Sampled how many of the active replicas lately gave one.
	Samples bool
	Sampled int
	Reason  string
}
