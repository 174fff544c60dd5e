package piece

import (
	"fmt"

	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/filecoin-project/go-data-segment/fr32"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/commp"
)

const (
	maxShard   = 1 << 30  // padded; the largest piece a PDP provider takes, so a shard serves both ways
	smallShard = 2 << 20  // padded; what is left of a zone is not cut below this
	maxPiece   = 32 << 30 // padded; a sector
	leastPiece = 4 << 10  // padded; the smallest with room for an index
)

// indexArea is the padded size of the FRC-0058 index at the end of a piece.
func indexArea(padded int64) int64 {
	return int64(datasegment.MaxIndexEntriesInDeal(abi.PaddedPieceSize(padded))) * int64(datasegment.EntrySize)
}

// align is the offset at which a segment of the padded size stands when off bytes are taken.
func align(off, padded int64) int64 { return (off + padded - 1) / padded * padded }

// fits says whether a segment of the padded size still finds room, after off
// bytes in n segments, in a piece of at most limit.
func fits(off int64, n int, padded, limit int64) bool {
	return align(off, padded)+padded+indexArea(limit) <= limit &&
		uint(n) < datasegment.MaxIndexEntriesInDeal(abi.PaddedPieceSize(limit))
}

// shardSize chooses the padded size of the next shard when remaining bytes are
// still to be packed. Sizes are powers of two, so a shard that is cut short
// wastes up to half of its place: better a full smaller one and another after it.
func shardSize(remaining int64) int64 {
	if remaining >= commp.Capacity(maxShard) {
		return maxShard
	}
	size := commp.PaddedSize(remaining)
	if size <= smallShard || remaining >= commp.Capacity(size)/4*3 {
		return size
	}
	return size / 2
}

// pieceSize is the size of the smallest piece that has room for so many bytes
// more when taken of it are used, 0 if none of at most limit has.
func pieceSize(taken, bytes, limit int64) int64 {
	need := taken + (bytes+126)/127*128
	for size := int64(leastPiece); size <= limit; size *= 2 {
		if need+indexArea(size) <= size {
			return size
		}
	}
	return 0
}

// aggregate lays shards out as the smallest piece, not below least, that holds them.
func aggregate(shards []Shard, least int64) (*datasegment.Aggregate, error) {
	infos, err := pieceInfos(shards)
	if err != nil {
		return nil, err
	}
	_, used, err := datasegment.ComputeDealPlacement(infos)
	if err != nil {
		return nil, fmt.Errorf("place shards: %w", err)
	}
	size := int64(leastPiece)
	for size < least || int64(used)+indexArea(size) > size || uint(len(infos)) > datasegment.MaxIndexEntriesInDeal(abi.PaddedPieceSize(size)) {
		size *= 2
	}
	return datasegment.NewAggregate(abi.PaddedPieceSize(size), infos)
}

func pieceInfos(shards []Shard) ([]abi.PieceInfo, error) {
	infos := make([]abi.PieceInfo, len(shards))
	for i, s := range shards {
		c, err := cid.Decode(s.CID)
		if err != nil {
			return nil, fmt.Errorf("shard %d: %w", i, err)
		}
		infos[i] = abi.PieceInfo{Size: abi.PaddedPieceSize(s.Padded), PieceCID: c}
	}
	return infos, nil
}

// indexBytes returns the used part of a piece's index as served, and where it starts.
func indexBytes(p Piece) (data []byte, off int64, err error) {
	infos, err := pieceInfos(p.Shards)
	if err != nil {
		return nil, 0, err
	}
	places, _, err := datasegment.ComputeDealPlacement(infos)
	if err != nil {
		return nil, 0, fmt.Errorf("place shards: %w", err)
	}
	index, err := datasegment.MakeIndexFromCommLoc(places)
	if err != nil {
		return nil, 0, fmt.Errorf("index of piece %s: %w", p.CID, err)
	}
	padded, err := index.MarshalBinary()
	if err != nil {
		return nil, 0, fmt.Errorf("index of piece %s: %w", p.CID, err)
	}
	if rest := len(padded) % 128; rest != 0 {
		padded = append(padded, make([]byte, 128-rest)...)
	}
	data = make([]byte, len(padded)/128*127)
	fr32.Unpad(data, padded)
	return data, int64(datasegment.DataSegmentIndexStartOffset(abi.PaddedPieceSize(p.PaddedSize))), nil
}
