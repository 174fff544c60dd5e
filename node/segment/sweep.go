package segment

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/node/blocks"
)

// A segment is rewritten once a minWaste-th of it is waste; with less, copying
// would cost more than the room is worth.
const minWaste = 16

// Each sweep seals a segment, however short. Those below a smallPart-th of the
// full size are joined, lest files and descriptors grow with every sweep.
const smallPart = 16

// A candidate is looked at again at most maxTries times because uploads found
// blocks in it just when it was to go.
const maxTries = 1000

type (
	// Live says whether a block is to be kept.
	Live = blocks.Live
	// Swept is what a sweep did.
	Swept = blocks.Swept
)

// Sweep removes the blocks that are not live; see the package comment. It asks
// for live when blocks stored earlier are frozen, and live is used until Sweep
// returns. It waits for leases held now, so its caller holds none. What cannot be read
// is kept. After an error some segments may not have been swept.
func (s *Store) Sweep(ctx context.Context, live func(context.Context) (Live, error)) (Swept, error) {
	select {
	case s.sweep <- struct{}{}:
		defer func() { <-s.sweep }()
	case <-ctx.Done():
		return Swept{}, context.Cause(ctx)
	}
	if err := s.sealActive(); err != nil {
		return Swept{}, err
	}
	candidates := s.candidates()
	defer s.thaw(candidates)
	if err := s.leases.Wait(ctx); err != nil {
		return Swept{}, fmt.Errorf("wait for uploads: %w", err)
	}
	isLive, err := live(ctx)
	if err != nil {
		return Swept{}, err
	}
	w := &sweeper{store: s, marked: isLive, small: s.small(candidates), verdicts: s.candidateVerdicts(), pace: newPacer(&s.uploads, s.short)}
	var errs []error
	for _, g := range w.order(candidates) {
		if err := ctx.Err(); err != nil {
			errs = append(errs, context.Cause(ctx))
			break
		}
		err := w.segment(ctx, g)
		for tries := 0; errors.Is(err, errUncovered) && tries < maxTries; tries++ {
			err = w.segment(ctx, g) // with what was found or lost meanwhile; the copies made are not made again
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("sweep segment %d: %w", g.id, err))
		}
	}
	w.result.Bytes = max(w.result.Bytes, 0)
	// Removed blocks do not come back with a crash.
	if err := s.files.sync(); err != nil {
		errs = append(errs, err)
	} else if len(w.verdicts) > 0 {
		s.forgetRemoved()
	}
	return w.result, errors.Join(errs...)
}

// candidates marks all sealed segments whose blocks are all known, and returns them from the oldest on.
func (s *Store) candidates() []*segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = map[key]bool{}
	var all []*segment
	for _, g := range s.order {
		if g.settled {
			g.candidate = true
			all = append(all, g)
		}
	}
	return all
}

// small returns those candidates that are to be joined: none if there is one only.
func (s *Store) small(candidates []*segment) map[*segment]bool {
	small := map[*segment]bool{}
	for _, g := range candidates {
		if g.synced < s.opt.SegmentSize/smallPart {
			small[g] = true
		}
	}
	if len(small) < 2 {
		return nil
	}
	return small
}

// thaw ends the sweep of the candidates.
func (s *Store) thaw(candidates []*segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range candidates {
		g.candidate = false
	}
	s.found = nil
}
