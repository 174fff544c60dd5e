package pebble

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"

	"github.com/whypfs/whypfs/node/blocks"
)

// A batch is a blocks.Batch.
type batch struct {
	store   *Store
	private bool

	mu  sync.Mutex
	seq uint64 // Sync waits until as many writes are durable
}

// Batch begins a batch of private or public blocks.
func (s *Store) Batch(private bool) blocks.Batch { return &batch{store: s, private: private} }

// Put implements blocks.Batch.
func (b *batch) Put(ctx context.Context, c cid.Cid, data []byte) error {
	if _, ok := blocks.Identity(c); ok {
		return nil
	}
	if len(data) > blocks.MaxBlock {
		return fmt.Errorf("store %s: block of %d bytes is too large", c, len(data))
	}
	done, err := b.store.use()
	if err != nil {
		return fmt.Errorf("store %s: %w", c, err)
	}
	defer done()
	result, seq, err := b.store.put(ctx, blocks.Multihash(c), data, b.private)
	b.store.metrics.puts.WithLabelValues(result).Inc()
	if err != nil {
		return fmt.Errorf("store %s: %w", c, err)
	}
	b.await(seq)
	return nil
}

// Has implements blocks.Batch.
func (b *batch) Has(c cid.Cid) bool {
	if _, ok := blocks.Identity(c); ok {
		return true
	}
	done, err := b.store.use()
	if err != nil {
		return false
	}
	defer done()
	_, seq, ok, err := b.store.keep(context.Background(), blocks.Multihash(c), b.private)
	if ok && err == nil {
		b.await(seq)
	}
	return ok && err == nil
}

func (b *batch) await(seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq = max(b.seq, seq)
}

// Sync implements blocks.Batch.
func (b *batch) Sync(ctx context.Context) error {
	b.mu.Lock()
	seq := b.seq
	b.mu.Unlock()
	done, err := b.store.use()
	if err != nil {
		return err
	}
	defer done()
	return b.store.syncTo(ctx, seq)
}

// syncTo returns when seq writes are durable. Pebble lets those who come at the
// same time share a sync.
func (s *Store) syncTo(ctx context.Context, seq uint64) error {
	if s.synced.Load() >= seq {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	now := s.written.Load()
	timer := s.metrics.timer()
	err := s.ds.Sync(ctx, datastore.Key{})
	timer()
	if err != nil {
		return err
	}
	for old := s.synced.Load(); old < now && !s.synced.CompareAndSwap(old, now); old = s.synced.Load() {
	}
	return nil
}

func (s *Store) stripe(mh string) *sync.Mutex { return &s.locks[mh[len(mh)-1]] }

// keep looks for a block that makes storing it needless, and if there is one
// keeps it from a sweep under way. It is durable once seq writes are.
func (s *Store) keep(ctx context.Context, mh string, private bool) (m meta, seq uint64, ok bool, err error) {
	s.freeze.RLock()
	defer s.freeze.RUnlock()
	stripe := s.stripe(mh)
	stripe.Lock()
	defer stripe.Unlock()
	m, ok, err = s.keepLocked(ctx, mh, private)
	return m, s.written.Load(), ok, err
}

// keepLocked is keep for one who holds freeze and the stripe.
func (s *Store) keepLocked(ctx context.Context, mh string, private bool) (m meta, ok bool, err error) {
	m, ok = s.sound(mh)
	if !ok || m.private && !private {
		return m, false, nil
	}
	if !s.sweeping || m.epoch >= s.epoch {
		return m, true, nil
	}
	m.epoch = s.epoch
	err = s.ds.Put(ctx, metaKey(mh), m.encode())
	s.written.Add(1)
	return m, true, err
}

// put stores a block, unless it is here; it is durable once seq writes are.
func (s *Store) put(ctx context.Context, mh string, data []byte, private bool) (result string, seq uint64, err error) {
	s.freeze.RLock()
	defer s.freeze.RUnlock()
	stripe := s.stripe(mh)
	stripe.Lock()
	defer stripe.Unlock()
	_, ok, err := s.keepLocked(ctx, mh, private)
	if ok || err != nil {
		return "found", s.written.Load(), err
	}
	old, oldErr := s.meta(mh)
	if oldErr == nil && !old.private {
		private = false // public wins, damaged or not
	}
	bad := s.isBad(mh)
	rewrite := oldErr != nil || bad // else the data is here, as private
	if rewrite {
		if err := s.checkSpace(int64(len(data))); err != nil {
			return "failed", 0, err
		}
	}
	if bad || errors.Is(oldErr, blocks.ErrDamaged) {
		s.mends.Add(1)
		defer s.mends.Add(1)
		s.excise(ctx, mh)
	}
	m := meta{private: private, size: len(data), epoch: s.epoch}
	if err := s.write(ctx, mh, m, data, rewrite); err != nil {
		return "failed", 0, err
	}
	if errors.Is(oldErr, blocks.ErrNotFound) {
		s.count.Add(1)
		s.bytes.Add(int64(len(data)))
	}
	if bad {
		s.badMu.Lock()
		delete(s.bad, mh)
		s.badMu.Unlock()
	}
	s.metrics.bytes.Add(float64(len(data)))
	return "written", s.written.Load(), nil
}

// write writes a block's rows; without rewrite only what is known of it.
func (s *Store) write(ctx context.Context, mh string, m meta, data []byte, rewrite bool) error {
	w, err := s.ds.Batch(ctx)
	if err != nil {
		return err
	}
	for i := 0; rewrite && len(data) > 0; i++ {
		n := min(len(data), pieceSize)
		if err := w.Put(ctx, pieceKey(mh, i), data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	if err := w.Put(ctx, metaKey(mh), m.encode()); err != nil {
		return err
	}
	err = commit(ctx, w)
	s.written.Add(1)
	return err
}

// commit commits a batch. Where the log cannot be written Pebble panics, and holds
// its locks for ever: the process ends, whoever would catch that, since all others would hang.
func commit(ctx context.Context, w datastore.Batch) error {
	defer func() {
		if v := recover(); v != nil {
			go panic(v)
			select {}
		}
	}()
	return w.Commit(ctx)
}

// excise cuts the data of a damaged block out of the tree. If that fails,
// new rows still cover the damaged ones; compactions meet them again, and say so.
func (s *Store) excise(ctx context.Context, mh string) {
	err := s.ds.DB.Excise(ctx, pebble.KeyRange{Start: []byte(dataKey(mh)), End: after(dataKey(mh))})
	if err != nil {
		s.log.WarnContext(ctx, "cut a damaged block out of the database", "err", err)
	}
}

// checkSpace says whether n bytes more leave the reserve untouched.
func (s *Store) checkSpace(n int64) error {
	if s.unasked.Add(-n) >= 0 {
		return nil
	}
	free, total, err := s.opt.space()
	if err != nil {
		return fmt.Errorf("ask for disk space: %w", err)
	}
	free -= min(maxReserve, total/reservePart)
	if free < n {
		s.unasked.Store(0)
		return fmt.Errorf("%w: %d bytes are left for blocks", blocks.ErrFull, max(free, 0))
	}
	s.unasked.Store(min(askEvery, free-n))
	return nil
}
