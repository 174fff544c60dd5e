package kv

import (
	"context"
	"errors"
	"iter"
)

var (
	ErrNotFound = errors.New("no such key")
	ErrClosed   = errors.New("store is closed")
	ErrReadOnly = errors.New("write in a read-only transaction")
	ErrTxDone   = errors.New("transaction has ended")
	ErrSize     = errors.New("key or value size out of bounds")
	ErrKey      = errors.New("malformed key")
	ErrInUse    = errors.New("store is in use by another process")
	ErrFull     = errors.New("no room for metadata")
	ErrBroken   = errors.New("store refuses writes after an i/o error")
)

const (
	// MaxKey is the size of the longest key: what the index of every driver can hold.
	MaxKey = 2600
	// MaxValue is the size of the longest value. Rows should be far smaller: a
	// change of one may write its neighbours anew.
	MaxValue = 64 << 20
)

// Store is an ordered key-value store with serialisable transactions. It is
// safe for concurrent use.
type Store interface {
	// View runs fn on a consistent snapshot. Writing in it is an error. The
	// snapshot may be of a commit that is not durable yet, or never will be. An
	// Update that begins afterwards, even one that writes nothing, succeeds only
	// when it is.
	View(ctx context.Context, fn func(Tx) error) error

	// Update runs fn and makes its writes durable before it returns nil. An
	// error from fn discards its writes and is returned as it is. fn may run
	// more than once, so it must have no side effects but those on its Tx;
	// what must follow the commit goes into Tx.OnCommit. After any other error
	// the writes may have been made or not, but never in part.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for running transactions and releases the store.
	Close() error
}

// Tx is one transaction. It must not be used after its function returned, nor
// by two goroutines at once.
type Tx interface {
	// Get returns the value of key, or ErrNotFound. The slice is valid until
	// the transaction ends and must not be changed.
	Get(key []byte) ([]byte, error)

	// Put stores a copy of value under a copy of key. An empty key, or more
	// than MaxKey or MaxValue bytes, is ErrSize.
	Put(key, value []byte) error

	// Delete removes key; a missing key is no error.
	Delete(key []byte) error

	// Scan yields the rows with from <= key < to in ascending order of key; a
	// nil to means the end of the store. Rows are valid until the next step.
	// The transaction must not write to the scanned range while it runs. An
	// error is the last thing yielded.
	Scan(from, to []byte) iter.Seq2[Row, error]

	// OnCommit registers fn to run once, after the transaction has become
	// durable and before Update returns, in the order of registration. Nothing
	// runs if the transaction fails, nor in a View.
	OnCommit(fn func())
}

// Row is a key with its value.
type Row struct{ Key, Value []byte }
