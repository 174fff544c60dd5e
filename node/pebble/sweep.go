package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs/go-datastore"
	mhash "github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// A sweep that removes a minWaste-th of what the store takes on the disk has
// the room back before it ends; less is left to Pebble.
const minWaste = 16

// Sweep removes the blocks that are not live; see the package comment.
func (s *Store) Sweep(ctx context.Context, live func(context.Context) (blocks.Live, error)) (blocks.Swept, error) {
	select {
	case s.sweep <- struct{}{}:
		defer func() { <-s.sweep }()
	case <-ctx.Done():
		return blocks.Swept{}, context.Cause(ctx)
	}
	done, err := s.use()
	if err != nil {
		return blocks.Swept{}, err
	}
	epoch, err := s.begin(ctx)
	done() // a wait for leases does not hold up Close
	if err != nil {
		return blocks.Swept{}, fmt.Errorf("begin a sweep: %w", err)
	}
	defer s.end()
	if err := s.leases.Wait(ctx); err != nil {
		return blocks.Swept{}, fmt.Errorf("wait for uploads: %w", err)
	}
	isLive, err := live(ctx)
	if err != nil {
		return blocks.Swept{}, err
	}
	if done, err = s.use(); err != nil {
		return blocks.Swept{}, err
	}
	defer done()
	return s.remove(ctx, epoch, isLive)
}

// begin begins an epoch.
func (s *Store) begin(ctx context.Context) (epoch uint64, err error) {
	s.freeze.Lock()
	defer s.freeze.Unlock()
	epoch = s.epoch + 1
	// The log is in order, so no row of the epoch can be durable without this one.
	if err := s.ds.Put(ctx, datastore.RawKey(epochKey), binary.AppendUvarint(nil, epoch)); err != nil {
		return 0, err
	}
	s.written.Add(1)
	s.epoch, s.sweeping = epoch, true
	return epoch, nil
}

func (s *Store) end() {
	s.freeze.Lock()
	defer s.freeze.Unlock()
	s.sweeping = false
}

// remove removes what is neither live nor of this epoch.
func (s *Store) remove(ctx context.Context, epoch uint64, isLive blocks.Live) (r blocks.Swept, err error) {
	before := int64(s.ds.DB.Metrics().DiskSpaceUsage())
	var gone int64
	var errs []error
	err = s.each(ctx, "", func(mh string, m meta) bool {
		if m.epoch >= epoch {
			return true
		}
		if isLive(mhash.Multihash(mh)) {
			r.Kept++
			return true
		}
		removed, err := s.drop(ctx, mh, epoch)
		if err != nil {
			errs = append(errs, err)
			return false
		}
		if removed {
			r.Blocks++
			gone += int64(m.size)
		}
		return true
	})
	// Removed blocks do not come back with a crash.
	errs = append(errs, err, s.syncTo(ctx, s.written.Load()))
	if gone > before/minWaste {
		s.compact(ctx)
		r.Bytes = max(before-int64(s.ds.DB.Metrics().DiskSpaceUsage()), 0)
	}
	return r, errors.Join(errs...)
}

// compact gives the room of what was removed back to the disk, as far as it can.
func (s *Store) compact(ctx context.Context) {
	select {
	case <-s.corrupt: // met before
	default:
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-s.corrupt:
			cancel(blocks.ErrDamaged)
		case <-ended:
		}
	})
	err := s.ds.DB.Compact(ctx, []byte(dataPrefix), after(metaPrefix), false)
	close(ended)
	wg.Wait()
	if err != nil {
		s.log.WarnContext(ctx, "compact the database", "err", errors.Join(err, context.Cause(ctx)))
	}
}

// drop removes a block, unless someone has stored or found it in this epoch.
func (s *Store) drop(ctx context.Context, mh string, epoch uint64) (removed bool, err error) {
	stripe := s.stripe(mh)
	stripe.Lock()
	defer stripe.Unlock()
	m, err := s.meta(mh)
	if err != nil || m.epoch >= epoch {
		return false, err
	}
	w, err := s.ds.Batch(ctx)
	if err != nil {
		return false, err
	}
	err = w.Delete(ctx, metaKey(mh))
	for i := 0; err == nil && i*pieceSize < m.size; i++ {
		err = w.Delete(ctx, pieceKey(mh, i))
	}
	if err == nil {
		err = commit(ctx, w)
	}
	s.written.Add(1)
	if err != nil {
		return false, err
	}
	s.count.Add(-1)
	s.bytes.Add(-int64(m.size))
	s.badMu.Lock()
	delete(s.bad, mh)
	s.badMu.Unlock()
	return true, nil
}
