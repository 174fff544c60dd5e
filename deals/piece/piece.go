package piece

import (
	"time"

	"github.com/ipfs/go-cid"
)

// Member is one content of a zone.
type Member struct {
	Content uint64
	Root    cid.Cid
	Size    int64
}

// PackRequest asks for the pieces of a zone.
type PackRequest struct {
	Zone        uint64
	Bucket      string
	Replication int
	MaxPiece    int64 // bytes, padded; 0 means 32 GiB
	MinPiece    int64 // bytes, padded; smaller pieces are filled up with zeros, as are those below Options.MinPiece
	Private     bool  // the bucket was private when they were packed: providers are not to announce them
	Members     []Member
}

// Piece is an FRC-0058 aggregate of shards.
type Piece struct {
	CID         string // piece CID v1 (baga6ea4sea…)
	Zone        uint64
	PaddedSize  int64
	Size        int64 // unpadded bytes served: PaddedSize*127/128
	Shards      []Shard
	Replication int
	Private     bool
	Created     time.Time
	Reason      string // what its deals wait for, for a person
}

// Shard is one CARv1 in a piece.
type Shard struct {
	CID    string // its own piece CID
	Root   string // CAR root: a directory of the contents whose root block is in the shard
	Offset int64  // in the piece, bytes
	Size   int64  // CAR bytes
	Padded int64
}

// pieceRow is a piece as stored.
type pieceRow struct {
	Piece
	First uint64 // number, in the zone, of the first shard
}

// zoneRow exists from the moment a zone is packed.
type zoneRow struct {
	Bucket string
	Pieces []string
	Shards uint64
}
