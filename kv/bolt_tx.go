package kv

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
)

// scanCheck is the number of rows between two looks at the context.
const scanCheck = 256

// boltTx is one function's view of a bolt transaction that it may share with
// others. It writes straight into it and remembers how to take that back.
type boltTx struct {
	ctx      context.Context // of the one call that this transaction is
	rows     *bolt.Bucket
	writable bool
	done     bool
	undos    []undo
	bytes    int // written
	hooks    []func()
}

// undo is a row as it was before a write; a nil value means that it was absent.
type undo struct{ key, value []byte }

func (t *boltTx) Get(key []byte) ([]byte, error) {
	if t.done {
		return nil, ErrTxDone
	}
	value := t.rows.Get(key)
	if value == nil {
		return nil, ErrNotFound
	}
	return value, nil
}

func (t *boltTx) Put(key, value []byte) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if len(key) == 0 || len(key) > MaxKey || len(value) > MaxValue {
		return fmt.Errorf("put %d bytes under a key of %d: %w", len(value), len(key), ErrSize)
	}
	t.remember(key)
	t.bytes += len(key) + len(value)
	return t.rows.Put(key, append([]byte{}, value...)) // bolt copies the key only
}

func (t *boltTx) Delete(key []byte) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if t.rows.Get(key) == nil {
		return nil
	}
	t.remember(key)
	t.bytes += len(key)
	return t.rows.Delete(key)
}

func (t *boltTx) Scan(from, to []byte) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if t.done {
			yield(Row{}, ErrTxDone)
			return
		}
		c := t.rows.Cursor()
		seen := len(t.undos)
		key, value := c.Seek(from)
		for n := 1; key != nil && (to == nil || bytes.Compare(key, to) < 0); n++ {
			if n%scanCheck == 0 && t.ctx.Err() != nil {
				yield(Row{}, t.ctx.Err())
				return
			}
			if !yield(Row{key, value}, nil) {
				return
			}
			if seen == len(t.undos) {
				key, value = c.Next()
				continue
			}
			// A write moves the rows under a cursor, even a write elsewhere.
			seen = len(t.undos)
			key, value = seekAfter(c, key)
		}
	}
}

func (t *boltTx) OnCommit(fn func()) {
	if t.writable && !t.done {
		t.hooks = append(t.hooks, fn)
	}
}

func seekAfter(c *bolt.Cursor, last []byte) (key, value []byte) {
	key, value = c.Seek(last)
	if key != nil && bytes.Equal(key, last) {
		key, value = c.Next()
	}
	return key, value
}

func (t *boltTx) mayWrite() error {
	switch {
	case t.done:
		return ErrTxDone
	case !t.writable:
		return ErrReadOnly
	}
	return nil
}

// remember keeps the row at key as it is. The old value need not be copied:
// bolt changes no value in place, and it moves no memory before the commit.
func (t *boltTx) remember(key []byte) {
	t.undos = append(t.undos, undo{bytes.Clone(key), t.rows.Get(key)})
}

// undo takes all writes back, the last one first.
func (t *boltTx) undo() error {
	for i := len(t.undos) - 1; i >= 0; i-- {
		u := t.undos[i]
		var err error
		if u.value == nil {
			err = t.rows.Delete(u.key)
		} else {
			err = t.rows.Put(u.key, u.value)
		}
		if err != nil {
			return fmt.Errorf("undo: %w", err)
		}
	}
	t.undos, t.bytes = nil, 0
	return nil
}

func (t *boltTx) end() { t.done = true }
