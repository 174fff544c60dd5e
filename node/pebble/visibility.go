package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
)

// Publish implements blocks.Batch.
func (b *batch) Publish(ctx context.Context, c cid.Cid) error {
	if err := b.judge(ctx, c, false); err != nil {
		return fmt.Errorf("publish %s: %w", c, err)
	}
	return nil
}

// Hide implements blocks.Batch.
func (b *batch) Hide(ctx context.Context, c cid.Cid) error {
	err := b.judge(ctx, c, true)
	if err != nil && !errors.Is(err, blocks.ErrNotFound) {
		return fmt.Errorf("hide %s: %w", c, err)
	}
	return nil // the log is in order, so a removed block does not come back once Sync returns
}

func (b *batch) judge(ctx context.Context, c cid.Cid, private bool) error {
	if _, ok := blocks.Identity(c); ok {
		return nil
	}
	done, err := b.store.use()
	if err != nil {
		return err
	}
	defer done()
	seq, err := b.store.judge(ctx, blocks.Multihash(c), private)
	b.await(seq)
	return err
}

// judge makes a block private or public, once seq writes are durable.
func (s *Store) judge(ctx context.Context, mh string, private bool) (seq uint64, err error) {
	s.freeze.RLock()
	defer s.freeze.RUnlock()
	stripe := s.stripe(mh)
	stripe.Lock()
	defer stripe.Unlock()
	m, err := s.meta(mh)
	switch {
	case err != nil:
		return s.written.Load(), err
	case m.private == private:
		return s.written.Load(), nil
	case !private && s.isBad(mh):
		return s.written.Load(), blocks.ErrNotFound
	}
	m.private = private
	err = s.write(ctx, mh, m, nil, false)
	return s.written.Load(), err
}
