package pebble

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// errAgain says that a block was removed, or stored anew, while it was read.
var errAgain = errors.New("block changed")

// Block returns the bytes of a block, checked against its CID; public leaves
// private blocks out. They are in buf if it is large enough.
func (s *Store) Block(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	if data, ok := blocks.Identity(c); ok {
		return data, nil
	}
	done, err := s.use()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	defer done()
	mh := blocks.Multihash(c)
	for {
		mends := s.mends.Load()
		data, err := s.read(c, mh, public, buf)
		if err == nil {
			return data, nil
		}
		if errors.Is(err, errAgain) || errors.Is(err, blocks.ErrDamaged) && !s.damaged(c, mh, mends, err) {
			continue // it may have been stored again while it was read
		}
		return nil, fmt.Errorf("%s: %w", c, err)
	}
}

// Stored is Block: the datastore tells nobody about the checksums of its own.
func (s *Store) Stored(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	return s.Block(c, public, buf)
}

// Lend lends nothing: the blocks in memory are the database's.
func (s *Store) Lend(cid.Cid, bool) (data []byte, done func(), ok bool) { return nil, nil, false }

func (s *Store) read(c cid.Cid, mh string, public bool, buf []byte) ([]byte, error) {
	m, err := s.meta(mh)
	switch {
	case err == nil && public && m.private:
		return nil, blocks.ErrNotFound
	case err == nil && s.isBad(mh):
		return nil, blocks.ErrDamaged
	case err != nil:
		return nil, err
	}
	return s.data(c, mh, m, buf)
}

// meta reads what is known of a block: ErrNotFound, ErrDamaged or another error if that fails.
func (s *Store) meta(mh string) (meta, error) {
	b, err := s.ds.Get(context.Background(), metaKey(mh))
	switch {
	case errors.Is(err, datastore.ErrNotFound):
		return meta{}, blocks.ErrNotFound
	case err != nil:
		return meta{}, damage(err)
	}
	m, err := parseMeta(b)
	if err != nil {
		err = fmt.Errorf("%w: %w", blocks.ErrDamaged, err)
	}
	return m, err
}

// data reads and checks a block, of which m is known.
func (s *Store) data(c cid.Cid, mh string, m meta, buf []byte) ([]byte, error) {
	if cap(buf) < m.size {
		buf = make([]byte, 0, m.size)
	}
	buf = buf[:0]
	key := dataKey(mh)
	it, err := s.ds.DB.NewIter(&pebble.IterOptions{LowerBound: []byte(key), UpperBound: after(key)})
	if err != nil {
		return nil, damage(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		val, err := it.ValueAndErr()
		if err != nil {
			return nil, damage(errors.Join(err, it.Close()))
		}
		buf = append(buf, val...)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, damage(err)
	}
	if !blocks.Matches(c, buf) {
		if now, err := s.meta(mh); err != nil || now != m {
			return nil, errors.Join(errAgain, err) // swept since
		}
		return nil, blocks.ErrDamaged
	}
	return buf, nil
}

// damaged notes that a block was found to be bad, because of err, unless a bad
// one was stored again since mends was read.
func (s *Store) damaged(c cid.Cid, mh string, mends uint64, err error) (noted bool) {
	stripe := s.stripe(mh)
	stripe.Lock()
	defer stripe.Unlock()
	if s.isBad(mh) {
		return true
	}
	if s.mends.Load() != mends {
		return false
	}
	s.log.Error("block is damaged", "cid", c.String(), "err", err)
	s.metrics.damaged.Inc()
	s.badMu.Lock()
	defer s.badMu.Unlock()
	s.bad[mh] = true
	return true
}

func (s *Store) isBad(mh string) bool {
	s.badMu.Lock()
	defer s.badMu.Unlock()
	return s.bad[mh]
}

// sound is the meta row of a block that is not known to be damaged.
func (s *Store) sound(mh string) (m meta, ok bool) {
	if s.isBad(mh) {
		return m, false
	}
	m, err := s.meta(mh)
	if err != nil && !errors.Is(err, blocks.ErrNotFound) {
		s.log.Error("look up a block", "err", err)
	}
	return m, err == nil
}

// Has says whether a block that is not known to be damaged is here, and its size.
func (s *Store) Has(c cid.Cid, public bool) (size int, ok bool) {
	if data, ok := blocks.Identity(c); ok {
		return len(data), true
	}
	done, err := s.use()
	if err != nil {
		return 0, false
	}
	defer done()
	m, ok := s.sound(blocks.Multihash(c))
	if !ok || public && m.private {
		return 0, false
	}
	return m.size, true
}

// Find is Has for one who, with a lease, counts on what is found.
func (s *Store) Find(ctx context.Context, c cid.Cid) (size int, ok bool) {
	if data, ok := blocks.Identity(c); ok {
		return len(data), true
	}
	done, err := s.use()
	if err != nil {
		return 0, false
	}
	defer done()
	m, seq, ok, err := s.keep(ctx, blocks.Multihash(c), true)
	if err != nil {
		s.log.ErrorContext(ctx, "keep a block from the sweep", "cid", c.String(), "err", err)
	}
	if !ok || err != nil || s.syncTo(ctx, seq) != nil {
		return 0, false
	}
	return m.size, true
}

// Multihashes lists the public blocks.
func (s *Store) Multihashes() iter.Seq2[multihash.Multihash, error] {
	return func(yield func(multihash.Multihash, error) bool) {
		done, err := s.use()
		if err != nil {
			return
		}
		defer done()
		more := true
		err = s.each(context.Background(), "", func(mh string, m meta) bool {
			if !m.private && !s.isBad(mh) {
				more = yield(multihash.Multihash(mh), nil)
			}
			return more
		})
		if err != nil && more {
			s.log.Error("list blocks", "err", err)
			yield(nil, err)
		}
	}
}
