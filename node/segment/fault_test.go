package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// Whatever fails, and whether or not it happened, nothing acknowledged is gone,
// the block in question can be stored again, and no file is written after its fault.
func TestFaults(t *testing.T) {
	for _, tt := range []struct{ op, name string }{
		{"create", dataName(0)},
		{"write", dataName(0)},
		{"sync", dataName(0)},
		{"truncate", dataName(0)},
		{"syncdir", ""},
		{"create", ".tmp"},
		{"write", ".tmp"},
		{"sync", ".tmp"},
		{"rename", ".tmp"},
	} {
		for how, f := range map[string]fault{"not applied": notApplied, "applied": applied, "torn": torn} {
			// The n-th such operation fails, and after a disk has begun to fail, the next ones too.
			for n := range 4 {
				for times := 1; times <= 3; times += 2 {
					t.Run(fmt.Sprintf("%s %s %s %d x%d", tt.op, tt.name, how, n, times), func(t *testing.T) {
						testFault(t, tt.op, tt.name, f, n, times)
					})
				}
			}
		}
	}
}

func testFault(t *testing.T, op, name string, f fault, n, times int) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 700}) // two or three blocks
	seen, failed := 0, map[string]int{}
	d.hook = func(o, nm string) fault {
		for file, before := range failed {
			if d.writes[file] > before && strings.HasSuffix(file, ".car") {
				t.Errorf("%s written after it failed", file)
			}
		}
		if o != op || !strings.HasSuffix(nm, name) && !strings.HasSuffix(name, ".car") {
			return noFault
		}
		if seen++; seen <= n || seen > n+times {
			return noFault
		}
		if o == "sync" || o == "write" {
			failed[nm] = d.writes[nm]
			if o == "write" && f != notApplied {
				failed[nm]++ // the one that fails
			}
		}
		return f
	}
	var acked, refused []block
	for i := range 12 {
		x := testBlock(t, i)
		if err := put(s, false, x); err == nil {
			acked = append(acked, x)
		} else {
			if !errors.Is(err, errFault) {
				t.Fatalf("Put = %v, want %v", err, errFault)
			}
			refused = append(refused, x)
		}
		check(t, s, true, acked...)
	}
	mustPut(t, s, false, refused...)
	acked = append(acked, refused...)
	check(t, s, true, acked...)
	d.hook = nil
	for seed := range uint64(2) {
		check(t, openTest(t, d.crash(rand.New(rand.NewPCG(seed, 1))), Options{}), true, acked...)
		check(t, openTest(t, d.killed().crash(rand.New(rand.NewPCG(seed, 2))), Options{}), true, acked...)
	}
	check(t, openTest(t, d.killed(), Options{}), true, acked...)
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	check(t, openTest(t, d.crash(rand.New(rand.NewPCG(1, 1))), Options{}), true, acked...)
}

// A sync that fails takes along what others have only written, and they are told.
func TestSyncFailureReachesAll(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	kept := testBlock(t, 0)
	mustPut(t, s, true, kept)
	one, other, again := s.Batch(false), s.Batch(false), s.Batch(false)
	for i, b := range []blocks.Batch{one, other} {
		if err := b.Put(t.Context(), testBlock(t, 1+i).cid, testBlock(t, 1+i).data); err != nil {
			t.Fatal(err)
		}
	}
	// The block is here as private; its public copy is lost with the sync.
	if err := again.Put(t.Context(), kept.cid, kept.data); err != nil {
		t.Fatal(err)
	}
	d.hook = func(op, name string) fault {
		if op == "sync" && name == dataName(0) {
			return notApplied
		}
		return noFault
	}
	for i, b := range []blocks.Batch{one, other, again} {
		for range 2 {
			if err := b.Sync(t.Context()); !errors.Is(err, errFault) {
				t.Errorf("Sync of batch %d = %v, want %v", i, err, errFault)
			}
		}
	}
	checkAbsent(t, s, false, someBlocks(t, 1, 3)...)
	checkAbsent(t, s, true, kept)
	check(t, s, false, kept)
	mustPut(t, s, false, someBlocks(t, 0, 3)...)
	check(t, s, true, someBlocks(t, 0, 3)...)
	check(t, openTest(t, d.killed(), Options{}), true, someBlocks(t, 0, 3)...)
}

func TestDiskFull(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 2000})
	mustPut(t, s, false, someBlocks(t, 0, 10)...)
	for _, reserve := range []bool{false, true} {
		t.Run(fmt.Sprintf("reserve %v", reserve), func(t *testing.T) {
			d.capacity = d.used() + 100
			if reserve {
				s.unasked = 0 // asks before the write
			} else {
				s.unasked = askEvery // finds out by the write
			}
			x := newBlock(t, fmt.Appendf(make([]byte, 2*pageSize), "reserve %v", reserve), 0x12)
			for range 3 {
				if err := put(s, false, x); !errors.Is(err, ErrFull) {
					t.Fatalf("Put on a full disk = %v, want %v", err, ErrFull)
				}
				check(t, s, true, someBlocks(t, 0, 10)...)
				checkAbsent(t, s, true, x)
			}
			d.capacity += 8 * pageSize
			mustPut(t, s, false, x)
			check(t, s, true, x)
			check(t, openTest(t, d.killed(), Options{}), true, append(someBlocks(t, 0, 10), x)...)
			d.capacity = 0
		})
	}
}

// A store on a disk without any room opens, and reads.
func TestOpenOnFullDisk(t *testing.T) {
	blocks := someBlocks(t, 0, 5)
	d := filled(t, blocks)
	d.capacity = d.used()
	s := openTest(t, d, Options{})
	check(t, s, true, blocks...)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Thousands of acts, in an order that a seed gives, with crashes and kills
// between them: what was acknowledged stays, and what is private stays private.
func TestCrashes(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 99))
		d := newMemFiles()
		opt := Options{SegmentSize: 1500 << r.IntN(4), checkpoint: 1 << r.IntN(12), openIndexes: 1 + r.IntN(3)} // the larger, the less of it a sweep copies
		s := openTest(t, d, opt)
		public, private := map[int]bool{}, map[int]bool{} // acknowledged
		exposed := map[int]bool{}                         // made public, acknowledged or not, since it was hidden for certain
		for range 60 {
			switch act := r.IntN(20); {
			case act < 4:
				judgeSome(t, s, r, public, private, exposed)
			case act < 14:
				if r.IntN(3) == 0 {
					putSome(t, s, r, true, private, map[int]bool{})
				} else {
					putSome(t, s, r, false, public, exposed)
				}
			case act == 14:
				d = d.killed()
				s = openTest(t, d, opt)
			case act < 17:
				d = d.crash(r)
				s = openTest(t, d, opt)
			case act == 17:
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openTest(t, d, opt)
			default: // some blocks are not needed any more
				for i := range 60 {
					if r.IntN(4) == 0 {
						delete(public, i)
						delete(private, i)
					}
				}
				live := liveBlocks(t, public, private)
				if r.IntN(2) == 0 {
					sweep(t, s, live)
				} else {
					d, s = crashInSweep(t, d, s, opt, live, r)
				}
			}
			verify(t, s, public, private, exposed)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// putSome puts some blocks, tried ones, which are acked if it waits for them.
func putSome(t *testing.T, s *Store, r *rand.Rand, private bool, acked, tried map[int]bool) {
	t.Helper()
	b, ids := s.Batch(private), []int{}
	for range 1 + r.IntN(3) {
		i := r.IntN(60)
		x := testBlock(t, i)
		if err := b.Put(t.Context(), x.cid, x.data); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, i)
		tried[i] = true
	}
	if r.IntN(4) == 0 {
		return // nobody waits for it
	}
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, i := range ids {
		acked[i] = true
	}
}

func verify(t *testing.T, s *Store, public, private, exposed map[int]bool) {
	t.Helper()
	for i := range public {
		check(t, s, true, testBlock(t, i))
	}
	for i := range private {
		check(t, s, false, testBlock(t, i))
	}
	for _, mh := range publicOf(t, s) {
		for i := range 60 {
			if mh == multihashOf(testBlock(t, i).cid) && !exposed[i] {
				t.Errorf("private block %d is listed", i)
			}
		}
	}
	for i := range 60 {
		if _, ok := s.Has(testBlock(t, i).cid, true); ok && !exposed[i] {
			t.Errorf("private block %d is public", i)
		}
	}
}

// crashInSweep sweeps with the power failing at any operation.
func crashInSweep(t *testing.T, d *memFiles, s *Store, opt Options, live Live, r *rand.Rand) (*memFiles, *Store) {
	t.Helper()
	left := r.IntN(40)
	var after *memFiles
	d.hook = func(string, string) fault {
		if left--; left == 0 {
			d.mu.Unlock()
			after = d.crash(r)
			d.mu.Lock()
		}
		return noFault
	}
	sweep(t, s, live)
	d.hook = nil
	if after == nil {
		after = d.crash(r)
	}
	return after, openTest(t, after, opt)
}

// The files that a store leaves are those it needs.
func TestNoStrayFiles(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 1500})
	mustPut(t, s, false, someBlocks(t, 0, 30)...)
	sweep(t, s, func(multihash.Multihash) bool { return false })
	mustPut(t, s, false, someBlocks(t, 0, 2)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := d.list()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 2 || !slices.IsSorted(names) || !strings.HasSuffix(names[0], ".car") || !strings.HasSuffix(names[1], ".idx") {
		t.Errorf("files %q, want one segment and its index", names)
	}
}

// What a killed process wrote and did not sync is found by the next one, which
// may acknowledge it only once it is on the disk.
func TestFoundAfterKill(t *testing.T) {
	for seed := range uint64(8) {
		d := newMemFiles()
		s := openTest(t, d, Options{})
		mustPut(t, s, false, testBlock(t, 0))
		x := testBlock(t, 1)
		killed := d
		d.hook = func(op, _ string) fault {
			if op == "sync" && killed == d {
				d.mu.Unlock()
				killed = d.killed() // before its sync
				d.mu.Lock()
			}
			return noFault
		}
		mustPut(t, s, false, x)
		d = killed
		s = openTest(t, d, Options{})
		check(t, s, true, x)
		mustPut(t, s, false, x)
		check(t, openTest(t, d.crash(rand.New(rand.NewPCG(seed, 1))), Options{}), true, x, testBlock(t, 0))
	}
}

// After a failed sync the kernel shows bytes that are not on the disk and never
// will be. The next process must not take them for stored, even when
// the disk took no index either.
func TestFailedSyncThenKill(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, testBlock(t, 0))
	d.hook = func(op, name string) fault {
		if op == "sync" || op == "create" {
			return notApplied
		}
		return noFault
	}
	x := testBlock(t, 1)
	if err := put(s, false, x); !errors.Is(err, errFault) {
		t.Fatalf("Put = %v, want %v", err, errFault)
	}
	d = d.killed()
	s = openTest(t, d, Options{})
	mustPut(t, s, false, x)
	for seed := range uint64(8) {
		check(t, openTest(t, d.crash(rand.New(rand.NewPCG(seed, 1))), Options{}), true, x, testBlock(t, 0))
	}
}
