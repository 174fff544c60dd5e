package piece

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/ipldlinks"
	"github.com/whypfs/whypfs/kv"
)

// Named is a link to a content in the directory that a shard's root is.
type Named struct {
	Directory cid.Cid // root of the shard
	Link      int     // number of the link, from 0
}

// Selector is the path from the directory to the content.
func (n Named) Selector() string { return fmt.Sprintf("/Links/%d/Hash", n.Link) }

// NameOf returns the link to a content with that root. found is false if the zone
// is not packed, if the content is not in it or has no blocks, and if the
// shard had no room for its name.
func (p *Pieces) NameOf(ctx context.Context, zone, content uint64, root cid.Cid) (n Named, found bool, err error) {
	spans, err := p.spans(ctx, zone, content)
	if err != nil || len(spans) == 0 {
		return Named{}, false, err
	}
	// A walk begins with the root, so the first span is where that is.
	row, head, err := p.shard(ctx, zone, spans[0].shard)
	if errors.Is(err, kv.ErrNotFound) {
		return Named{}, false, nil // what was packed is not committed yet, or is being forgotten
	}
	if err != nil {
		return Named{}, false, err
	}
	links, dir, err := directoryIn(row, head)
	if err != nil {
		return Named{}, false, fmt.Errorf("directory of shard %d of zone %d: %w", spans[0].shard, zone, err)
	}
	for i, c := range links {
		if c.Equals(root) {
			return Named{dir, i}, true, nil
		}
	}
	return Named{}, false, nil
}

// directoryIn returns the links of the directory in a shard's prefix, and its CID.
func directoryIn(row shardRow, head []byte) ([]cid.Cid, cid.Cid, error) {
	root, err := cid.Decode(row.Root)
	if err != nil {
		return nil, cid.Undef, err
	}
	got, data, ok := car.ParseSection(head[min(len(head), len(car.Header(root))):])
	if !ok || !got.Equals(root) {
		return nil, cid.Undef, errLayout
	}
	links, err := ipldlinks.Of(root, data)
	return links, root, err
}
