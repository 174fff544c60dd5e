package kvtest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/whypfs/whypfs/kv"
)

// Suite is what the tests need of a driver.
type Suite struct {
	// Open returns a new empty store. It closes it, and checks its soundness, in
	// a cleanup of t; a Close by the test before must do no harm.
	Open func(t *testing.T) kv.Store

	// Reopen closes a store of Open and opens it again; nil if there is nothing
	// to open again.
	Reopen func(t *testing.T, s kv.Store) kv.Store
}

// Run runs all tests on stores that open returns.
func Run(t *testing.T, open func(t *testing.T) kv.Store) {
	Suite{Open: open}.Run(t)
}

// Run runs all tests.
func (s Suite) Run(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, kv.Store)
	}{
		{"Rows", testRows},
		{"Copies", testCopies},
		{"Sizes", testSizes},
		{"OwnWrites", testOwnWrites},
		{"ScanBounds", testScanBounds},
		{"ScanWhileWriting", testScanWhileWriting},
		{"ReadOnly", testReadOnly},
		{"Ended", testEnded},
		{"Failure", testFailure},
		{"Panic", testPanic},
		{"Goexit", testGoexit},
		{"OnCommit", testOnCommit},
		{"Canceled", testCanceled},
		{"CancelRace", testCancelRace},
		{"Increments", testIncrements},
		{"WriteSkew", testWriteSkew},
		{"Phantoms", testPhantoms},
		{"Transfers", testTransfers},
		{"Neighbours", testNeighbours},
		{"Rerun", testRerun},
		{"Close", testClose},
		{"CloseWaits", testCloseWaits},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, s.Open(t)) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, s) })
	if s.Reopen != nil {
		t.Run("Durable", func(t *testing.T) { testDurable(t, s) })
	}
}

// errNo is an error of a function under test.
var errNo = errors.New("no")

func update(t *testing.T, s kv.Store, fn func(kv.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update = %v", err)
	}
}

func put(t *testing.T, s kv.Store, key, value string) {
	t.Helper()
	update(t, s, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) })
}

// rows reads all rows of a store, in their order.
func rows(t *testing.T, s kv.Store) (all []string) {
	t.Helper()
	err := s.View(context.WithoutCancel(t.Context()), func(tx kv.Tx) (err error) {
		all, err = scan(tx, nil, nil)
		return err
	})
	if err != nil {
		t.Fatalf("View = %v", err)
	}
	return all
}

// scan reads a range as key=value strings.
func scan(tx kv.Tx, from, to []byte) ([]string, error) {
	all := []string{}
	for r, err := range tx.Scan(from, to) {
		if err != nil {
			return nil, err
		}
		all = append(all, string(r.Key)+"="+string(r.Value))
	}
	return all, nil
}

func wantGet(t *testing.T, tx kv.Tx, key, want string) {
	t.Helper()
	if got, err := tx.Get([]byte(key)); err != nil || !bytes.Equal(got, []byte(want)) {
		t.Errorf("Get(%q) = %q, %v, want %q", key, got, err, want)
	}
}

func wantAbsent(t *testing.T, tx kv.Tx, key string) {
	t.Helper()
	if got, err := tx.Get([]byte(key)); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("Get(%q) = %q, %v, want %v", key, got, err, kv.ErrNotFound)
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
