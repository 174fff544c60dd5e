package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleTx reads one state of a pebble store, and collects what is written over
// it. In an Update nothing else writes meanwhile, so that the state stays.
type pebbleTx struct {
	ctx      context.Context // of the one call that this transaction is
	from     pebble.Reader
	writable bool
	done     bool
	own      overlay
	hooks    []func()
	points   *pebble.Iterator // of an Update, for lookups; nil before the first
	idle     *cursor          // one that no scan uses now
}

func (t *pebbleTx) Get(key []byte) ([]byte, error) {
	if t.done {
		return nil, ErrTxDone
	}
	if w, found := t.own.get(key); found {
		if w.value == nil {
			return nil, ErrNotFound
		}
		return w.value, nil
	}
	value, found, err := t.lookup(key)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	if !found {
		return nil, ErrNotFound
	}
	return value, nil
}

// lookup reads one row of the store. An update asks for rows that are not there,
// that of an upload's key above all. The filters of the tables know that, but
// Pebble's Get does not ask those of the last level, which has most rows, and
// reads a block from the disk, while all other updates wait.
func (t *pebbleTx) lookup(key []byte) (value []byte, found bool, err error) {
	if !t.writable {
		return t.get(key) // what is asked for is there as a rule
	}
	if t.points == nil {
		if t.points, err = t.from.NewIter(&pebble.IterOptions{UseL6Filters: true}); err != nil {
			return nil, false, err
		}
	}
	if !t.points.SeekPrefixGE(key) { // a prefix is a whole key
		return nil, false, t.points.Error()
	}
	raw, err := t.points.ValueAndErr()
	return append([]byte{}, raw...), err == nil, err // raw is the block cache's
}

func (t *pebbleTx) get(key []byte) (value []byte, found bool, err error) {
	raw, closer, err := t.from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value = append([]byte{}, raw...)
	return value, true, closer.Close()
}

func (t *pebbleTx) Put(key, value []byte) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if len(key) == 0 || len(key) > MaxKey || len(value) > MaxValue {
		return fmt.Errorf("put %d bytes under a key of %d: %w", len(value), len(key), ErrSize)
	}
	t.own.put(key, value)
	return nil
}

func (t *pebbleTx) Delete(key []byte) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if len(key) > 0 && len(key) <= MaxKey {
		t.own.remove(key)
	}
	return nil
}

func (t *pebbleTx) OnCommit(fn func()) {
	if t.writable && !t.done {
		t.hooks = append(t.hooks, fn)
	}
}

func (t *pebbleTx) mayWrite() error {
	switch {
	case t.done:
		return ErrTxDone
	case !t.writable:
		return ErrReadOnly
	}
	return nil
}

func (t *pebbleTx) Scan(from, to []byte) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if t.done {
			yield(Row{}, ErrTxDone)
			return
		}
		if to != nil && bytes.Compare(from, to) >= 0 {
			return // pebble does not expect such bounds
		}
		it, more, err := t.cursor(from, to)
		if err != nil {
			yield(Row{}, fmt.Errorf("scan: %w", err))
			return
		}
		defer t.release(it)
		t.merge(it, more, from, to, yield)
	}
}

// merge yields the rows of the store and those of the transaction itself. What
// it writes while the scan runs is not in the range.
func (t *pebbleTx) merge(it *cursor, more bool, from, to []byte, yield func(Row, error) bool) {
	own := t.own.in(from, to)
	for n := 1; more || len(own) > 0; n++ {
		if n%scanCheck == 0 && t.ctx.Err() != nil {
			yield(Row{}, t.ctx.Err())
			return
		}
		order := -1 // the store's row comes first
		switch {
		case !more:
			order = 1
		case len(own) > 0:
			order = bytes.Compare(it.Key(), own[0].key)
		}
		if order < 0 {
			value, err := it.ValueAndErr()
			if !yield(Row{it.Key(), value}, err) || err != nil {
				return
			}
		} else {
			w := own[0]
			own = own[1:]
			if w.value != nil && !yield(Row{w.key, w.value}, nil) {
				return
			}
		}
		if order <= 0 {
			more = it.Next()
		}
	}
	if err := it.Error(); err != nil {
		yield(Row{}, fmt.Errorf("scan: %w", err))
	}
}

// cursor is an iterator with the bounds it was given.
type cursor struct {
	*pebble.Iterator
	from, to []byte
}

// cursor returns one at the first row of a range, if there is one. Scans often
// follow one another, as when a listing jumps over common prefixes, and a new
// iterator is dear.
func (t *pebbleTx) cursor(from, to []byte) (c *cursor, more bool, err error) {
	if c = t.idle; c == nil {
		it, err := t.from.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
		if err != nil {
			return nil, false, err
		}
		c = &cursor{it, bytes.Clone(from), bytes.Clone(to)}
		return c, c.First(), nil
	}
	t.idle = nil
	// With the bounds that it has, a seek goes on from where the iterator is on
	// each level. With new ones it begins anew.
	if bytes.Equal(c.to, to) && bytes.Compare(from, c.from) >= 0 {
		return c, c.SeekGE(from), nil
	}
	c.SetBounds(from, to)
	c.from, c.to = append(c.from[:0], from...), append(c.to[:0], to...)
	return c, c.First(), nil
}

func (t *pebbleTx) release(it *cursor) {
	if t.idle == nil && !t.done && it.Error() == nil {
		t.idle = it
		return
	}
	it.Close() // its error, if it has one, has been told
}

// end ends the transaction's use, however its function ended.
func (t *pebbleTx) end() {
	t.done = true
	if t.points != nil {
		t.points.Close() // its error, if it has one, has been told
	}
	if t.idle != nil {
		t.idle.Close()
		t.idle = nil
	}
}
