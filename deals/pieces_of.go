package deals

import (
	"context"
	"fmt"
)

// PiecesOf returns the pieces that hold blocks of a content, in the order of
// the zone's pieces; none if the zone is not packed or the content is not in
// it. A block that several contents of a zone share stands in one piece, so a
// content may need a piece in which it has no other block.
func (d *Deals) PiecesOf(ctx context.Context, zone, content uint64) ([]string, error) {
	pieces, err := d.pieceRows(ctx, zone)
	if err != nil || len(pieces) == 0 {
		return nil, err
	}
	spans, err := d.spans(ctx, zone, content)
	if err != nil {
		return nil, fmt.Errorf("pieces of content %d of zone %d: %w", content, zone, err)
	}
	shards := make(map[uint64]bool)
	for _, s := range spans {
		shards[s.shard] = true
	}
	var out []string
	for _, p := range pieces {
		for i := range p.Shards {
			if shards[p.First+uint64(i)] {
				out = append(out, p.CID)
				break
			}
		}
	}
	return out, nil
}
