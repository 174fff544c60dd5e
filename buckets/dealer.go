package buckets

import "context"

// Dealer turns sealed zones into pieces and pieces into deals. deals
// implements it, through an adapter in cmd.
type Dealer interface {
	// SmallestPiece returns the padded size of the smallest piece that so many of
	// the providers take that the rules allow, or all of them if there are fewer,
	// as far as their asks are known; 0 if there is no provider at all. An error
	// says why none is known.
	SmallestPiece(ctx context.Context, rules ProviderRules, providers int) (int64, error)
	// Pack lays the members out as pieces and returns their CIDs. The same
	// zone gives the same pieces, none below zone.MinPiece, also after a crash half way.
	Pack(ctx context.Context, zone Zone, members []Content) ([]string, error)
	// Deal starts, or goes on with, making zone.Policy.Replication deals for each piece.
	Deal(ctx context.Context, zone Zone) error
	// Progress says how far the zone's pieces are.
	Progress(ctx context.Context, zone Zone) (Progress, error)
	// Sampled says how many of the zone's wanted replicas lately gave a good sample
	// of their piece. on: providers are asked for samples at all.
	Sampled(ctx context.Context, zone Zone) (n int, on bool, err error)
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
	Reason  string
}
