package segment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/multiformats/go-multihash"
)

// liveBlocks is the predicate of the numbered blocks in any of the sets.
func liveBlocks(t testing.TB, sets ...map[int]bool) Live {
	all := map[string]bool{}
	for _, set := range sets {
		for i := range set {
			all[multihashOf(testBlock(t, i).cid)] = true
		}
	}
	return func(mh multihash.Multihash) bool { return all[string(mh)] }
}

func liveFunc(live Live) func(context.Context) (Live, error) {
	return func(context.Context) (Live, error) { return live, nil }
}

func sweep(t testing.TB, s *Store, live Live) Swept {
	t.Helper()
	got, err := s.Sweep(t.Context(), func(context.Context) (Live, error) { return live, nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// sealed ends the active segment.
func sealed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.sealActive(); err != nil {
		t.Fatal(err)
	}
}

func TestSweep(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 1500})
	blocks := someBlocks(t, 0, 40)
	mustPut(t, s, false, blocks[:20]...)
	mustPut(t, s, true, blocks[20:]...)
	live := map[int]bool{}
	for i := range 40 {
		live[i] = true
	}
	sealed(t, s)
	before := s.Usage()
	if got := sweep(t, s, liveBlocks(t, live)); got != (Swept{Kept: 40}) {
		t.Errorf("sweep of live blocks = %+v, want 40 kept", got)
	}
	if got := s.Usage(); got != before {
		t.Errorf("Usage() = %+v after a sweep of live blocks, was %+v", got, before)
	}
	for i := range 40 {
		if i%3 != 0 {
			delete(live, i)
		}
	}
	got := sweep(t, s, liveBlocks(t, live))
	if got.Blocks != 26 || got.Kept != 14 || got.Bytes <= 0 {
		t.Errorf("sweep = %+v, want 26 removed and 14 kept", got)
	}
	for _, s := range []*Store{s, openTest(t, d.killed(), Options{}), openTest(t, d.crash(rand.New(rand.NewPCG(1, 1))), Options{})} {
		for i, x := range blocks {
			switch {
			case !live[i]:
				checkAbsent(t, s, false, x)
			case i < 20:
				check(t, s, true, x)
			default:
				check(t, s, false, x)
				checkAbsent(t, s, true, x)
			}
		}
	}
	if got, want := s.Usage(), before.Disk-got.Bytes; got.Blocks != 14 || got.Disk > want+int64(got.Segments*(len(header)+trailerSize)) {
		t.Errorf("Usage() = %+v, want 14 blocks and at most %d bytes", got, want)
	}
	if got := sweep(t, s, func(multihash.Multihash) bool { return false }); got.Blocks != 14 || got.Kept != 0 {
		t.Errorf("sweep = %+v, want 14 removed", got)
	}
	if u := s.Usage(); u.Blocks != 0 || u.Disk != 0 || u.Segments != 0 || u.Bytes != 0 {
		t.Errorf("Usage() = %+v after everything was swept", u)
	}
}

// A little waste is not worth copying the rest, but its blocks are gone for good.
func TestSweepTrims(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	blocks, live := someBlocks(t, 0, 50), map[int]bool{}
	mustPut(t, s, false, blocks...)
	mustPut(t, s, true, testBlock(t, 50))
	for i := range 51 {
		live[i] = i != 7
	}
	delete(live, 7)
	sealed(t, s)
	before := s.Usage()
	for round := range 3 {
		if got := sweep(t, s, liveBlocks(t, live)); got.Kept != 50 || (got.Blocks == 1) != (round == 0) || got.Bytes != 0 {
			t.Errorf("sweep = %+v, want 50 kept", got)
		}
		if got := s.Usage(); got.Blocks != 50 || got.Disk != before.Disk || got.Bytes != before.Bytes-int64(len(blocks[7].data)) {
			t.Errorf("Usage() = %+v, was %+v", got, before)
		}
		checkAbsent(t, s, true, blocks[7])
		check(t, s, true, blocks[:7]...)
		check(t, s, true, blocks[8:]...)
		check(t, s, false, testBlock(t, 50))
		s = openTest(t, d.crash(rand.New(rand.NewPCG(uint64(round), 1))), Options{})
	}
	mustPut(t, s, false, blocks[7])
	check(t, s, true, blocks...)
	// What was trimmed counts as waste.
	for i := range 6 {
		delete(live, i)
	}
	if got := sweep(t, s, liveBlocks(t, live)); got.Blocks != 7 || got.Bytes < before.Disk/16 {
		t.Errorf("sweep = %+v, want 7 removed and their room back", got)
	}
}

// A sweep of a full disk may use the reserve, and makes room as it goes.
func TestSweepFullDisk(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 2000})
	mustPut(t, s, false, someBlocks(t, 0, 40)...)
	if err := s.sealActive(); err != nil {
		t.Fatal(err)
	}
	live := map[int]bool{}
	for i := 0; i < 40; i += 4 {
		live[i] = true
	}
	d.capacity = d.used() + 2*pageSize
	s.opt.space = func() (free, total int64, err error) { return 0, 1 << 40, nil } // the reserve is all there is
	s.unasked = 0
	if err := put(s, false, testBlock(t, 50)); !errors.Is(err, ErrFull) {
		t.Fatalf("Put = %v, want %v", err, ErrFull)
	}
	if got := sweep(t, s, liveBlocks(t, live)); got.Blocks != 30 || got.Kept != 10 {
		t.Errorf("sweep = %+v, want 30 removed and 10 kept", got)
	}
	for i := range live {
		check(t, s, true, testBlock(t, i))
	}
}

// An upload that begins during the sweep may count on a block that it finds.
func TestFoundDuringSweep(t *testing.T) {
	for _, trim := range []bool{false, true} {
		d := newMemFiles()
		s := openTest(t, d, Options{})
		mustPut(t, s, false, testBlock(t, 1), testBlock(t, 2))
		live := map[int]bool{}
		if trim { // much is live, so the dead are only forgotten
			mustPut(t, s, false, someBlocks(t, 3, 80)...)
			for i := 3; i < 80; i++ {
				live[i] = true
			}
		}
		_, err := s.Sweep(t.Context(), func(context.Context) (Live, error) {
			if _, ok := s.Find(t.Context(), testBlock(t, 1).cid); !ok {
				t.Error("Find does not see a block that is here")
			}
			return liveBlocks(t, live), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s = openTest(t, d.killed(), Options{})
		check(t, s, true, testBlock(t, 1))
		checkAbsent(t, s, true, testBlock(t, 2))
		sweep(t, s, liveBlocks(t, live)) // it counts for one sweep only
		checkAbsent(t, s, true, testBlock(t, 1))
	}
}

// What cannot be read is not removed, and does not keep the rest from being swept.
func TestSweepDamaged(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	blocks := someBlocks(t, 0, 3)
	mustPut(t, s, false, blocks...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, d, Options{})
	mustPut(t, s, false, someBlocks(t, 3, 6)...)
	bad := d.files[dataName(0)].data
	bad[recordEnds(bad)[2]-1] ^= 1
	live := liveBlocks(t, map[int]bool{1: true, 2: true, 4: true})
	_, err := s.Sweep(t.Context(), func(context.Context) (Live, error) { return live, nil })
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("Sweep = %v, want %v", err, ErrDamaged)
	}
	check(t, s, true, blocks[2], testBlock(t, 4))
	checkAbsent(t, s, true, testBlock(t, 3), testBlock(t, 5))
	mustPut(t, s, false, blocks[1])
	sweep(t, s, live)
	check(t, s, true, blocks[1], blocks[2], testBlock(t, 4))
	checkAbsent(t, s, true, blocks[0])
}

// A sweep whose copies cannot be made durable removes nothing.
func TestSweepOnFailingDisk(t *testing.T) {
	for n := range 8 {
		for how, f := range map[string]fault{"not applied": notApplied, "applied": applied} {
			t.Run(fmt.Sprintf("%d %s", n, how), func(t *testing.T) {
				d := newMemFiles()
				s := openTest(t, d, Options{SegmentSize: 1500})
				mustPut(t, s, false, someBlocks(t, 0, 30)...)
				live := map[int]bool{}
				for i := 0; i < 30; i += 2 {
					live[i] = true
				}
				seen := 0
				d.hook = func(op, _ string) fault {
					if op == "sync" || op == "write" {
						if seen++; seen > n && seen < n+4 {
							return f
						}
					}
					return noFault
				}
				// Whether the sweep succeeds depends on what the fault hits.
				_, err := s.Sweep(t.Context(), func(context.Context) (Live, error) { return liveBlocks(t, live), nil })
				if err != nil && !errors.Is(err, errFault) {
					t.Errorf("Sweep = %v, want %v", err, errFault)
				}
				for i := range live {
					check(t, s, true, testBlock(t, i))
				}
				d.hook = nil
				after := d.crash(rand.New(rand.NewPCG(uint64(n), 5)))
				for _, s := range []*Store{s, openTest(t, after, Options{})} {
					for i := range live {
						check(t, s, true, testBlock(t, i))
					}
				}
			})
		}
	}
}
