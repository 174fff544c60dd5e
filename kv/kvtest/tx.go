package kvtest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/kv"
)

func testRows(t *testing.T, s kv.Store) {
	update(t, s, func(tx kv.Tx) error {
		wantAbsent(t, tx, "a")
		return errors.Join(tx.Put([]byte("a"), []byte("1")), tx.Put([]byte("empty"), nil), tx.Delete([]byte("never there")))
	})
	err := s.View(t.Context(), func(tx kv.Tx) error {
		wantGet(t, tx, "a", "1")
		wantAbsent(t, tx, "A")
		wantAbsent(t, tx, "")
		got, err := tx.Get([]byte("empty"))
		if err != nil || got == nil || len(got) != 0 {
			t.Errorf("Get of an empty value = %v, %v, want an empty slice", got, err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("View = %v", err)
	}
	put(t, s, "a", "2")
	update(t, s, func(tx kv.Tx) error {
		wantGet(t, tx, "a", "2")
		return tx.Delete([]byte("a"))
	})
	want(t, "rows", strings.Join(rows(t, s), " "), "empty=")
}

// testCopies reuses the caller's memory, as callers do that encode in a loop.
func testCopies(t *testing.T, s kv.Store) {
	key, value := []byte("k1"), []byte("v1")
	update(t, s, func(tx kv.Tx) error {
		if err := tx.Put(key, value); err != nil {
			return err
		}
		key[1], value[1] = '2', '2'
		wantGet(t, tx, "k1", "v1")
		if err := tx.Put(key, value); err != nil {
			return err
		}
		key[1], value[1] = '3', '3'
		return nil
	})
	want(t, "rows", strings.Join(rows(t, s), " "), "k1=v1 k2=v2")
}

func testSizes(t *testing.T, s kv.Store) {
	longKey := bytes.Repeat([]byte{0xff}, kv.MaxKey)
	large := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	large[len(large)-1] = '!'
	update(t, s, func(tx kv.Tx) error {
		return errors.Join(tx.Put(longKey, []byte("x")), tx.Put([]byte("large"), large))
	})
	update(t, s, func(tx kv.Tx) error {
		wantGet(t, tx, string(longKey), "x")
		if got, err := tx.Get([]byte("large")); err != nil || !bytes.Equal(got, large) {
			t.Errorf("a value of %d bytes came back as %d, %v", len(large), len(got), err)
		}
		if err := tx.Put(append(longKey, 0), nil); !errors.Is(err, kv.ErrSize) {
			t.Errorf("Put of a key of %d bytes = %v, want %v", kv.MaxKey+1, err, kv.ErrSize)
		}
		if err := tx.Put(nil, nil); !errors.Is(err, kv.ErrSize) {
			t.Errorf("Put of an empty key = %v, want %v", err, kv.ErrSize)
		}
		if err := tx.Put([]byte("k"), make([]byte, kv.MaxValue+1)); !errors.Is(err, kv.ErrSize) {
			t.Errorf("Put of a value of %d bytes = %v, want %v", kv.MaxValue+1, err, kv.ErrSize)
		}
		return tx.Delete(nil)
	})
}

func testOwnWrites(t *testing.T, s kv.Store) {
	update(t, s, func(tx kv.Tx) error {
		for _, k := range []string{"a", "b", "c", "d"} {
			if err := tx.Put([]byte(k), []byte("old")); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx kv.Tx) error {
		err := errors.Join(
			tx.Put([]byte("aa"), []byte("new")),  // between rows
			tx.Put([]byte("b"), []byte("new")),   // over one
			tx.Delete([]byte("c")),               // away with one
			tx.Put([]byte("e"), []byte("gone")),  // new and away again
			tx.Delete([]byte("e")),               //
			tx.Delete([]byte("d")),               // away and back again
			tx.Put([]byte("d"), []byte("again")), //
			tx.Put([]byte("0"), []byte("first")),
			tx.Put([]byte("z"), []byte("last")))
		if err != nil {
			return err
		}
		wantGet(t, tx, "b", "new")
		wantAbsent(t, tx, "c")
		wantAbsent(t, tx, "e")
		got, err := scan(tx, nil, nil)
		want(t, "rows in the transaction", strings.Join(got, " "), "0=first a=old aa=new b=new d=again z=last")
		return err
	})
	want(t, "rows", strings.Join(rows(t, s), " "), "0=first a=old aa=new b=new d=again z=last")
}

func testScanBounds(t *testing.T, s kv.Store) {
	keys := []string{"\x00", "\x00\xff", "A", "a", "a\x00", "a\x00b", "aa", "b", "\x7f", "\x80", "\xff", "\xff\xff"}
	update(t, s, func(tx kv.Tx) error {
		for i := range keys { // against their order
			if err := tx.Put([]byte(keys[len(keys)-1-i]), nil); err != nil {
				return err
			}
		}
		return nil
	})
	tests := []struct {
		name     string
		from, to []byte
		want     []string
	}{
		{"all", nil, nil, keys},
		{"from is in", []byte("a"), []byte("b"), keys[3:7]},
		{"from between rows", []byte("a\x00a"), []byte("aaa"), keys[5:7]},
		{"open end", []byte("\x80"), nil, keys[9:]},
		{"open start", nil, []byte("A"), keys[:2]},
		{"empty to", nil, []byte{}, nil},
		{"nothing between", []byte("c"), []byte("d"), nil},
		{"from is to", []byte("a"), []byte("a"), nil},
		{"from after to", []byte("b"), []byte("a"), nil},
		{"past the end", []byte("\xff\xff\xff"), nil, nil},
	}
	check := func(tx kv.Tx) error {
		for _, test := range tests {
			var got []string
			for r, err := range tx.Scan(test.from, test.to) {
				if err != nil {
					return err
				}
				got = append(got, string(r.Key))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: Scan(%q, %q) = %q, want %q", test.name, test.from, test.to, got, test.want)
			}
		}
		for r, err := range tx.Scan(nil, nil) { // a scan may be left
			want(t, "first key", string(r.Key), keys[0])
			return err
		}
		return errors.New("no first row")
	}
	if err := s.View(t.Context(), check); err != nil {
		t.Errorf("View = %v", err)
	}
	update(t, s, check)
}

// testScanWhileWriting writes elsewhere, in front of and behind the scan, while
// it goes over more rows than a page or a fetch holds.
func testScanWhileWriting(t *testing.T, s kv.Store) {
	const n = 1000
	update(t, s, func(tx kv.Tx) error {
		for i := range uint64(n) {
			if err := tx.Put(kv.Key("m", i), []byte("some value of some length")); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx kv.Tx) error {
		for i := range uint64(n) { // some rows are new in this transaction, some not
			if i/100%2 == 0 {
				if err := tx.Put(kv.Key("m", i), []byte("some value of some length")); err != nil {
					return err
				}
			}
		}
		next := uint64(0)
		for r, err := range tx.Scan(kv.Range("m")) {
			if err != nil {
				return err
			}
			var i uint64
			if err := kv.Unkey(r.Key, nil, &i); err != nil || i != next {
				t.Fatalf("step %d of the scan is at %d, %v", next, i, err)
			}
			if string(r.Value) != "some value of some length" {
				t.Fatalf("row %d = %q", i, r.Value)
			}
			next++
			if err := errors.Join(tx.Put(kv.Key("a", i), r.Value), tx.Put(kv.Key("z", i), nil), tx.Delete(kv.Key("a", i/2))); err != nil {
				return err
			}
		}
		want(t, "rows scanned", next, n)
		return nil
	})
}

func testReadOnly(t *testing.T, s kv.Store) {
	err := s.View(t.Context(), func(tx kv.Tx) error {
		if err := tx.Put([]byte("k"), nil); !errors.Is(err, kv.ErrReadOnly) {
			t.Errorf("Put in View = %v, want %v", err, kv.ErrReadOnly)
		}
		if err := tx.Delete([]byte("k")); !errors.Is(err, kv.ErrReadOnly) {
			t.Errorf("Delete in View = %v, want %v", err, kv.ErrReadOnly)
		}
		return errNo
	})
	want(t, "View", err, errNo)
	want(t, "rows", len(rows(t, s)), 0)
}

func testEnded(t *testing.T, s kv.Store) {
	var update, view kv.Tx
	err := errors.Join(
		s.Update(t.Context(), func(tx kv.Tx) error { update = tx; return nil }),
		s.View(t.Context(), func(tx kv.Tx) error { view = tx; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	for name, tx := range map[string]kv.Tx{"Update": update, "View": view} {
		if _, err := tx.Get([]byte("k")); !errors.Is(err, kv.ErrTxDone) {
			t.Errorf("Get after %s = %v, want %v", name, err, kv.ErrTxDone)
		}
		if err := tx.Put([]byte("k"), nil); !errors.Is(err, kv.ErrTxDone) {
			t.Errorf("Put after %s = %v, want %v", name, err, kv.ErrTxDone)
		}
		if _, err := scan(tx, nil, nil); !errors.Is(err, kv.ErrTxDone) {
			t.Errorf("Scan after %s = %v, want %v", name, err, kv.ErrTxDone)
		}
	}
}

// spoil changes every row and then some.
func spoil(tx kv.Tx) error {
	return errors.Join(tx.Put([]byte("a"), []byte("bad")), tx.Delete([]byte("b")), tx.Put([]byte("c"), []byte("bad")),
		tx.Put([]byte("a"), []byte("worse")), tx.Put([]byte("b"), []byte("bad")), tx.Delete([]byte("c")), tx.Put([]byte("d"), nil))
}

func testFailure(t *testing.T, s kv.Store) {
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		if err := spoil(tx); err != nil {
			return err
		}
		return errNo
	})
	want(t, "Update", err, errNo) // itself, not wrapped
	want(t, "rows", strings.Join(rows(t, s), " "), "a=1 b=2")
}

func testPanic(t *testing.T, s kv.Store) {
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	func() {
		defer func() { want(t, "recovered", recover(), any(errNo)) }()
		s.Update(t.Context(), func(tx kv.Tx) error {
			if err := spoil(tx); err != nil {
				return err
			}
			panic(errNo)
		})
		t.Error("Update returned after a panic")
	}()
	func() {
		defer func() { want(t, "recovered", recover(), any(errNo)) }()
		s.View(t.Context(), func(kv.Tx) error { panic(errNo) })
		t.Error("View returned after a panic")
	}()
	want(t, "rows", strings.Join(rows(t, s), " "), "a=1 b=2")
	put(t, s, "c", "3")
}

// testGoexit ends the goroutine in a function, as t.Fatal does.
func testGoexit(t *testing.T, s kv.Store) {
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	ended := make(chan bool)
	go func() {
		defer close(ended)
		s.Update(context.Background(), func(tx kv.Tx) error {
			if err := spoil(tx); err != nil {
				t.Error(err)
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-ended
	want(t, "rows", strings.Join(rows(t, s), " "), "a=1 b=2")
	put(t, s, "c", "3")
}

func testOnCommit(t *testing.T, s kv.Store) {
	var calls []string
	hook := func(name string) func() {
		return func() {
			calls = append(calls, name)
			want(t, "rows in hook "+name, strings.Join(rows(t, s), " "), "a=1")
		}
	}
	update(t, s, func(tx kv.Tx) error {
		tx.OnCommit(hook("1"))
		tx.OnCommit(hook("2"))
		err := tx.Put([]byte("a"), []byte("1"))
		tx.OnCommit(hook("3"))
		return err
	})
	want(t, "hooks", strings.Join(calls, ""), "123")
	update(t, s, func(tx kv.Tx) error { // without a write
		tx.OnCommit(hook("4"))
		return nil
	})
	update(t, s, func(tx kv.Tx) error { // a hook may use the store
		tx.OnCommit(func() { put(t, s, "a", "1") })
		return nil
	})
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		tx.OnCommit(hook("failed"))
		return errNo
	})
	want(t, "Update", err, errNo)
	err = s.View(t.Context(), func(tx kv.Tx) error {
		tx.OnCommit(hook("viewed"))
		return nil
	})
	want(t, "View", err, nil)
	want(t, "hooks", strings.Join(calls, ""), "1234")
}
