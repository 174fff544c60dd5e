package segment

import (
	"math/rand/v2"
	"testing"
)

// A store that is swept again and again while little is stored has few files.
func TestSweepJoinsSmallSegments(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{SegmentSize: 64 << 10})
	live := map[int]bool{}
	for i := range 200 {
		live[i] = true
		mustPut(t, s, i%3 == 0, testBlock(t, i))
		sweep(t, s, liveBlocks(t, live))
		// Below a 16th of the size each, but for one that is being filled.
		if u := s.Usage(); int64(u.Segments) > u.Disk/(4<<10)+2 {
			t.Fatalf("%d segments for %d bytes after %d sweeps", u.Segments, u.Disk, i+1)
		}
	}
	for _, s := range []*Store{s, openTest(t, d.crash(rand.New(rand.NewPCG(1, 2))), Options{})} {
		for i := range live {
			check(t, s, i%3 != 0, testBlock(t, i))
		}
	}
}

// A damaged block keeps its segment from being joined, and is no reason for a
// sweep to fail that would not have touched it.
func TestSweepLeavesDamagedSmallSegment(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	live := map[int]bool{}
	for i := range 3 {
		live[i] = true
		mustPut(t, s, false, testBlock(t, i))
		if err := s.sealActive(); err != nil {
			t.Fatal(err)
		}
	}
	bad := d.files[dataName(1)].data
	bad[recordEnds(bad)[1]-1] ^= 1
	sweep(t, s, liveBlocks(t, live))
	if _, ok := d.files[dataName(1)]; !ok || s.Usage().Segments != 2 {
		t.Errorf("%d segments, the damaged one is there: %v", s.Usage().Segments, ok)
	}
	check(t, s, true, testBlock(t, 0), testBlock(t, 2))
}
