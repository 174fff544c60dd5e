package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/whypfs/whypfs/internal/car"
)

// AddToCache stores the blocks of a CAR as public ones that no root holds: the
// gateway and bitswap serve them until the next Sweep. The DAGs in it need not
// be complete. It returns how many different blocks there were. What the CAR
// is at fault for is a *CARError.
func (n *Node) AddToCache(ctx context.Context, r io.Reader) (blocks int, err error) {
	in, err := car.NewReader(r, maxCARBlock)
	if err == nil {
		batch := n.blocks.Batch(false)
		var found hashSet
		if found, err = storeCAR(ctx, in, batch); err == nil {
			blocks = found.len()
			err = errors.Join(in.Drain(), batch.Sync(ctx))
		}
	}
	if errors.Is(err, car.ErrFormat) {
		err = badCAR("%v", err)
	}
	if err != nil {
		return 0, fmt.Errorf("add CAR to the cache: %w", err)
	}
	return blocks, nil
}
