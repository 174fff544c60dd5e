package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// faultAt has some operations of a kind fail, the n-th and the one behind it.
func faultAt(op string, n int, f fault) (hook func(op, name string) fault, struck *int) {
	struck = new(int)
	seen := 0
	return func(o, _ string) fault {
		if o != op {
			return noFault
		}
		if seen++; seen <= n || seen > n+2 {
			return noFault
		}
		*struck++
		return f
	}, struck
}

// Files that cannot be removed or cut after a sweep lose nothing that is live,
// now or after a crash, and bring nothing back that a private block's readers
// were to be kept from.
func TestSweepOnStubbornFiles(t *testing.T) {
	struck := map[string]int{}
	for _, op := range []string{"remove", "truncate"} {
		for how, f := range map[string]fault{"not applied": notApplied, "applied": applied} {
			for n := range 6 {
				t.Run(fmt.Sprintf("%s %s %d", op, how, n), func(t *testing.T) {
					struck[op] += sweepStubborn(t, op, n, f)
				})
			}
		}
	}
	for _, op := range []string{"remove", "truncate"} {
		if struck[op] < 6 {
			t.Errorf("%s failed %d times only", op, struck[op])
		}
	}
}

func sweepStubborn(t *testing.T, op string, n int, f fault) (struck int) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 1500, checkpoint: 600})
	mustPut(t, s, false, someBlocks(t, 0, 30)...)
	live := map[int]bool{}
	for i := 0; i < 30; i += 2 {
		live[i] = true
	}
	hide := s.Batch(true)
	if err := errors.Join(hide.Hide(t.Context(), testBlock(t, 4).cid), hide.Sync(t.Context())); err != nil {
		t.Fatal(err)
	}
	hook, count := faultAt(op, n, f)
	d.hook = hook
	for range 2 { // the second meets what the first has left
		_, err := s.Sweep(t.Context(), liveFunc(liveBlocks(t, live)))
		if err != nil && !errors.Is(err, errFault) {
			t.Errorf("Sweep = %v, want %v", err, errFault)
		}
	}
	looksRight := func(s *Store) {
		t.Helper()
		for i := range live {
			check(t, s, i != 4, testBlock(t, i))
		}
		checkAbsent(t, s, true, testBlock(t, 4))
	}
	looksRight(s)
	d.hook = nil
	for seed := range uint64(3) {
		looksRight(openTest(t, d.crash(rand.New(rand.NewPCG(seed, 7))), Options{}))
	}
	after := openTest(t, d.killed(), Options{})
	looksRight(after)
	// What was left lying goes with the next sweeps, for good.
	for range 2 {
		sweep(t, after, liveBlocks(t, live))
	}
	looksRight(after)
	for i := 1; i < 30; i += 2 {
		checkAbsent(t, after, false, testBlock(t, i))
	}
	return *count
}

// A store that cannot be opened because the disk fails loses nothing by the try:
// the next one has all of it.
func TestOpenOnFailingDisk(t *testing.T) {
	struck := map[string]int{}
	ops := []string{"remove", "truncate", "rename", "create", "write", "sync", "syncdir", "read"}
	for _, op := range ops {
		for _, f := range []fault{notApplied, applied, torn} {
			for n := range 8 {
				t.Run(fmt.Sprintf("%s %d %d", op, f, n), func(t *testing.T) {
					struck[op] += openFailing(t, op, n, f)
				})
			}
		}
	}
	for _, op := range ops {
		if struck[op] == 0 {
			t.Errorf("no %s failed", op)
		}
	}
}

func openFailing(t *testing.T, op string, n int, f fault) (struck int) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 1500, checkpoint: 600})
	blocks := someBlocks(t, 0, 12)
	mustPut(t, s, false, blocks...)
	d = d.killed()
	for _, name := range []string{indexName(0), indexName(90), checkName(91), indexName(0) + ".tmp"} {
		delete(d.files, name) // an index to be made again, and what a crash may leave
		if name != indexName(0) {
			d.files[name] = &memFile{dir: d, name: name, data: []byte("left over")}
		}
	}
	hook, count := faultAt(op, n, f)
	d.hook = hook
	opt := Options{files: d, space: d.space}
	if s, err := Open(t.Context(), "", opt); err == nil {
		x := testBlock(t, 50)
		if err := put(s, false, x); err == nil {
			blocks = append(blocks, x)
		} else if !errors.Is(err, errFault) {
			t.Errorf("Put = %v, want %v", err, errFault)
		}
	} else if !errors.Is(err, errFault) {
		t.Errorf("Open = %v, want %v", err, errFault)
	}
	d.hook = nil
	check(t, openTest(t, d.crash(rand.New(rand.NewPCG(uint64(n), 3))), Options{}), true, blocks...)
	check(t, openTest(t, d.killed(), Options{}), true, blocks...)
	return *count
}
