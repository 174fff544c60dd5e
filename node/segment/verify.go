package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// Verify reads every copy again, in order of segments and offsets. A place is
// SEGMENT/OFFSET.
func (s *Store) Verify(ctx context.Context, from string, fn func(blocks.Verified) error) error {
	id, off := int64(-1), int64(-1)
	if from != "" {
		if _, err := fmt.Sscanf(from, "%d/%d", &id, &off); err != nil {
			return fmt.Errorf("%q is not a place in the store: %w", from, err)
		}
	}
	// Sweeps and writes put copies into newer segments only.
	for g := s.after(id - 1); g != nil; g = s.after(int64(g.id)) {
		if int64(g.id) != id {
			off = -1
		}
		err := s.verifySegment(ctx, g, off, fn)
		if e := g.release(); e != nil {
			s.log.WarnContext(ctx, "close segment", "segment", g.id, "err", e)
		}
		if err != nil {
			return err
		}
	}
	if err := s.absent(); errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// verifySegment reads the copies behind off.
func (s *Store) verifySegment(ctx context.Context, g *segment, off int64, fn func(blocks.Verified) error) error {
	entries, err := s.records(g)
	if err != nil {
		return fmt.Errorf("verify segment %d: %w", g.id, err)
	}
	slices.SortFunc(entries, byOffset)
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if int64(e.off) <= off || e.dead() {
			continue
		}
		if err := fn(s.verifyRecord(g, e)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) verifyRecord(g *segment, e entry) blocks.Verified {
	v := blocks.Verified{Place: fmt.Sprintf("%d/%d", g.id, e.off), Size: int(e.size)}
	if mh, err := multihashIn(g, e); err == nil {
		v.Cid = cid.NewCidV1(cid.Raw, multihash.Multihash(mh))
	}
	if _, _, v.Err = readRecord(g, e); errors.Is(v.Err, ErrDamaged) {
		s.damaged(v.Cid, g, e.loc)
	}
	return v
}
