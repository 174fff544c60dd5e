package kvtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/kv"
)

// model is what a store should hold.
type model map[string]string

func (m model) scan(from, to string, open bool) []string {
	all := []string{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= from && (open || k < to) {
			all = append(all, k+"="+m[k])
		}
	}
	return all
}

// testModel compares a store with a map over random transactions, a third of
// which fail, and across reopening where that is possible.
func testModel(t *testing.T, suite Suite) {
	s := suite.Open(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	truth := model{}
	for i := range 150 {
		draft := maps.Clone(truth)
		fail := rng.IntN(3) == 0
		ops := rng.IntN(60)
		plan := rng.Uint64()
		err := s.Update(t.Context(), func(tx kv.Tx) error {
			clear(draft)
			maps.Copy(draft, truth)
			if err := randomOps(tx, draft, rand.New(rand.NewPCG(plan, 1)), ops); err != nil {
				return err
			}
			if fail {
				return errNo
			}
			return nil
		})
		switch {
		case fail && err != errNo, !fail && err != nil:
			t.Fatalf("transaction %d = %v, to fail: %v", i, err, fail)
		case !fail:
			truth = draft
		}
		if suite.Reopen != nil && i%50 == 49 {
			s = suite.Reopen(t, s)
		}
		if got, want := strings.Join(rows(t, s), "\n"), strings.Join(truth.scan("", "", true), "\n"); got != want {
			t.Fatalf("after transaction %d:\n%s\nwant:\n%s", i, got, want)
		}
	}
}

func randomOps(tx kv.Tx, m model, rng *rand.Rand, n int) error {
	key := func() string {
		return strings.Repeat(string(rune('a'+rng.IntN(20))), 1+rng.IntN(3))
	}
	to := key()
	for range n {
		k := key()
		switch rng.IntN(6) {
		case 0, 1, 2:
			v := strings.Repeat(key(), rng.IntN(300))
			if err := tx.Put([]byte(k), []byte(v)); err != nil {
				return err
			}
			m[k] = v
		case 3:
			if err := tx.Delete([]byte(k)); err != nil {
				return err
			}
			delete(m, k)
		case 4:
			value, err := tx.Get([]byte(k))
			if want, ok := m[k]; ok != (err == nil) || string(value) != want {
				return fmt.Errorf("Get(%q) = %q, %v, want %q, there: %v", k, value, err, want, ok)
			}
		case 5:
			if rng.IntN(3) == 0 {
				to = key() // else the scan has the bound of the one before it, as when a listing jumps
			}
			got, err := scan(tx, []byte(k), []byte(to))
			if want := m.scan(k, to, false); err != nil || !slices.Equal(got, want) {
				return fmt.Errorf("Scan(%q, %q) = %q, %v, want %q", k, to, got, err, want)
			}
		}
	}
	return nil
}

// testDurable reopens a store after updates by many at once.
func testDurable(t *testing.T, suite Suite) {
	s := suite.Open(t)
	for round := range 3 {
		together(20, func(i int) {
			update(t, s, func(tx kv.Tx) error { return tx.Put(kv.Key(uint64(round), uint64(i)), nil) })
		})
		s = suite.Reopen(t, s)
		want(t, "rows", len(rows(t, s)), 20*(round+1))
	}
}
