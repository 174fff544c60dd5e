package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	mhash "github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// verifyAtOnce blocks are named before they are read: an iterator that stays
// open keeps files that compactions want to remove.
const verifyAtOnce = 1024

// Verify reads every block again, in order of names. A place is the block's name.
func (s *Store) Verify(ctx context.Context, from string, fn func(blocks.Verified) error) error {
	var last string
	if from != "" {
		b, err := names.DecodeString(from)
		if err != nil {
			return fmt.Errorf("%q is not a place in the store: %w", from, err)
		}
		last = string(b)
	}
	for {
		some, err := s.some(ctx, last)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if len(some) == 0 {
			return nil
		}
		for _, b := range some {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			v, ok := s.verify(b)
			if !ok {
				continue
			}
			if err := fn(v); err != nil {
				return err
			}
		}
		last = some[len(some)-1].mh
	}
}

type named struct {
	mh string
	meta
}

// some lists some of the blocks after the one named from.
func (s *Store) some(ctx context.Context, from string) (some []named, err error) {
	done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	err = s.each(ctx, from, func(mh string, m meta) bool {
		some = append(some, named{mh, m})
		return len(some) < verifyAtOnce
	})
	return some, err
}

// verify reads one block. It is not ok if it was removed since.
func (s *Store) verify(b named) (v blocks.Verified, ok bool) {
	c := cid.NewCidV1(cid.Raw, mhash.Multihash(b.mh))
	v = blocks.Verified{Place: names.EncodeToString([]byte(b.mh)), Cid: c, Size: b.size}
	_, err := s.Block(c, false, nil)
	if v.Err = err; err != nil {
		v.Err = errors.Unwrap(err) // without the CID, which is told already
	}
	return v, !errors.Is(err, blocks.ErrNotFound)
}
