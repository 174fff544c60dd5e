package piece

import (
	"context"
	"math/rand/v2"

	"github.com/whypfs/whypfs/internal/car"
)

// Sample returns blocks that stand side by side at a random place of a piece,
// any byte as likely as another: about size bytes, and one block at least.
func (p *Pieces) Sample(ctx context.Context, pieceCID string, size int64) ([]Place, error) {
	row, err := p.row(ctx, pieceCID)
	if err != nil {
		return nil, err
	}
	var total int64
	for _, s := range row.Shards {
		total += s.Size
	}
	if total == 0 {
		return nil, errLayout
	}
	at, i := rand.Int64N(total), 0
	for at >= row.Shards[i].Size {
		at -= row.Shards[i].Size
		i++
	}
	ord := row.First + uint64(i)
	shard, _, err := p.shard(ctx, row.Zone, ord)
	if err != nil {
		return nil, err
	}
	ch, err := p.loadChunk(ctx, row.Zone, ord, &shard, max(at, shard.Prefix))
	if err != nil {
		return nil, err
	}
	base := row.Shards[i].Offset
	var out []Place
	for i := ch.find(max(at, shard.Prefix)); i >= 0 && i < len(ch.entries); i++ {
		e := ch.entries[i]
		if size -= car.SectionSize(e.cid, e.size); size < 0 && len(out) > 0 {
			break
		}
		out = append(out, Place{Cid: e.cid, Size: e.size, Piece: pieceCID, Off: base + ch.starts[i]})
	}
	if len(out) == 0 {
		return nil, errLayout
	}
	return out, nil
}
