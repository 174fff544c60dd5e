package segment

import (
	"errors"

	"github.com/whypfs/whypfs/internal/freespace"
)

// allocateStep is how much room a segment takes from the disk at once: so the
// disk says that it is full before a block is written, and writes do not look
// for room.
const allocateStep = 32 << 20

// allocate makes sure that the active segment g has room up to end, and for its
// trailer. If not, nothing is lost: g goes on when there is room. The caller
// holds appendMu.
func (s *Store) allocate(g *segment, end int64) error {
	end += trailerSize + pageSize // what is synced is filled up to the page
	need := end - g.allocated
	if need <= 0 || g.unallocated {
		return nil
	}
	step := max(min(allocateStep, s.opt.SegmentSize-g.allocated), need)
	err := g.tail.f.Allocate(g.allocated, step)
	if freespace.IsNone(err) && step > need {
		step = need
		err = g.tail.f.Allocate(g.allocated, step)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		g.unallocated = true
	case err != nil:
		return err
	default:
		g.allocated += step
	}
	return nil
}
