package kvtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/kv"
)

// together runs fn n times at once and waits.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

// number reads a row that holds a number; an absent one is 0.
func number(tx kv.Tx, key []byte) (int, error) {
	value, err := tx.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(value))
}

func putNumber(tx kv.Tx, key []byte, n int) error {
	return tx.Put(key, []byte(strconv.Itoa(n)))
}

func testCanceled(t *testing.T, s kv.Store) {
	put(t, s, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	fn := func(kv.Tx) error { ran = true; return nil }
	if err := s.Update(ctx, fn); !errors.Is(err, context.Canceled) || ran {
		t.Errorf("Update with an ended context = %v, ran: %v", err, ran)
	}
	if err := s.View(ctx, fn); !errors.Is(err, context.Canceled) || ran {
		t.Errorf("View with an ended context = %v, ran: %v", err, ran)
	}
}

// testCancelRace cancels updates that wait or run. Each must tell the truth: a
// nil means its row is there, and context.Canceled from the wait that it is not.
func testCancelRace(t *testing.T, s kv.Store) {
	const n = 200
	var answers [n]error
	together(n, func(i int) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(cancel)
		answers[i] = s.Update(ctx, func(tx kv.Tx) error { return tx.Put(kv.Key("n", uint64(i)), nil) })
		wg.Wait()
		for range 50 { // without writes, so that there are many in little time
			ctx, cancel := context.WithCancel(t.Context())
			wg.Go(cancel)
			if err := s.Update(ctx, func(kv.Tx) error { return nil }); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("update without writes = %v", err)
			}
			wg.Wait()
		}
	})
	err := s.View(t.Context(), func(tx kv.Tx) error {
		for i, answer := range answers {
			_, err := tx.Get(kv.Key("n", uint64(i)))
			switch {
			case answer == nil && err != nil:
				t.Errorf("update %d succeeded, but its row: %v", i, err)
			case answer != nil && !errors.Is(answer, context.Canceled):
				t.Errorf("update %d = %v, want nil or %v", i, answer, context.Canceled)
			}
		}
		return nil
	})
	want(t, "View", err, nil)
}

func testIncrements(t *testing.T, s kv.Store) {
	const writers, times, keys = 16, 25, 5
	together(writers, func(i int) {
		for j := range times {
			update(t, s, func(tx kv.Tx) error {
				for _, key := range [][]byte{kv.Key("n", uint64((i+j)%keys)), kv.Key("sum")} {
					n, err := number(tx, key)
					if err != nil {
						return err
					}
					if err := putNumber(tx, key, n+1); err != nil {
						return err
					}
				}
				return nil
			})
		}
	})
	err := s.View(t.Context(), func(tx kv.Tx) error {
		sum := 0
		for k := range uint64(keys) {
			n, err := number(tx, kv.Key("n", k))
			if err != nil {
				return err
			}
			sum += n
		}
		total, err := number(tx, kv.Key("sum"))
		want(t, "sum of the counters", sum, writers*times)
		want(t, "counter of all", total, writers*times)
		return err
	})
	want(t, "View", err, nil)
}

// testWriteSkew lets two updates each take one of two things away if both are
// there. In snapshot isolation both would succeed, as they write different rows.
func testWriteSkew(t *testing.T, s kv.Store) {
	for round := range 30 {
		update(t, s, func(tx kv.Tx) error {
			return errors.Join(putNumber(tx, kv.Key("on", uint64(0)), 1), putNumber(tx, kv.Key("on", uint64(1)), 1))
		})
		together(2, func(i int) {
			update(t, s, func(tx kv.Tx) error {
				sum := 0
				for j := range uint64(2) {
					n, err := number(tx, kv.Key("on", j))
					if err != nil {
						return err
					}
					sum += n
				}
				if sum < 2 {
					return nil
				}
				return putNumber(tx, kv.Key("on", uint64(i)), 0)
			})
		})
		left := 0
		update(t, s, func(tx kv.Tx) error {
			a, err := number(tx, kv.Key("on", uint64(0)))
			if err != nil {
				return err
			}
			b, err := number(tx, kv.Key("on", uint64(1)))
			left = a + b
			return err
		})
		if left != 1 {
			t.Fatalf("round %d: %d left, want 1", round, left)
		}
	}
}

// testPhantoms lets many updates each add a row if a scan finds fewer than some.
func testPhantoms(t *testing.T, s kv.Store) {
	const limit = 5
	together(20, func(i int) {
		update(t, s, func(tx kv.Tx) error {
			found, err := scan(tx, kv.Key("seat"), kv.After("seat"))
			if err != nil || len(found) >= limit {
				return err
			}
			return tx.Put(kv.Key("seat", uint64(i)), nil)
		})
	})
	want(t, "rows", len(rows(t, s)), limit)
}

// testTransfers moves amounts between accounts; no reader may see a sum that is
// not the whole.
func testTransfers(t *testing.T, s kv.Store) {
	const accounts, each = 8, 100
	update(t, s, func(tx kv.Tx) error {
		for a := range uint64(accounts) {
			if err := putNumber(tx, kv.Key("acc", a), each); err != nil {
				return err
			}
		}
		return nil
	})
	total := func(tx kv.Tx) (sum int, err error) {
		for r, err := range tx.Scan(kv.Range("acc")) {
			if err != nil {
				return 0, err
			}
			n, err := strconv.Atoi(string(r.Value))
			if err != nil {
				return 0, err
			}
			sum += n
		}
		return sum, nil
	}
	check := func(tx kv.Tx) error {
		sum, err := total(tx)
		if err == nil && sum != accounts*each {
			err = fmt.Errorf("sum = %d, want %d", sum, accounts*each)
		}
		return err
	}
	together(12, func(i int) {
		for j := range 20 {
			var err error
			if i%3 == 0 {
				err = s.View(t.Context(), check)
			} else {
				from, to := kv.Key("acc", uint64((i+j)%accounts)), kv.Key("acc", uint64((i*3+j*5+1)%accounts))
				err = s.Update(t.Context(), func(tx kv.Tx) error { return transfer(tx, from, to, check) })
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func transfer(tx kv.Tx, from, to []byte, check func(kv.Tx) error) error {
	n, err := number(tx, from)
	if err != nil {
		return err
	}
	if err := putNumber(tx, from, n-1); err != nil {
		return err
	}
	m, err := number(tx, to)
	if err != nil {
		return err
	}
	if err := putNumber(tx, to, m+1); err != nil {
		return err
	}
	return check(tx)
}

// testNeighbours mixes updates that succeed with some that fail, panic or exit
// after writing over everybody's rows.
func testNeighbours(t *testing.T, s kv.Store) {
	const n = 80
	vandal := func(tx kv.Tx) {
		for i := range uint64(n) {
			var err error
			if i%2 == 0 {
				err = tx.Put(kv.Key("n", i), []byte("vandal"))
			} else {
				err = tx.Delete(kv.Key("n", i))
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	together(n, func(i int) {
		defer func() {
			if v := recover(); v != nil && v != any(errNo) {
				t.Errorf("recovered %v", v)
			}
		}()
		err := s.Update(t.Context(), func(tx kv.Tx) error {
			switch i % 4 {
			case 1:
				vandal(tx)
				return errNo
			case 2:
				vandal(tx)
				panic(errNo)
			}
			tx.OnCommit(func() {})
			return tx.Put(kv.Key("n", uint64(i)), binary.BigEndian.AppendUint32(nil, uint32(i)))
		})
		if i%4 == 1 && !errors.Is(err, errNo) || i%4 != 1 && err != nil {
			t.Errorf("update %d = %v", i, err)
		}
	})
	err := s.View(t.Context(), func(tx kv.Tx) error {
		for i := range n {
			value, err := tx.Get(kv.Key("n", uint64(i)))
			if good := i%4 == 0 || i%4 == 3; good != (err == nil) {
				t.Errorf("row %d = %q, %v", i, value, err)
			} else if good && binary.BigEndian.Uint32(value) != uint32(i) {
				t.Errorf("row %d = %q", i, value)
			}
		}
		return nil
	})
	want(t, "View", err, nil)
}

func testRerun(t *testing.T, s kv.Store) {
	twice := Rerun(s)
	runs, hooks := 0, 0
	update(t, twice, func(tx kv.Tx) error {
		runs++
		n, err := number(tx, []byte("n"))
		tx.OnCommit(func() { hooks++ })
		return errors.Join(err, putNumber(tx, []byte("n"), n+1))
	})
	want(t, "runs", runs, 2)
	want(t, "hooks", hooks, 1)
	want(t, "row", rows(t, s)[0], "n=1")
}

func testClose(t *testing.T, s kv.Store) {
	put(t, s, "a", "1")
	want(t, "Close", s.Close(), nil)
	fn := func(kv.Tx) error { t.Error("ran after Close"); return nil }
	if err := s.Update(t.Context(), fn); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Update after Close = %v, want %v", err, kv.ErrClosed)
	}
	if err := s.View(t.Context(), fn); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View after Close = %v, want %v", err, kv.ErrClosed)
	}
	want(t, "second Close", s.Close(), nil)
}

// testCloseWaits closes a store in the middle of transactions.
func testCloseWaits(t *testing.T, s kv.Store) {
	put(t, s, "a", "1")
	inside, release := make(chan bool), make(chan bool)
	var wg sync.WaitGroup
	for _, call := range []func(context.Context, func(kv.Tx) error) error{s.View, s.Update} {
		wg.Go(func() {
			err := call(t.Context(), func(tx kv.Tx) error {
				inside <- true
				<-release
				wantGet(t, tx, "a", "1")
				return nil
			})
			want(t, "transaction that was closed upon", err, nil)
		})
	}
	<-inside
	<-inside
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	for s.View(t.Context(), func(kv.Tx) error { return nil }) == nil {
		// until Close has begun
	}
	select {
	case <-closed:
		t.Error("Close returned in the middle of transactions")
	default:
	}
	close(release)
	wg.Wait()
	want(t, "Close", <-closed, nil)
}
