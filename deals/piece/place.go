package piece

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/kv"
)

// OfContent returns the pieces that hold blocks of a content, in the order of
// the zone's pieces; none if the zone is not packed or the content is not in
// it. A block that several contents of a zone share stands in one piece, so a
// content may need a piece in which it has no other block.
func (p *Pieces) OfContent(ctx context.Context, zone, content uint64) ([]string, error) {
	pieces, err := p.rows(ctx, zone)
	if err != nil || len(pieces) == 0 {
		return nil, err
	}
	spans, err := p.spans(ctx, zone, content)
	if err != nil {
		return nil, fmt.Errorf("pieces of content %d of zone %d: %w", content, zone, err)
	}
	shards := make(map[uint64]bool)
	for _, s := range spans {
		shards[s.shard] = true
	}
	var out []string
	for _, row := range pieces {
		for i := range row.Shards {
			if shards[row.First+uint64(i)] {
				out = append(out, row.CID)
				break
			}
		}
	}
	return out, nil
}

// A Place is where a block stands in a piece: its section begins at Off.
type Place struct {
	Cid   cid.Cid
	Size  int
	Piece string
	Off   int64
	Mark  Mark // of the content in whose list it stands
}

// A Mark is a place in the list of a content's blocks; the zero Mark is its
// beginning. It holds as long as the layout, which never changes.
type Mark struct {
	span int
	off  int64 // in the span
}

// End is where the block's section ends in the piece.
func (p Place) End() int64 { return p.Off + car.SectionSize(p.Cid, p.Size) }

// Places calls fn for every block of a content, or returns ErrNoPiece if the
// zone is not packed or the content not in it. What stands together in a piece
// comes together. A block that the content has twice may come twice.
func (p *Pieces) Places(ctx context.Context, zone, content uint64, fn func(Place) error) error {
	return p.PlacesFrom(ctx, zone, content, Mark{}, fn)
}

// PlacesFrom is Places from a block on whose mark is given.
func (p *Pieces) PlacesFrom(ctx context.Context, zone, content uint64, from Mark, fn func(Place) error) error {
	spans, err := p.spans(ctx, zone, content)
	if err != nil {
		return err
	}
	pieces, err := p.rows(ctx, zone)
	if err != nil {
		return err
	}
	if len(spans) == 0 || len(pieces) == 0 {
		return ErrNoPiece
	}
	for i := from.span; i < len(spans); i++ {
		if err := p.walk(ctx, zone, pieces, spans[i], from, fn); err != nil {
			return err
		}
		from = Mark{span: i + 1}
	}
	return nil
}

// spans returns where the blocks of a content stand.
func (p *Pieces) spans(ctx context.Context, zone, content uint64) (spans []span, err error) {
	err = p.store.View(ctx, func(tx kv.Tx) error {
		spans = nil
		from, to := kv.Range(prefix, "span", zone, content)
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			some, err := decodeSpans(r.Value)
			if err != nil {
				return err
			}
			spans = append(spans, some...)
		}
		return nil
	})
	return spans, err
}

// SizeOf returns how many bytes of its pieces the sections of a content take;
// what it has twice may count twice.
func (p *Pieces) SizeOf(ctx context.Context, zone, content uint64) (size int64, err error) {
	spans, err := p.spans(ctx, zone, content)
	for _, s := range spans {
		size += s.size
	}
	return size, err
}

// walk calls fn for the blocks of a span from a mark in it on.
func (p *Pieces) walk(ctx context.Context, zone uint64, pieces []pieceRow, s span, from Mark, fn func(Place) error) error {
	piece, i := find(pieces, s.shard)
	if piece == nil {
		return errLayout
	}
	row, _, err := p.shard(ctx, zone, s.shard)
	if err != nil {
		return err
	}
	base := piece.Shards[i].Offset
	start := row.Prefix + s.off
	for off, end := start+from.off, row.Prefix+s.end(); off < end; {
		ch, err := p.loadChunk(ctx, zone, s.shard, &row, off)
		if err != nil {
			return err
		}
		for i := ch.find(off); i < len(ch.entries) && off < end; i++ {
			e := ch.entries[i]
			if err := fn(Place{Cid: e.cid, Size: e.size, Piece: piece.CID, Off: base + off, Mark: Mark{from.span, off - start}}); err != nil {
				return err
			}
			off += car.SectionSize(e.cid, e.size)
		}
	}
	return nil
}

// find returns the piece of a shard, and the shard's index in it.
func find(pieces []pieceRow, ord uint64) (*pieceRow, int) {
	for i := range pieces {
		p := &pieces[i]
		if ord >= p.First && ord < p.First+uint64(len(p.Shards)) {
			return p, int(ord - p.First)
		}
	}
	return nil, 0
}
